"""The network: a small convolutional one over time, of operations that export to int8 exactly.

Convolutions are two-dimensional with height 1, which TensorFlow Lite has and one-dimensional ones become
anyway. The head is a 1x1 convolution after the mean over time, because LiteRT's FULLY_CONNECTED rounds
differently from the one for microcontrollers. Batch normalisation is folded into the weights by the export.
"""

from __future__ import annotations

import logging
import os
from typing import Any

PARAMETERS_MAX = 20_000


def import_tensorflow() -> Any:
    """TensorFlow on all cores of this machine, quiet; takes about 3 s the first time."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(os.cpu_count() or 1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        pass  # TensorFlow has begun to work, so its threads are as they are
    for name in ("tensorflow", "absl"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return tf


def build(window_samples: int, channels: int, class_count: int) -> Any:
    """A Keras model from normalised windows [n, 1, window_samples, channels] to logits [n, 1, 1, classes].

    16,304 parameters for six channels and 15 classes at 50 Hz, of which 15,000 remain after folding.
    """
    import keras

    inputs = keras.Input((1, window_samples, channels))
    x = _convolution(inputs, 16, taps=9, stride=2)
    x = _halved(x)
    x = _convolution(x, 32, taps=5)
    x = _halved(x)
    x = _convolution(x, 48, taps=3)
    x = _convolution(x, 48, taps=3)
    x = keras.layers.Dropout(0.3)(x)
    x = keras.layers.AveragePooling2D((1, x.shape[2]))(x)
    return keras.Model(inputs, keras.layers.Conv2D(class_count, 1)(x))


def _halved(x: Any) -> Any:
    """The larger of each two samples; of a heart rate, too slow to halve that often, what is left."""
    import keras

    return keras.layers.MaxPooling2D((1, 2))(x) if x.shape[2] >= 2 else x


def _convolution(x: Any, filters: int, *, taps: int, stride: int = 1) -> Any:
    import keras

    x = keras.layers.Conv2D(filters, (1, taps), strides=(1, stride), padding="same", use_bias=False)(x)
    x = keras.layers.BatchNormalization(momentum=0.9)(x)
    # Outliers would stretch int8 over values that hardly occur, and the mean over time would lose its bits.
    return keras.layers.ReLU(max_value=6)(x)
