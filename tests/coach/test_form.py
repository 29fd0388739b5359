"""The reference of an exercise, and sets that keep to it or do not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from coach.form import COURSE_POINTS, Form, FormReference, Movement, compare
from coach.form import learn as learn_movements
from domain.errors import InvalidInput

RATE_HZ = 50.0


def a_set(
    repetitions: int, tempo_s: float = 2.0, reach: float = 1.0, *, seed: int = 0, course: int = 1
) -> npt.NDArray[np.float64]:
    """Repetitions of three axes that rise and fall `course` times each, with a second of rest around."""
    random = np.random.default_rng(seed)
    phase = np.arange(round(repetitions * tempo_s * RATE_HZ)) / (tempo_s * RATE_HZ)
    wave = reach * (1 - np.cos(2 * np.pi * course * phase)) / 2
    moved = np.stack([wave, 0.4 * np.sin(2 * np.pi * phase) * reach, 1.0 - 0.3 * wave], axis=1)
    still = np.tile([0.0, 0.0, 1.0], (round(RATE_HZ), 1))
    values = np.concatenate([still, moved, still])
    return np.asarray(values + 0.01 * random.standard_normal(values.shape))


def learn(sets: list[npt.NDArray[np.float64]]) -> FormReference:
    return learn_movements([Movement.counted(values, RATE_HZ) for values in sets])


def compared(reference: FormReference, values: npt.NDArray[np.float64]) -> Form:
    return compare(reference, Movement.counted(values, RATE_HZ))


def test_a_set_like_those_learned_from_is_as_in_the_reference() -> None:
    reference = learn([a_set(8, seed=1), a_set(8, seed=2)])
    assert reference.course.shape == (COURSE_POINTS, 3)
    assert reference.tempo_s == pytest.approx(2.0, rel=0.05)
    assert reference.repetition_count in range(15, 18)
    form = compared(reference, a_set(8, seed=3))
    assert len(form.times_s) == len(form.tempo_ratio) == len(form.range_ratio) == len(form.likeness)
    assert np.median(form.tempo_ratio) == pytest.approx(1.0, abs=0.05)
    assert np.median(form.range_ratio) == pytest.approx(1.0, abs=0.1)
    assert np.median(form.likeness) > 0.9


def test_hurry_and_shortened_reach_show() -> None:
    reference = learn([a_set(8, tempo_s=3.0)])
    hurried = compared(reference, a_set(8, tempo_s=1.5, seed=4))
    assert np.median(hurried.tempo_ratio) == pytest.approx(0.5, abs=0.1)
    shortened = compared(reference, a_set(8, tempo_s=3.0, reach=0.5, seed=5))
    assert np.median(shortened.range_ratio) == pytest.approx(0.5, abs=0.1)


def test_another_movement_is_less_alike() -> None:
    reference = learn([a_set(8)])
    other = compared(reference, a_set(8, seed=6, course=2))
    assert np.median(other.likeness) < 0.7
    assert np.median(other.distance) > 5 * reference.distance


def test_a_sensor_that_is_worn_turned_sees_the_same() -> None:
    reference = learn([a_set(8)])
    turned = compared(reference, a_set(8, seed=6)[:, [2, 0, 1]])
    assert np.median(turned.likeness) > 0.9
    assert np.median(turned.distance) < 3 * reference.distance


def test_too_few_repetitions_teach_nothing() -> None:
    with pytest.raises(InvalidInput, match="at least 3"):
        learn([np.ones((400, 3))])
    with pytest.raises(InvalidInput, match="at least 3"):
        learn([])


def test_sets_of_other_sensors_are_refused() -> None:
    reference = learn([a_set(8)])
    with pytest.raises(InvalidInput, match="channels"):
        compared(reference, np.ones((400, 6)))
    with pytest.raises(InvalidInput, match="different sensors"):
        learn([a_set(8), np.ones((400, 6))])
