"""Counting while a set goes on: the same answers as afterwards, with bounded memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coach.repetitions import NO_REPETITIONS, RepetitionCounter, Repetitions, count


def swinging(seconds: float, rate_hz: float, period_s: float, *, seed: int = 0) -> np.ndarray:
    """An arm that swings all the time; [samples, 3] in g."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    angle = 0.7 * (1 - np.cos(2 * np.pi * t / period_s))
    values = np.stack([np.cos(angle), np.sin(angle), 0.2 * np.sin(angle)], axis=1)
    return values + np.random.default_rng(seed).normal(0, 0.03, values.shape)


def assert_same(found: Repetitions, expected: Repetitions) -> None:
    assert (found.count, found.confidence) == (expected.count, expected.confidence)
    for name in ("times_s", "tempo_s", "ranges"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([10.0, 12.5, 25.0, 48.9, 50.0, 100.0]),
    st.lists(st.integers(0, 400), max_size=30),
    st.integers(0, 1000),
)
def test_how_the_samples_are_cut_changes_no_answer(rate_hz: float, lengths: list[int], seed: int) -> None:
    values = swinging(25.0, rate_hz, 2.3, seed=seed).astype(np.float32)
    counter = RepetitionCounter(rate_hz)
    for part in np.split(values, np.minimum(np.cumsum(lengths, dtype=int), len(values))):
        counter.push(part)
        assert counter.count >= 0
    assert_same(counter.finish(), count(values, rate_hz))


def test_the_running_count_depends_on_the_samples_alone() -> None:
    values = swinging(40.0, 50.0, 2.0)
    often, once = RepetitionCounter(50.0), RepetitionCounter(50.0)
    running = []
    for sample in range(0, len(values), 10):
        often.push(values[sample : sample + 10])
        running.append(often.count)
    once.push(values)
    assert once.count == running[-1]
    assert running == sorted(running)
    assert abs(running[len(running) // 2] - 10) <= 1


def test_finishing_ends_nothing() -> None:
    values = swinging(30.0, 50.0, 2.0)
    counter = RepetitionCounter(50.0)
    counter.push(values[:700])
    assert_same(counter.finish(), count(values[:700], 50.0))
    counter.push(values[700:])
    assert_same(counter.finish(), count(values, 50.0))


def test_a_long_set_is_counted_in_parts_that_fit_together() -> None:
    values = swinging(20 * 60.0, 25.0, 2.5)
    counter = RepetitionCounter(25.0)
    for part in np.array_split(values, 77):
        counter.push(part)
    found = counter.finish()
    assert abs(found.count - 480) <= 4
    assert np.all(np.diff(found.times_s) > 1.0)
    assert np.diff(found.times_s).max() < 5.0
    assert_same(found, count(values, 25.0))


def test_memory_does_not_grow_with_the_set() -> None:
    """Half an hour at 50 Hz is 2.2 MB of samples, and 0.9 MB on the grid if all of it were kept."""
    counter = RepetitionCounter(50.0)
    minute = swinging(60.0, 50.0, 3.0)
    for _ in range(6):
        counter.push(minute)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(24):
        counter.push(minute)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 300_000


def test_nothing_yet_is_no_repetition() -> None:
    counter = RepetitionCounter(50.0)
    assert counter.count == 0
    assert counter.finish() is NO_REPETITIONS
    counter.push(np.zeros((0, 3)))
    assert counter.count == 0
    assert counter.finish() is NO_REPETITIONS


@pytest.mark.parametrize("rate_hz", [0.0, -1.0, np.nan, np.inf])
def test_a_rate_that_is_none_is_refused(rate_hz: float) -> None:
    with pytest.raises(ValueError, match="rate above 0"):
        RepetitionCounter(rate_hz)


@pytest.mark.parametrize("tempo_s", [0.0, -2.0, np.nan, np.inf])
def test_a_tempo_that_is_none_is_refused(tempo_s: float) -> None:
    with pytest.raises(ValueError, match="tempo"):
        RepetitionCounter(50.0, expected_tempo_s=tempo_s)


def test_what_are_no_samples_is_refused_and_forgotten() -> None:
    values = swinging(20.0, 50.0, 2.0)
    counter = RepetitionCounter(50.0)
    counter.push(values[:500])
    for wrong in (np.full((5, 3), np.nan), np.full((5, 3), np.inf), np.zeros((5, 2)), np.zeros(5)):
        with pytest.raises(ValueError, match="values must"):
            counter.push(wrong)
    counter.push(values[500:])
    assert_same(counter.finish(), count(values, 50.0))
