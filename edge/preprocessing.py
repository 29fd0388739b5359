"""From a window in physical units to the int8 that a network takes; the same code on devices and in training.

Every step is one float32 operation in the order written here, so that another language gets the same integers
(without fused multiply-add). Resampling and windowing come before it, in domain.windows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from domain.sensors import SensorSet
from edge.artefact import Artefact

FloatArray = npt.NDArray[np.float32]
Int8Array = npt.NDArray[np.int8]

NORMALISED_MAX = 6.0  # in standard deviations of a channel: what int8 spans; blows beyond it saturate


def normalise(
    windows: FloatArray, channel_mean: Sequence[float], channel_scale: Sequence[float]
) -> FloatArray:
    """(x - mean) * (1 / scale) per channel, clamped to ±NORMALISED_MAX.

    windows float32 [..., window_samples, channels]. The reciprocal is taken in float64 and rounded. A NaN,
    which a frame's samples cannot become, saturates instead of spreading.
    """
    *outer, samples, _ = windows.shape
    # A window as one row: NumPy is slow where the innermost axis has but three or six values.
    mean = np.tile(np.asarray(channel_mean, np.float32), samples)
    gain = np.tile((1.0 / np.asarray(channel_scale, np.float64)).astype(np.float32), samples)
    normalised: FloatArray = np.subtract(windows.reshape(*outer, len(mean)), mean, dtype=np.float32)
    normalised *= gain
    np.fmin(normalised, np.float32(NORMALISED_MAX), out=normalised)
    np.fmax(normalised, np.float32(-NORMALISED_MAX), out=normalised)
    return normalised.reshape(windows.shape)


def with_magnitudes(windows: FloatArray, sensor_set: SensorSet) -> FloatArray:
    """Windows [..., window_samples, channels] with the length of each three-axis sensor's vector as a further
    channel, however the sensor is turned: sqrt((x * x + y * y) + z * z)."""
    firsts = sensor_set.three_axis_channels
    channels = windows.shape[-1]
    result = np.empty((*windows.shape[:-1], channels + len(firsts)), np.float32)
    result[..., :channels] = windows
    with np.errstate(over="ignore", invalid="ignore"):  # what is beyond float32 saturates later
        for number, first in enumerate(firsts):
            x, y, z = np.moveaxis(result[..., first : first + 3], -1, 0)
            np.sqrt(x * x + y * y + z * z, out=result[..., channels + number])
    return result


def quantise(normalised: FloatArray, scale: float, zero_point: int) -> Int8Array:
    """round(x * (1 / scale)) + zero_point, halves to even, clamped to int8; any shape."""
    steps = normalised * np.float32(1.0 / scale)
    np.rint(steps, out=steps)
    steps += np.float32(zero_point)
    np.fmin(steps, np.float32(127), out=steps)
    quantised: Int8Array = np.fmax(steps, np.float32(-128), out=steps).astype(np.int8)
    return quantised


def to_int8(windows: FloatArray, artefact: Artefact) -> Int8Array:
    """Windows [n, window_samples, channels] in the sensors' units to a network's input, int8 [n,
    window_samples, input channels]."""
    if artefact.magnitudes:
        windows = with_magnitudes(windows, artefact.sensor_set)
    normalised = normalise(windows, artefact.channel_mean, artefact.channel_scale)
    return quantise(normalised, artefact.input_scale, artefact.input_zero_point)
