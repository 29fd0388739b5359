"""What does not matter to the count, what helps it, and what sensors do that are broken."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coach.repetitions import Repetitions, confirmed_tempo_s, count, usual_tempo_s

SETS = st.tuples(st.integers(4, 15), st.floats(1.5, 4.0), st.integers(0, 10_000))


def arm(
    repetitions: int, period_s: float, seed: int, *, rate_hz: float = 50.0, noise: float = 0.03
) -> np.ndarray:
    """An arm that is still for 2 s, swings, never twice quite alike, and is still; [samples, 3] in g."""
    random = np.random.default_rng(seed)
    periods = period_s * random.uniform(0.85, 1.15, repetitions)
    ends = np.concatenate([[0.0], np.cumsum(periods)])
    t = np.arange(round((ends[-1] + 4.0) * rate_hz)) / rate_hz - 2.0
    phase = np.interp(t, ends, np.arange(repetitions + 1.0))
    heights = np.append(random.uniform(0.85, 1.15, repetitions), 1.0)
    angle = heights[np.minimum(phase.astype(int), repetitions)] * 0.7 * (1 - np.cos(2 * np.pi * phase))
    values = np.stack([np.cos(angle), np.sin(angle), 0.2 * np.sin(angle)], axis=1)
    return values + random.normal(0, noise, values.shape)


@settings(max_examples=40, deadline=None)
@given(SETS)
def test_uneven_repetitions_are_counted_within_one(made: tuple[int, float, int]) -> None:
    assert abs(count(arm(*made), 50.0).count - made[0]) <= 1


@settings(max_examples=20, deadline=None)
@given(SETS, st.floats(0.01, 1000.0))
def test_the_unit_does_not_matter(made: tuple[int, float, int], unit: float) -> None:
    values = arm(*made)
    found, scaled = count(values, 50.0), count(values * unit, 50.0)
    assert scaled.count == found.count
    np.testing.assert_allclose(scaled.times_s, found.times_s, atol=0.051)
    np.testing.assert_allclose(scaled.ranges, found.ranges * unit, rtol=1e-3)


@settings(max_examples=20, deadline=None)
@given(SETS, st.integers(0, 1000))
def test_how_the_sensor_is_worn_does_not_matter(made: tuple[int, float, int], seed: int) -> None:
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    values = arm(*made)
    assert count(values @ turn, 50.0).count == count(values, 50.0).count


@settings(max_examples=20, deadline=None)
@given(SETS, st.sampled_from([10.0, 12.5, 25.0, 48.9, 104.0, 200.0]))
def test_the_rate_hardly_matters(made: tuple[int, float, int], rate_hz: float) -> None:
    assert abs(count(arm(*made, rate_hz=rate_hz), rate_hz).count - made[0]) <= 1


@settings(max_examples=20, deadline=None)
@given(SETS, st.floats(0.0, 0.15))
def test_noise_hardly_matters(made: tuple[int, float, int], noise: float) -> None:
    assert abs(count(arm(*made, noise=noise), 50.0).count - made[0]) <= 1


@settings(max_examples=20, deadline=None)
@given(SETS)
def test_a_gyroscope_beside_it_hardly_matters(made: tuple[int, float, int]) -> None:
    values = arm(*made)
    turning = np.gradient(np.arctan2(values[:, 1], values[:, 0]), 1 / 50.0)
    rates = np.stack([0 * turning, 0 * turning, turning], axis=1)
    assert abs(count(np.concatenate([values, rates], axis=1), 50.0).count - made[0]) <= 1


def test_tempos_may_differ_between_blocks() -> None:
    """As in a test of physiotherapy: ten slow repetitions, ten fast ones, ten small ones, with rests."""
    rest = np.tile(arm(1, 2.0, 0, noise=0.0)[:1], (500, 1))
    small = arm(10, 5.0, 3)
    small[:, 1:] *= 0.5
    blocks = [arm(10, 7.0, 1), rest, arm(10, 2.8, 2), rest, small]
    assert abs(count(np.concatenate(blocks), 50.0).count - 30) <= 1


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((3000, 3)),
        np.tile([0.1, -0.7, 0.7], (3000, 1)),
        np.full((3000, 6), 16.0),
        np.full((3000, 4), -2.0),
    ],
)
def test_a_stuck_or_saturated_sensor_repeats_nothing(values: np.ndarray) -> None:
    assert count(values, 50.0).count == 0


def test_an_axis_that_is_stuck_hides_nothing() -> None:
    values = arm(8, 2.5, 1)
    values[:, 2] = 16.0
    assert abs(count(values, 50.0).count - 8) <= 1


def test_a_sensor_at_its_limit_still_turns() -> None:
    assert abs(count(np.clip(arm(8, 2.5, 1), -0.6, 0.6), 50.0).count - 8) <= 1


@pytest.mark.parametrize("samples", range(0, 160, 7))
def test_any_short_set_has_an_answer(samples: int) -> None:
    assert count(arm(4, 2.0, 0)[100 : 100 + samples], 50.0).count <= 2


def test_arms_that_take_turns_are_told_by_the_tempo_that_was_confirmed() -> None:
    """One wrist sees every other repetition: half of the time it hangs still."""
    t = np.arange(0, 40, 0.02)
    lift = np.where(t % 4.0 < 2.0, 0.7 * (1 - np.cos(np.pi * t)), 0.0)
    values = np.stack([np.cos(lift), np.sin(lift), 0.1 * np.sin(lift)], axis=1)
    seen = count(values, 50.0)
    assert seen.count == 10
    tempo_s = confirmed_tempo_s(seen, 20)
    assert tempo_s is not None
    known = count(values, 50.0, expected_tempo_s=usual_tempo_s([tempo_s, tempo_s * 1.1]))
    assert known.count == 20
    assert np.all(np.diff(known.times_s) > 0)
    assert count(values, 50.0, expected_tempo_s=4.0).count == 10
    assert count(values, 50.0, expected_tempo_s=60.0).count == 10


def test_a_tempo_is_known_when_two_sets_and_most_agree() -> None:
    assert usual_tempo_s([]) is None
    assert usual_tempo_s([3.0]) is None
    assert usual_tempo_s([1.0, 3.0]) is None
    assert usual_tempo_s([3.0, 3.2]) == pytest.approx(3.1)
    assert usual_tempo_s([3.0, 3.2, 30.0]) == pytest.approx(3.2)
    assert usual_tempo_s([1.0, 3.0, 3.1, 9.0]) is None
    assert confirmed_tempo_s(count(np.zeros((500, 3)), 50.0), 10) is None
    assert confirmed_tempo_s(count(arm(5, 2.0, 0), 50.0), 0) is None


@settings(max_examples=30, deadline=None)
@given(SETS, st.floats(0.3, 20.0))
def test_any_expected_tempo_gives_a_consistent_answer(made: tuple[int, float, int], tempo_s: float) -> None:
    found: Repetitions = count(arm(*made), 50.0, expected_tempo_s=tempo_s)
    assert found.count == len(found.times_s) == len(found.tempo_s) == len(found.ranges)
    assert np.all(np.diff(found.times_s) > 0)
    assert np.all(found.tempo_s > 0)
