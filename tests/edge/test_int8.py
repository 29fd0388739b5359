"""Int8 inference: equal to integers worked out the long way, and to TensorFlow Lite's reference kernels."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.identifiers import ModelId
from domain.sensors import SensorSet
from edge.artefact import Artefact
from edge.int8 import Int8Network, softmax
from edge.layers import Convolution, GlobalAverage, Layer, MaxPool
from edge.preprocessing import NORMALISED_MAX, to_int8
from edge.rescaling import multiply_by_quantized_multiplier

SENSORS = SensorSet.parse("a@10")  # windows of 20 samples and 3 channels

Int8Array = npt.NDArray[np.int8]


def convolution(
    random: np.random.Generator, outputs: int, taps: int, inputs: int, **changes: object
) -> Convolution:
    gain_bits = np.log2(taps * inputs) / 2 + 13
    fields: dict[str, object] = {
        "kernel": random.integers(-127, 128, (outputs, taps, inputs), dtype=np.int8),
        "bias": random.integers(-20_000, 20_000, outputs, dtype=np.int32),
        "multiplier": random.integers(2**30, 2**31 - 1, outputs, dtype=np.int32),
        "shift": np.full(outputs, 7 - round(gain_bits), np.int32),
        "stride": 1,
        "padding": (0, 0),
        "input_zero_point": int(random.integers(-128, 128)),
        "output_zero_point": int(random.integers(-128, 128)),
        "activation_min": -128,
        "activation_max": 127,
    }
    return Convolution(**(fields | changes))  # type: ignore[arg-type]


def artefact(layers: tuple[Layer, ...], class_count: int) -> Artefact:
    return Artefact(
        model_id=ModelId("m"),
        sensor_set=SENSORS,
        classes=tuple(f"class {number}" for number in range(class_count)),
        channel_mean=(0.0, 0.5, -1.0),
        channel_scale=(1.0, 2.0, 0.5),
        input_scale=0.05,
        input_zero_point=3,
        layers=layers,
        output_scale=0.1,
        output_zero_point=5,
    )


def rescaled(value: int, multiplier: int, shift: int) -> int:
    """gemmlowp's two roundings, in exact fractions."""
    product = Fraction(value * 2 ** max(shift, 0) * multiplier, 2**31)
    high = int((product + Fraction(1, 2)).__floor__())
    quotient = Fraction(high, 2 ** max(-shift, 0))
    away = int((abs(quotient) + Fraction(1, 2)).__floor__())
    return away if quotient >= 0 else -away


def run_slowly(layers: tuple[Layer, ...], window: Int8Array) -> list[int]:
    """One window through the network in Python's integers."""
    values = [[int(value) for value in sample] for sample in window]
    for layer in layers:
        if isinstance(layer, MaxPool):
            starts = range(0, len(values) - layer.size + 1, layer.stride)
            values = [
                [max(column) for column in zip(*values[s : s + layer.size], strict=True)] for s in starts
            ]
        elif isinstance(layer, GlobalAverage):
            values = [[average(sum(column), layer.size) for column in zip(*values, strict=True)]]
        else:
            values = convolve_slowly(layer, values)
    return values[0]


def average(total: int, size: int) -> int:
    return (total + size // 2) // size if total > 0 else -((-total + size // 2) // size)


def convolve_slowly(layer: Convolution, values: list[list[int]]) -> list[list[int]]:
    outputs, taps, inputs = layer.kernel.shape
    before, after = layer.padding
    silence = [layer.input_zero_point] * inputs
    padded = [silence] * before + values + [silence] * after
    result = []
    for start in range(0, len(padded) - taps + 1, layer.stride):
        row = []
        for o in range(outputs):
            total = int(layer.bias[o])
            for k in range(taps):
                for i in range(inputs):
                    total += int(layer.kernel[o, k, i]) * (padded[start + k][i] - layer.input_zero_point)
            value = rescaled(total, int(layer.multiplier[o]), int(layer.shift[o])) + layer.output_zero_point
            row.append(min(max(value, layer.activation_min), layer.activation_max))
        result.append(row)
    return result


@pytest.mark.parametrize(
    ("value", "multiplier", "shift", "expected"),
    [
        (1000, 2**30, 0, 500),
        (3, 2**30, 0, 2),  # 1.5: a half goes up
        (-3, 2**30, 0, -1),  # -1.5: the first rounding takes a half up
        (6, 2**30, -1, 2),  # 3, then 1.5: away from zero
        (-6, 2**30, -1, -2),  # -3, then -1.5: away from zero
        (5, 2**30, -1, 2),  # 2.5 to 3, then 1.5 to 2, where one rounding of 1.25 gives 1
        (7, 2**30, 3, 28),
        (12345, 0, -5, 0),
    ],
)
def test_rescaling_rounds_twice(value: int, multiplier: int, shift: int, expected: int) -> None:
    arguments = (np.array([number], np.int64) for number in (value, multiplier, shift))
    assert multiply_by_quantized_multiplier(*arguments).tolist() == [expected]
    assert rescaled(value, multiplier, shift) == expected


@given(st.integers(-(2**24), 2**24), st.integers(2**30, 2**31 - 1), st.integers(-31, 6))
def test_rescaling_equals_exact_fractions(value: int, multiplier: int, shift: int) -> None:
    arguments = (np.array([number], np.int64) for number in (value, multiplier, shift))
    assert multiply_by_quantized_multiplier(*arguments).tolist() == [rescaled(value, multiplier, shift)]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_any_network_equals_pythons_integers(seed: int) -> None:
    random = np.random.default_rng(seed)
    relu = int(random.integers(-128, 100))
    layers = (
        convolution(random, 5, 4, 3, stride=int(random.integers(1, 3)), padding=(1, 2)),
        MaxPool(size=3, stride=2),
        convolution(random, 6, 2, 5, output_zero_point=relu, activation_min=relu),
        MaxPool(size=2, stride=1),
    )
    layers = (*layers, GlobalAverage(size=length_after(layers)), convolution(random, 4, 1, 6))
    windows = random.integers(-128, 128, (3, 20, 3), dtype=np.int8)
    outputs = Int8Network(artefact(layers, 4)).run(windows)
    assert outputs.dtype == np.int8
    assert outputs.tolist() == [run_slowly(layers, window) for window in windows]


def length_after(layers: tuple[Layer, ...]) -> int:
    """Samples that are left of a window after `layers`."""
    samples = SENSORS.window_samples
    for layer in layers:
        if isinstance(layer, Convolution):
            samples = (samples + sum(layer.padding) - layer.kernel.shape[1]) // layer.stride + 1
        elif isinstance(layer, MaxPool):
            samples = (samples - layer.size) // layer.stride + 1
    return samples


@pytest.mark.parametrize("only", [-128, 3, 127])
def test_an_activation_of_one_level_gives_that_level(only: int) -> None:
    random = np.random.default_rng(3)
    layers = (
        convolution(random, 5, 4, 3, activation_min=only, activation_max=only),
        GlobalAverage(size=17),
        convolution(random, 2, 1, 5),
    )
    windows = random.integers(-128, 128, (3, 20, 3), dtype=np.int8)
    assert Int8Network(artefact(layers, 2)).run(windows).tolist() == [run_slowly(layers, w) for w in windows]


@pytest.mark.parametrize("extreme", [-128, 127])
@pytest.mark.parametrize("shift", [-31, -12, 0, 3])
def test_extremes_saturate_as_integers_do(extreme: int, shift: int) -> None:
    random = np.random.default_rng(1)
    kernel = np.full((2, 1, 3), 127, np.int8)
    layers = (
        GlobalAverage(size=20),
        convolution(random, 2, 1, 3, kernel=kernel, shift=np.full(2, shift, np.int32)),
    )
    windows = np.full((1, 20, 3), extreme, np.int8)
    assert Int8Network(artefact(layers, 2)).run(windows).tolist() == [run_slowly(layers, windows[0])]


def test_a_bound_beyond_float32_is_computed_in_float64() -> None:
    random = np.random.default_rng(2)
    bias = np.array([2**24 + 1, -(2**24) - 1], np.int32)
    layers = (
        GlobalAverage(size=20),
        convolution(random, 2, 1, 3, bias=bias, shift=np.full(2, -17, np.int32)),
    )
    windows = random.integers(-128, 128, (50, 20, 3), dtype=np.int8)
    assert Int8Network(artefact(layers, 2)).run(windows).tolist() == [run_slowly(layers, w) for w in windows]


def test_how_windows_are_batched_changes_nothing() -> None:
    random = np.random.default_rng(3)
    layers = (convolution(random, 64, 20, 3), convolution(random, 4, 1, 64))
    network = Int8Network(artefact(layers, 4))
    windows = random.integers(-128, 128, (400, 20, 3), dtype=np.int8)
    together = network.run(windows)
    one_by_one = np.concatenate([network.run(window[None]) for window in windows])
    np.testing.assert_array_equal(together, one_by_one)
    assert network.run(windows[:0]).shape == (0, 4)


def test_probabilities_are_a_softmax_softened_by_the_temperature() -> None:
    whole = artefact((GlobalAverage(size=20),), 3)
    outputs = np.array([[15, 5, -5]], np.int8)  # logits 1, 0, -1
    weights = np.exp([1.0, 0.0, -1.0])
    np.testing.assert_allclose(softmax(outputs, whole), [weights / weights.sum()], rtol=1e-5)
    softer = np.exp([0.5, 0.0, -0.5])
    np.testing.assert_allclose(
        softmax(outputs, replace(whole, temperature=2.0)), [softer / softer.sum()], rtol=1e-5
    )


def test_preprocessing_normalises_rounds_and_saturates() -> None:
    whole = artefact((GlobalAverage(size=20),), 3)
    window = np.zeros((1, 20, 3), np.float32)
    window[0, 0] = (0.1, 0.5, -1.0)  # 0.1 is two steps of 0.05; the others are their channels' means
    window[0, 1] = (0.075, 1.5, np.inf)
    window[0, 2] = (np.nan, -1e30, -np.inf)
    quantised = to_int8(window, whole)
    steps = round(NORMALISED_MAX / 0.05)
    assert quantised.dtype == np.int8
    assert quantised[0, 0].tolist() == [5, 3, 3]
    assert quantised[0, 1, 1:].tolist() == [13, min(127, steps + 3)]
    assert quantised[0, 2, 1:].tolist() == [3 - steps, 3 - steps]
    np.testing.assert_array_equal(window[0, 1, 0], np.float32(0.075))


def test_preprocessing_is_the_same_for_one_window_and_many() -> None:
    whole = artefact((GlobalAverage(size=20),), 3)
    windows = np.random.default_rng(4).normal(0, 2, (50, 20, 3)).astype(np.float32)
    np.testing.assert_array_equal(to_int8(windows, whole)[7], to_int8(windows[7:8], whole)[0])
    assert np.abs(to_int8(windows, whole).astype(int)).max() > 100
