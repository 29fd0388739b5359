"""Counting repetitions: of made movement, where the truth is known, and of real sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from coach.repetitions import count
from domain.recording import REST, Recording
from edge.recordings import load_directory

REAL = Path(__file__).parents[2].parent / "shared" / "recordings"


def movement(
    repetitions: int, period_s: float, rate_hz: float, *, seed: int = 0, still_s: float = 2.0
) -> np.ndarray:
    """An arm that is still, swings `repetitions` times and is still; [samples, 3] in g."""
    random = np.random.default_rng(seed)
    t = np.arange(round((repetitions * period_s + 2 * still_s) * rate_hz)) / rate_hz - still_s
    phase = np.clip(t / period_s, 0, repetitions)
    angle = 0.7 * (1 - np.cos(2 * np.pi * phase))
    values = np.stack([np.cos(angle), np.sin(angle), 0.2 * np.sin(angle)], axis=1)
    return values + random.normal(0, 0.02, values.shape)


@pytest.mark.parametrize("rate_hz", [10.0, 25.0, 50.0, 100.0])
@pytest.mark.parametrize("period_s", [1.5, 2.2, 3.0])
@pytest.mark.parametrize("repetitions", [6, 12])
def test_even_repetitions_are_counted_exactly(repetitions: int, period_s: float, rate_hz: float) -> None:
    found = count(movement(repetitions, period_s, rate_hz), rate_hz)
    assert found.count == repetitions
    np.testing.assert_allclose(np.median(found.tempo_s), period_s, rtol=0.05)
    expected = 2.0 + period_s * (np.arange(repetitions) + 0.5)
    np.testing.assert_allclose(np.diff(found.times_s), np.diff(expected), atol=0.25)
    assert 0.5 < found.ranges.mean() < 2.5
    assert found.confidence > 0.7


def test_slow_repetitions_between_stillness_are_counted_within_one() -> None:
    """From stillness, n movements and the n + 1 turning points between them are nearly as alike."""
    assert abs(count(movement(8, 5.0, 50.0), 50.0).count - 8) <= 1


def test_setting_up_adds_at_most_one_repetition_on_each_side() -> None:
    set_up = np.random.default_rng(1).normal(0, 1, (3, 3))
    lifting = np.repeat(set_up, 60, axis=0)  # three abrupt postures of 1.2 s
    found = count(np.concatenate([lifting, movement(8, 3.0, 50.0), lifting[::-1]]), 50.0)
    assert 8 <= found.count <= 10


def test_a_pause_does_not_end_the_count() -> None:
    half = movement(5, 2.5, 50.0)
    found = count(np.concatenate([half, half]), 50.0)
    assert found.count == 10


def test_a_second_bump_within_a_repetition_is_not_counted() -> None:
    t = np.arange(0, 30, 0.02)
    bumps = np.sin(2 * np.pi * t / 3) + 0.7 * np.sin(4 * np.pi * t / 3 + 0.5)
    found = count(np.stack([bumps, 0.3 * bumps, 1 + 0 * t], axis=1), 50.0)
    assert abs(found.count - 10) <= 1


def test_one_channel_is_enough() -> None:
    assert count(movement(9, 2.0, 10.0)[:, 1:2], 10.0).count == 9


@pytest.mark.parametrize(
    "values", [np.zeros((500, 3)), np.zeros((20, 3)), np.zeros((0, 3)), np.ones((31, 6))]
)
def test_stillness_holds_no_repetitions(values: np.ndarray) -> None:
    found = count(values, 50.0)
    assert (found.count, len(found.times_s), found.confidence) == (0, 0, 0.0)


@pytest.mark.parametrize(
    ("values", "rate_hz"),
    [
        (np.zeros(10), 50.0),
        (np.zeros((10, 0)), 50.0),
        (np.zeros((9, 3)), 0.0),
        (np.full((9, 3), np.nan), 50.0),
    ],
)
def test_what_are_no_samples_is_refused(values: np.ndarray, rate_hz: float) -> None:
    with pytest.raises(ValueError, match="values must be"):
        count(values, rate_hz)


@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(0, 400), st.sampled_from([1, 2, 3, 6])),
        elements=st.floats(-16, 16, width=32),
    ),
    st.sampled_from([7.0, 25.0, 50.0, 100.0]),
)
def test_any_samples_give_a_consistent_answer(values: np.ndarray, rate_hz: float) -> None:
    found = count(values, rate_hz)
    assert found.count == len(found.times_s) == len(found.tempo_s) == len(found.ranges)
    assert np.all(np.diff(found.times_s) > 0)
    assert np.all((found.times_s >= 0) & (found.times_s <= len(values) / rate_hz))
    assert np.all(found.tempo_s > 0)
    assert np.all(found.ranges >= 0)
    assert 0 <= found.confidence <= 1


def test_turning_the_sensor_and_its_unit_do_not_matter() -> None:
    values = movement(10, 2.7, 50.0, seed=3)
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    assert count(values @ turn * 9.81, 50.0).count == count(values, 50.0).count


def test_real_sets_are_counted_within_one() -> None:
    """Recordings that lost packets or whose repetitions are unknown are left out; wrong labels are not."""
    if not REAL.is_dir():
        pytest.skip(f"{REAL} is absent")
    for name, exact, within_one in (("gymwatch", 0.75, 0.84), ("muvr", 0.44, 0.81)):
        errors = []
        for recording in load_directory(REAL / name):
            values = np.concatenate(list(recording.values.values()), axis=1)
            lost = name == "muvr" and len(values) % 112 == 0
            if recording.label != REST and recording.repetitions and not lost:
                errors.append(count(values, recording.rate_hz).count - recording.repetitions)
        assert np.mean(np.abs(errors) == 0) >= exact
        assert np.mean(np.abs(errors) <= 1) >= within_one


def test_blocks_of_real_physiotherapy_are_counted_within_one() -> None:
    """Nine repetitions, three each slow, fast and small, seen by the sensor that moves most."""
    if not REAL.is_dir():
        pytest.skip(f"{REAL} is absent")
    moving: dict[tuple[str, str], Recording] = {}
    for recording in load_directory(REAL / "ptexercises"):
        set_ = (recording.session, recording.label)
        if recording.repetitions == 9 and (set_ not in moving or _extent(recording) > _extent(moving[set_])):
            moving[set_] = recording
    errors = [
        count(np.concatenate(list(recording.values.values()), axis=1), recording.rate_hz).count - 9
        for recording in moving.values()
    ]
    assert len(errors) == 32
    assert np.mean(np.abs(errors) <= 1) >= 0.93


def _extent(recording: Recording) -> float:
    return float(recording.values["a"].var(axis=0).sum())
