"""What the recognition model is compared with, each fitted on the same windows in the same run.

- The majority: always the most frequent class of the training windows.
- The 2016 network of the system that muvr mirrors: 8 s of three axes at 50 Hz (1,200 inputs), 250 and 100
  hidden sigmoid units, the classes; dense and in floating point. A window's answer is that of the 8 s around
  it, as far as they were recorded; what is missing repeats the edge.
- A random forest on features after Morris et al., RecoFit (CHI 2014): of each axis, of the magnitude and of
  the first principal axis of each sensor, statistics, power in bands and the shape of the autocorrelation.
  RecoFit took 5 s and a support vector machine; here it is 2 s, as for the model, and a forest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.network import import_tensorflow

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

NETWORK_SECONDS = 8
NETWORK_HIDDEN = (250, 100)
NETWORK_EPOCHS = 30
TREES = 100
POWER_BANDS = 10


@dataclass(frozen=True)
class Majority:
    """Names the most frequent training label; `probabilities` are [n, classes]."""

    class_count: int

    def probabilities(self, labels: IntArray, count: int) -> FloatArray:
        row = np.zeros(self.class_count, np.float32)
        row[np.bincount(labels, minlength=self.class_count).argmax()] = 1
        return np.tile(row, (count, 1))


def features(samples: FloatArray, sensors: int) -> FloatArray:
    """[n, features] of windows [n, window_samples, 3 * sensors], each sensor having three axes."""
    parts = [
        _signal_features(signal)
        for sensor in range(sensors)
        for signal in _signals(samples[:, :, 3 * sensor : 3 * sensor + 3])
    ]
    return np.concatenate(parts, axis=1)


def forest(samples: FloatArray, labels: IntArray, class_count: int, seed: int) -> Any:
    """A fitted function from windows [n, window_samples, channels] to probabilities [n, classes]."""
    from sklearn.ensemble import RandomForestClassifier  # type: ignore[import-untyped]

    sensors = samples.shape[2] // 3
    model = RandomForestClassifier(TREES, class_weight="balanced_subsample", random_state=seed, n_jobs=2)
    model.fit(features(samples, sensors), labels)

    def probabilities(windows: FloatArray) -> FloatArray:
        result = np.zeros((len(windows), class_count), np.float32)
        result[:, model.classes_] = model.predict_proba(features(windows, sensors))
        return result

    return probabilities


def eight_seconds(samples: FloatArray, recordings: IntArray) -> FloatArray:
    """The accelerometer's 8 s around each window, [n, 4 * window_samples, 3], from windows a second apart.

    `recordings` [n] are the windows' recordings, whose windows stand together in their order.
    """
    offsets = (-3, -1, 1, 3)  # in windows, of which each begins half a window after the one before
    numbers = np.arange(len(samples))
    first = np.searchsorted(recordings, recordings, side="left")
    last = np.searchsorted(recordings, recordings, side="right") - 1
    around = [np.clip(numbers + offset, first, last) for offset in offsets]
    return np.concatenate([samples[index, :, :3] for index in around], axis=1)


def network_2016(inputs: FloatArray, labels: IntArray, class_count: int, seed: int) -> Any:
    """The dense network fitted on [n, 400, 3]; a function from such inputs to probabilities [n, classes]."""
    tf = import_tensorflow()
    keras = tf.keras
    keras.utils.set_random_seed(seed)
    mean, scale = inputs.mean(axis=(0, 1)), inputs.std(axis=(0, 1)) + 1e-6
    model = keras.Sequential(
        [
            keras.Input(inputs.shape[1:]),
            keras.layers.Flatten(),
            *[keras.layers.Dense(units, "sigmoid") for units in NETWORK_HIDDEN],
            keras.layers.Dense(class_count, "softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    model.fit((inputs - mean) / scale, labels, batch_size=64, epochs=NETWORK_EPOCHS, verbose=0)
    return lambda windows: model.predict((windows - mean) / scale, batch_size=1024, verbose=0)


def _signals(axes: FloatArray) -> list[FloatArray]:
    """x, y, z, the magnitude and the coordinate along the axis of most variance, each [n, window_samples]."""
    centred = axes - axes.mean(axis=1, keepdims=True)
    _, vectors = np.linalg.eigh(centred.transpose(0, 2, 1) @ centred)
    principal = (centred @ vectors[:, :, -1:])[:, :, 0]
    return [axes[:, :, 0], axes[:, :, 1], axes[:, :, 2], np.linalg.norm(axes, axis=2), principal]


def _signal_features(signal: FloatArray) -> FloatArray:
    """Of signals [n, window_samples]: 10 statistics, the power in bands, 5 figures of the autocorrelation."""
    mean, deviation = signal.mean(axis=1), signal.std(axis=1)
    centred = signal - mean[:, None]
    quantiles = np.quantile(signal, [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0], axis=1)
    crossings = (np.diff(np.signbit(centred), axis=1) != 0).mean(axis=1)
    spectrum = np.abs(np.fft.rfft(centred, axis=1)[:, 1 : 4 * POWER_BANDS + 1]) ** 2
    power = np.log1p(np.add.reduceat(spectrum, np.arange(0, spectrum.shape[1], 4), axis=1))
    columns = [mean, deviation, crossings, *quantiles, *power.T, *_autocorrelation(centred)]
    return np.stack(columns, axis=1).astype(np.float32)


def _autocorrelation(centred: FloatArray) -> list[npt.NDArray[np.floating]]:
    """How many peaks, the highest one's height and lag, the first zero's lag, the height at half a window."""
    length = centred.shape[1]
    power = np.abs(np.fft.rfft(centred, 2 * length, axis=1)) ** 2
    values = np.fft.irfft(power, axis=1)[:, : length * 3 // 4]
    values = values / np.maximum(values[:, :1], 1e-9)
    middle = values[:, 1:-1]
    peaks = (middle > values[:, :-2]) & (middle >= values[:, 2:])
    heights = np.where(peaks, middle, -1.0)
    negative = values < 0
    first_zero = np.where(negative.any(axis=1), negative.argmax(axis=1), values.shape[1])
    return [
        peaks.sum(axis=1),
        heights.max(axis=1),
        heights.argmax(axis=1),
        first_zero,
        values[:, length // 2],
    ]
