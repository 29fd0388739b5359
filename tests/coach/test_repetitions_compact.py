"""What a microcontroller counts: made sets within one, whatever is pushed how, with bounded memory."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coach.repetitions.compact import FACTOR_MAX, SAMPLES_MAX, CompactCounter
from tests.coach.test_repetitions_properties import SETS, arm


def counter_of(values: np.ndarray, rate_hz: int = 50) -> CompactCounter:
    counter = CompactCounter(rate_hz, 16.0)
    counter.push(values)
    return counter


@settings(max_examples=30, deadline=None)
@given(SETS)
def test_uneven_repetitions_are_counted_within_one(made: tuple[int, float, int]) -> None:
    assert abs(len(counter_of(arm(*made)).repetitions()) - made[0]) <= 1


@settings(max_examples=20, deadline=None)
@given(SETS, st.lists(st.integers(0, 400), max_size=20))
def test_how_samples_are_cut_does_not_matter(made: tuple[int, float, int], cuts: list[int]) -> None:
    values = arm(*made)
    cut = CompactCounter(50, 16.0)
    for part in np.split(values, np.cumsum(cuts).clip(0, len(values))):
        cut.push(part)
        cut.repetitions()
    assert cut.repetitions() == counter_of(values).repetitions()


@pytest.mark.parametrize("rate_hz", [10, 25, 50, 104])
def test_repetitions_follow_each_other_and_are_described(rate_hz: int) -> None:
    """An arm that swings by 0.7 * 2 rad and back moves gravity by sin(1.4) along one of its axes."""
    found = counter_of(arm(10, 3.0, 1, rate_hz=float(rate_hz)), rate_hz).repetitions()
    assert abs(len(found) - 10) <= 1
    assert all(one.begin < one.turn < one.end for one in found)
    assert all(one.end <= other.turn for one, other in pairwise(found))
    tempo_s = np.median([one.end - one.begin for one in found]) / rate_hz
    assert 2.5 < tempo_s < 3.5
    assert 0.5 < np.median([one.range for one in found]) < 1.1


def test_a_longer_set_is_kept_coarser_and_then_no_longer() -> None:
    at_s = np.arange(50 * 600) / 50
    swing = np.sin(2 * np.pi * at_s / 4)[:, None] * np.array([0.5, 0.2, 0.1])
    counter = CompactCounter(50, 16.0)
    counts = []
    for second in range(600):
        counter.push(swing[50 * second : 50 * (second + 1)])
        if second % 60 == 59:
            counts.append(len(counter.repetitions()))
    kept_s = SAMPLES_MAX * FACTOR_MAX / 10
    expected = [min(60 * (minute + 1), kept_s) / 4 for minute in range(10)]
    np.testing.assert_allclose(counts, expected, atol=1)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_fewer_axes_do(axes: int) -> None:
    assert abs(len(counter_of(arm(8, 2.5, 3)[:, 1 : 1 + axes]).repetitions()) - 8) <= 1


@pytest.mark.parametrize("value", [0.0, 1.0, 16.0, np.nan, np.inf])
def test_without_change_nothing_is_counted(value: float) -> None:
    assert counter_of(np.full((2000, 3), value)).repetitions() == []


def test_of_less_than_two_seconds_nothing_is_counted() -> None:
    assert counter_of(arm(4, 1.5, 0)[:100]).repetitions() == []
