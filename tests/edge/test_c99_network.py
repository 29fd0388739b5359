"""Whatever a model file may hold, its C gives the integers of the NumPy runtime."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import InvalidArtefact, InvalidInput
from domain.identifiers import ModelId
from domain.sensors import SensorSet
from edge.artefact import Artefact
from edge.c99.export import export
from edge.int8 import Int8Network, softmax
from edge.layers import Convolution, GlobalAverage, Layer, MaxPool
from edge.preprocessing import to_int8
from tests.edge.c99_library import Library, needs_gcc

WINDOWS = 20


def convolution(
    random: np.random.Generator, samples: int, inputs: int, outputs: int, taps: int
) -> Convolution:
    """Of `samples` of input; saturates now and then."""
    low, high = sorted(random.integers(-128, 128, 2).tolist())
    return Convolution(
        kernel=random.integers(-127, 128, (outputs, taps, inputs), dtype=np.int8),
        bias=random.integers(-20_000, 20_000, outputs, dtype=np.int32),
        multiplier=random.integers(2**30, 2**31 - 1, outputs, dtype=np.int32),
        shift=random.integers(-12, -6, outputs, dtype=np.int32),
        stride=int(random.integers(1, 3)),
        padding=(int(random.integers(0, 4)), int(random.integers(0, 4))),
        input_zero_point=int(random.integers(-128, 128)),
        output_zero_point=int(random.integers(-128, 128)),
        activation_min=min(low, -40),
        activation_max=max(high, 40),
    )


def separate(layer: Convolution) -> Convolution:
    """With weights for one input channel alone in each output."""
    outputs, _, inputs = layer.kernel.shape
    own = np.arange(outputs)[:, None] % inputs == np.arange(inputs)
    return replace(layer, kernel=np.asarray(layer.kernel * own[:, None, :], np.int8))


def layers(random: np.random.Generator, samples: int, channels: int, class_count: int) -> tuple[Layer, ...]:
    """Some convolutions and pools, the mean over what is left of time, and the classifier."""
    found: list[Layer] = []
    for _ in range(int(random.integers(0, 4))):
        if random.random() < 0.4 and samples > 1:
            pool = MaxPool(size=int(random.integers(1, min(samples, 4))), stride=int(random.integers(1, 4)))
            found.append(pool)
            samples = (samples - pool.size) // pool.stride + 1
        else:
            layer = convolution(
                random,
                samples,
                channels,
                int(random.integers(1, 20)),
                int(random.integers(1, min(samples, 9) + 1)),
            )
            if random.random() < 0.3:
                layer = separate(layer)
            found.append(layer)
            channels, taps, _ = layer.kernel.shape
            samples = (samples + sum(layer.padding) - taps) // layer.stride + 1
    classifier = replace(convolution(random, 1, channels, class_count, 1), padding=(0, 0))
    return (*found, GlobalAverage(size=samples), classifier)


def artefact(seed: int) -> Artefact:
    random = np.random.default_rng(seed)
    sensors = SensorSet.parse(random.choice(["a@10", "u,l@10", "a,g@5", "h@1", "h,a@3"]))
    class_count = int(random.integers(2, 12))
    magnitudes = bool(random.integers(0, 2))
    channels = sensors.channel_count + (len(sensors.three_axis_channels) if magnitudes else 0)
    return Artefact(
        model_id=ModelId("m"),
        sensor_set=sensors,
        classes=tuple(f"class {number}" for number in range(class_count)),
        channel_mean=tuple(random.normal(0, 1, channels).tolist()),
        channel_scale=tuple(random.uniform(0.01, 3, channels).tolist()),
        input_scale=float(np.float32(random.uniform(0.01, 0.1))),
        input_zero_point=int(random.integers(-128, 128)),
        layers=layers(random, sensors.window_samples, channels, class_count),
        output_scale=float(np.float32(random.uniform(0.01, 0.3))),
        output_zero_point=int(random.integers(-128, 128)),
        temperature=float(random.uniform(0.3, 3)),
        magnitudes=magnitudes,
    )


@needs_gcc
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32 - 1),
    flags=st.sampled_from([(), ("-O3", "-march=native"), ("-DMUVR_PLAIN_C", "-DMUVR_DOT_STEP=1")]),
)
def test_any_model_gives_numpys_integers(
    tmp_path_factory: pytest.TempPathFactory, seed: int, flags: tuple[str, ...]
) -> None:
    model = artefact(seed)
    library = Library(model, tmp_path_factory.mktemp("model"), flags=flags)
    random = np.random.default_rng(seed)
    windows = random.normal(0, 3, (WINDOWS, model.sensor_set.window_samples, model.sensor_set.channel_count))
    windows[0].flat[0:3] = (np.nan, np.inf, -np.inf)
    windows[1].flat[0:3] = (1e30, -1e20, 1e-30)  # whose squares leave float32
    inputs = to_int8(windows.astype(np.float32), model)
    for window, expected in zip(windows.astype(np.float32), inputs, strict=True):
        np.testing.assert_array_equal(library.quantise(window), expected)
    inputs = np.concatenate([inputs, random.integers(-128, 128, inputs.shape, dtype=np.int8)])
    outputs = Int8Network(model).run(inputs)
    for window, expected, row in zip(inputs, outputs, softmax(outputs, model), strict=True):
        np.testing.assert_array_equal(library.run(window), expected)
        np.testing.assert_allclose(library.softmax(expected), row, rtol=1e-4, atol=1e-9)


@needs_gcc
def test_extremes_saturate_as_they_do_in_numpy(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    shifts = np.array([-31, -30, -20, -12, -1, 0, 1, 3, 8], np.int32)
    extreme = replace(
        convolution(random, 1, 3, len(shifts), 1),
        kernel=np.full((len(shifts), 1, 3), 127, np.int8),
        shift=shifts,
        padding=(0, 0),
        activation_min=-128,
        activation_max=127,
    )
    model = replace(
        artefact(0),
        sensor_set=SensorSet.parse("a@10"),
        classes=tuple(map(str, shifts)),
        channel_mean=(0.0,) * 3,
        channel_scale=(1.0,) * 3,
        layers=(GlobalAverage(size=20), extreme),
        magnitudes=False,
    )
    library = Library(model, tmp_path, flags=("-fsanitize=undefined", "-fno-sanitize-recover=all"))
    inputs = np.stack([np.full((20, 3), value, np.int8) for value in (-128, -127, -1, 0, 1, 126, 127)])
    for window, expected in zip(inputs, Int8Network(model).run(inputs), strict=True):
        np.testing.assert_array_equal(library.run(window), expected)


def test_sums_that_do_not_fit_into_int32_are_refused(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    large = replace(
        convolution(random, 1, 3, 2, 1),
        bias=np.array([2**30, 0], np.int32),
        shift=np.array([-31, 0], np.int32),
    )
    model = replace(
        artefact(0),
        sensor_set=SensorSet.parse("a@10"),
        layers=(GlobalAverage(size=20), large),
        magnitudes=False,
    )
    with pytest.raises(InvalidArtefact):
        export(model, tmp_path / "c", np.zeros((1, 20, 3), np.float32))
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("shape", [(0, 20, 3), (1, 20, 2), (65, 20, 3)])
def test_test_windows_must_fit(tmp_path: Path, shape: tuple[int, ...]) -> None:
    model = replace(artefact(0), sensor_set=SensorSet.parse("a@10"))
    with pytest.raises(InvalidInput):
        export(model, tmp_path / "c", np.zeros(shape, np.float32))
