"""The network: a small convolutional one over time, of operations that export to int8 exactly.

Convolutions are two-dimensional with height 1, which TensorFlow Lite has and one-dimensional ones become
anyway. The head is a 1x1 convolution after pooling over time, because LiteRT's FULLY_CONNECTED rounds
differently from the one for microcontrollers. Batch normalisation is folded into the weights by the export.
"""

from __future__ import annotations

import logging
import os
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

PARAMETERS_MAX = 20_000
SPLIT_SAMPLES_MIN = 16  # a heart rate has no gravity and too few samples
MOTION_SCALE_MIN = 0.02  # in deviations of the channel: below it there is noise
GRAVITY_GAIN = 0.75  # ±4 deviations fit between 0 and 6


def import_tensorflow() -> Any:
    """TensorFlow, quiet; takes about 3 s the first time.

    On one core: a mini-batch of so small a network takes 8 ms on one and 13 ms shared between two, and the
    other makes the next mini-batch meanwhile.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        pass  # TensorFlow has begun to work, so its threads are as they are
    for name in ("tensorflow", "absl"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return tf


def build(
    window_samples: int, channels: int, class_count: int, motion_scale: npt.NDArray[np.floating] | None = None
) -> Any:
    """A Keras model from normalised windows [n, 1, window_samples, channels] to logits [n, 1, 1, classes].

    17,785 parameters for the eight channels of two sensors with their magnitudes and 15 classes at 50 Hz, of
    which 17,383 remain after folding; 293,000 multiplications a window.
    `motion_scale` [channels] are the deviations of what `motion` returns, by default 1.
    """
    import keras

    x = inputs = keras.Input((1, window_samples, channels))
    taps = gravity_taps(window_samples)
    if taps:
        x = _split(x, taps, np.ones(channels) if motion_scale is None else motion_scale)
        x = _convolution(x, 16, taps=min(5, x.shape[2]), padding="valid")
    else:
        x = _convolution(x, 16, taps=9, stride=2)
    x = _halved(x)
    x = _convolution(x, 32, taps=5)
    x = _halved(x)
    x = _convolution(x, 40, taps=3)
    x = _convolution(x, 46, taps=3)
    x = keras.layers.Dropout(0.3)(x)
    x = keras.layers.MaxPooling2D((1, max(1, x.shape[2] // 2)))(x)
    x = keras.layers.AveragePooling2D((1, x.shape[2]))(x)
    return keras.Model(inputs, keras.layers.Conv2D(class_count, 1)(x))


def gravity_taps(window_samples: int) -> int:
    """Over how many samples, half a second, gravity is averaged; 0 where windows are too short for it."""
    return 2 * round(0.13 * window_samples) if window_samples >= SPLIT_SAMPLES_MIN else 0


def motion(normalised: FloatArray, taps: int) -> FloatArray:
    """What is left of windows [n, window_samples, channels] without their mean over `taps` samples.

    [n, window_samples - taps, channels]; gravity and slow turns are in the mean.
    """
    sums = np.cumsum(normalised, axis=1, dtype=np.float64)
    mean = (sums[:, taps:] - sums[:, :-taps]) / taps
    return np.asarray(normalised[:, taps // 2 : taps // 2 + mean.shape[1]] - mean, np.float32)


def _split(x: Any, taps: int, motion_scale: npt.NDArray[np.floating]) -> Any:
    """Gravity and motion as channels of their own, at about 25 Hz: [n, 1, length, 2 * channels].

    Motion may be a hundredth of gravity, which decides whole movements of slow exercises; behind one scale
    int8 would lose it. The filters are fixed. Both are shifted to be positive, so that ReLU6 clamps outliers
    on both sides; without padding, whose zeros would be a pose.
    """
    import keras

    channels = x.shape[3]
    stride = max(1, x.shape[2] // 50)
    kernel = np.zeros((1, taps, channels, 2 * channels), np.float32)
    for channel in range(channels):
        gain = 1 / max(float(motion_scale[channel]), MOTION_SCALE_MIN)
        kernel[0, :, channel, channel] = GRAVITY_GAIN / taps
        kernel[0, :, channel, channels + channel] = gain * _motion_filter(taps, stride)
    layer = keras.layers.Conv2D(2 * channels, (1, taps), strides=(1, stride), trainable=False)
    x = layer(x)
    layer.set_weights([kernel, np.full(2 * channels, 3.0, np.float32)])
    return keras.layers.ReLU(max_value=6)(x)


def _motion_filter(taps: int, centre: int) -> FloatArray:
    """The mean of the `centre` samples in the middle less that of the others, [taps].

    Its weights are whole multiples of a 127th of the greatest, so that int8 holds them exactly: rounded, they
    would no longer add up to nothing, and gravity, much larger, would leak in.
    """
    others = np.diff(np.rint(np.linspace(0, 127 * centre, taps - centre + 1)))
    half = len(others) // 2
    weights = np.concatenate([-others[:half], np.full(centre, 127.0), -others[half:]])
    return np.asarray(weights / (127 * centre), np.float32)


def _halved(x: Any) -> Any:
    """The larger of each two samples; of a heart rate, too slow to halve that often, what is left."""
    import keras

    return keras.layers.MaxPooling2D((1, 2))(x) if x.shape[2] >= 2 else x


def _convolution(x: Any, filters: int, *, taps: int, stride: int = 1, padding: str = "same") -> Any:
    import keras

    x = keras.layers.Conv2D(filters, (1, taps), strides=(1, stride), padding=padding, use_bias=False)(x)
    x = keras.layers.BatchNormalization(momentum=0.9)(x)
    # Outliers would stretch int8 over values that hardly occur, and the mean over time would lose its bits.
    return keras.layers.ReLU(max_value=6)(x)
