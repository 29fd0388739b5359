"""A set's samples on one grid, smoothed, and each sensor brought to its usual magnitude."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

GRID_HZ = 20.0  # every set is looked at on this grid: repetitions take longer than half a second

_USUAL_MAX = 3.0  # magnitudes beyond this multiple of the median one do not raise what is usual


def axes_of(channel_count: int) -> int:
    """Channels in threes are sensors of three axes, otherwise each channel is a sensor."""
    return 3 if channel_count % 3 == 0 else 1


def smoothed(values: FloatArray, deviation: float) -> FloatArray:
    """Gaussian smoothing along time, standard deviation in samples, the ends held; [samples, channels]."""
    reach = int(3 * deviation) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    kernel /= kernel.sum()
    held = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    return np.stack([np.convolve(channel, kernel, "valid") for channel in held.T], axis=1)


def without_drift(values: FloatArray, drift_s: float) -> FloatArray:
    """Without what changes more slowly than a Gaussian of `drift_s`; short sets lose less."""
    return values - smoothed(values, min(drift_s * GRID_HZ, len(values) / 6))


def usual_magnitudes(motion: FloatArray) -> FloatArray:
    """The root mean square of each channel's sensor, strong movement limited, [channels]."""
    axes = axes_of(motion.shape[1])
    usual = np.empty(motion.shape[1])
    for first in range(0, motion.shape[1], axes):
        magnitudes = np.sqrt((motion[:, first : first + axes] ** 2).sum(axis=1))
        limited = np.minimum(magnitudes, _USUAL_MAX * np.median(magnitudes))
        usual[first : first + axes] = np.sqrt(np.mean(limited**2)) + 1e-9
    return usual


def clipped(values: FloatArray, usual: FloatArray, clip: float) -> FloatArray:
    """Each sensor in units of its usual magnitude, vectors longer than `clip` shortened to it."""
    axes = axes_of(values.shape[1])
    scaled = values / usual
    for first in range(0, values.shape[1], axes):
        sensor = scaled[:, first : first + axes]
        magnitudes = np.sqrt((sensor**2).sum(axis=1))
        sensor *= np.minimum(1.0, clip / (magnitudes + 1e-9))[:, None]
    return scaled


def cumulative(values: FloatArray) -> FloatArray:
    return np.concatenate([[0.0], np.cumsum(values)])


class Resampler:
    """Means over the periods of the grid, the same however the samples are cut into pushes."""

    def __init__(self, rate_hz: float) -> None:
        self._ratio = rate_hz / GRID_HZ
        self._first = 0  # index of the first sample that is still needed
        self._done = 0  # grid samples given out
        self._rest: FloatArray | None = None

    def push(self, values: FloatArray) -> FloatArray:
        """The grid samples that `values`, [samples, channels], complete; [grid samples, channels]."""
        kept = values if self._rest is None else np.concatenate([self._rest, values])
        done = int((self._first + len(kept)) / self._ratio)
        edges = np.arange(self._done, max(done, self._done) + 1) * self._ratio
        left = edges.astype(np.intp) - self._first
        parts = (edges - edges.astype(np.intp))[:, None]
        padded = np.concatenate([kept, kept[-1:], kept[-1:]])
        left = np.minimum(left, len(kept))
        if len(left) > 1:
            sums = np.add.reduceat(padded[: left[-1] + 1], left, axis=0)[:-1]
            sums[left[1:] == left[:-1]] = 0.0
            grid = (sums + parts[1:] * padded[left[1:]] - parts[:-1] * padded[left[:-1]]) / self._ratio
        else:
            grid = kept[:0]
        self._done += len(grid)
        drop = min(int(self._done * self._ratio) - self._first, len(kept))
        self._rest = kept[drop:].copy()
        self._first += drop
        return np.asarray(grid)
