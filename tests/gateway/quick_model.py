"""A model that knows one person's exercises, fitted in a second with NumPy alone.

Random convolutions whose responses are averaged, and a ridge regression on them (as in Dempster et al.,
"ROCKET", 2020): enough to tell a few exercises of one person apart, in the format that devices run.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from domain.identifiers import ModelId
from domain.recording import REST, Recording
from domain.sensors import SensorSet
from edge.artefact import Artefact, digest, encode
from edge.int8 import Int8Network
from edge.layers import Convolution, GlobalAverage
from edge.preprocessing import to_int8
from persistence.models import EVERYONE, ModelStore, evaluation_row
from persistence.ports import Store
from persistence.schema import Timestamp
from persistence.tables import ModelRow

SET = SensorSet.parse("a,g@50")
FEATURES, TAPS, STRIDE = 96, 15, 10
RIDGE = 0.05
GAIN = 12.0  # from a regression's 0 to 1 to logits
OUTPUT_SCALE = 0.1
SEED = 5

FloatArray = npt.NDArray[np.float32]
Int8Array = npt.NDArray[np.int8]


def serve(store: Store, recordings: Sequence[Recording]) -> None:
    """Fit a model to `recordings` and serve it to everyone."""
    artefact = fit(recordings)
    data = encode(artefact)
    row = ModelRow(
        EVERYONE, str(SET), Timestamp(1), artefact.model_id, digest(data), json.dumps(artefact.classes),
        artefact.parameter_count, len(data), 1.0, "{}",
    )  # fmt: skip
    metrics = {"accuracy": 1.0, "precision": 1.0, "recall": 1.0, "f1_macro": 1.0}
    models = ModelStore(store)
    models.save(row, data, evaluation_row(artefact.model_id, 1, "the same recordings", metrics))
    models.promote(row, 1.0)


def fit(recordings: Sequence[Recording]) -> Artefact:
    """The model of what `recordings` hold; those between sets are REST."""
    classes = tuple(sorted({recording.label for recording in recordings}))
    assert REST in classes
    windows, labels = _windows(recordings, classes)
    network = _convolutions(windows)
    features = Int8Network(network).run(to_int8(windows, network)).astype(np.float64) + 128
    last = _regression(features, np.eye(len(classes))[labels])
    return dataclasses.replace(
        network, classes=classes, layers=(*network.layers, last), output_scale=OUTPUT_SCALE
    )


def _windows(
    recordings: Sequence[Recording], classes: tuple[str, ...]
) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    cut, labels = [], []
    for recording in recordings:
        values = np.concatenate([recording.values[letter] for letter in SET.letters], axis=1)
        for start in range(0, len(values) - SET.window_samples + 1, STRIDE):
            cut.append(values[start : start + SET.window_samples])
            labels.append(classes.index(recording.label))
    return np.stack(cut).astype(np.float32), np.array(labels)


def _convolutions(windows: FloatArray) -> Artefact:
    """An artefact whose classes are the features: random convolutions, their positive part averaged."""
    random = np.random.default_rng(SEED)
    channels = windows.shape[2]
    convolution = Convolution(
        kernel=random.integers(-127, 128, (FEATURES, TAPS, channels), dtype=np.int8),
        bias=random.integers(-8000, 8000, FEATURES, dtype=np.int32),
        multiplier=np.full(FEATURES, 1 << 30, np.int32),
        shift=np.full(FEATURES, -7, np.int32),
        stride=1,
        padding=(0, 0),
        input_zero_point=0,
        output_zero_point=-128,
        activation_min=-128,
        activation_max=127,
    )
    return Artefact(
        model_id=ModelId("quick"),
        sensor_set=SET,
        classes=tuple(f"feature-{number}" for number in range(FEATURES)),
        channel_mean=tuple(map(float, windows.mean(axis=(0, 1)))),
        channel_scale=tuple(map(float, windows.std(axis=(0, 1)))),
        input_scale=6 / 127,
        input_zero_point=0,
        layers=(convolution, GlobalAverage(size=SET.window_samples - TAPS + 1)),
        output_scale=1.0,
        output_zero_point=-128,
    )


def _regression(features: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64]) -> Convolution:
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-3
    x = (features - mean) / spread
    weights = np.linalg.solve(
        x.T @ x + RIDGE * len(x) * np.eye(x.shape[1]), x.T @ (wanted - wanted.mean(axis=0))
    )
    weights = (GAIN * weights / spread[:, None]).T  # [classes, features], of features as they come
    offset = GAIN * wanted.mean(axis=0) - weights @ mean
    steps = np.abs(weights).max(axis=1) / 127
    kernel = np.rint(weights / steps[:, None]).astype(np.int8)
    parts = [math.frexp(step / OUTPUT_SCALE) for step in steps]
    return Convolution(
        kernel=kernel[:, None, :],
        bias=np.rint(offset / steps).astype(np.int32),
        multiplier=np.array([round(mantissa * (1 << 31)) for mantissa, _ in parts], np.int32),
        shift=np.array([exponent for _, exponent in parts], np.int32),
        stride=1,
        padding=(0, 0),
        input_zero_point=-128,
        output_zero_point=-128,
        activation_min=-128,
        activation_max=127,
    )
