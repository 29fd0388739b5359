"""What is measured of each repetition: in no unit, at any tempo, and where a fault is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coach.form import Movement, RepetitionFigures, is_better, kept, learn, measure, unpacked
from coach.form.warping import course_of_differences, distances
from coach.repetitions import NO_REPETITIONS, Repetitions
from tests.coach.tips_example import RATE_HZ, a_set, changed, with_stand

FloatArray = npt.NDArray[np.float64]


def test_reach_and_length_of_each_repetition_are_measured() -> None:
    figures = measure(a_set([1.0, 1.0, 0.5, 1.0, 1.0], [2.0, 2.0, 2.0, 3.0, 2.0]))
    assert figures.reach[[1, 2, 4]] == pytest.approx([1.0, 0.5, 1.0], rel=0.1)
    assert figures.lasted_s[:4] == pytest.approx([2.0, 2.0, 2.5, 2.5], abs=0.01)
    assert figures.out_s + figures.back_s == pytest.approx([2.0, 2.0, 2.25, 2.75, 2.25], abs=0.35)
    assert (figures.halt_s < 0.3).all()


def test_a_stand_between_the_ends_is_seen_where_it_is() -> None:
    figures = measure(with_stand(a_set([1.0] * 6), 4.5, 1.2))
    assert int(np.argmax(figures.halt_s)) == 2
    assert figures.halt_s[2] == pytest.approx(1.2, abs=0.4)
    assert np.delete(figures.halt_s, 2).max() < 0.3


def test_of_less_than_two_repetitions_there_are_no_figures() -> None:
    assert measure(a_set([1.0], [2.0])).count == 0
    assert measure(Movement(values=np.ones((500, 3)), rate_hz=RATE_HZ, found=NO_REPETITIONS)).count == 0


sets = st.lists(st.tuples(st.floats(0.3, 1.5), st.floats(1.2, 4.0)), min_size=3, max_size=9)


@given(sets, st.floats(0.01, 100))
def test_the_unit_only_changes_reach_and_speed(pairs: list[tuple[float, float]], unit: float) -> None:
    movement = a_set(*map(list, zip(*pairs, strict=True)))  # type: ignore[arg-type]
    scaled = measure(changed(movement, values=movement.values * unit))
    as_it_was = measure(movement)
    assert scaled.reach == pytest.approx(as_it_was.reach * unit)
    assert scaled.peak_speed == pytest.approx(as_it_was.peak_speed * unit)
    assert scaled.halt_s == pytest.approx(as_it_was.halt_s)
    assert scaled.unsteadiness == pytest.approx(as_it_was.unsteadiness)


@given(sets, st.integers(0, 5))
def test_how_a_sensor_is_worn_makes_no_difference(pairs: list[tuple[float, float]], seed: int) -> None:
    movement = a_set(*map(list, zip(*pairs, strict=True)))  # type: ignore[arg-type]
    turn = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))[0]
    turned, as_it_was = measure(changed(movement, values=movement.values @ turn)), measure(movement)
    assert turned.reach == pytest.approx(as_it_was.reach)
    assert turned.halt_s == pytest.approx(as_it_was.halt_s)
    ways = as_it_was.out_s, as_it_was.back_s
    assert any(turned.out_s == pytest.approx(way, abs=0.11) for way in ways), "out and back may change places"


@given(sets, st.floats(0.75, 2.0))
def test_played_slower_everything_lasts_longer_and_goes_as_far(
    pairs: list[tuple[float, float]], slower: float
) -> None:
    movement = a_set(*map(list, zip(*pairs, strict=True)))  # type: ignore[arg-type]
    found = movement.found
    stretched = Repetitions(
        count=found.count,
        times_s=found.times_s * slower,
        tempo_s=found.tempo_s * slower,
        ranges=found.ranges,
        confidence=found.confidence,
    )
    played = measure(changed(movement, rate_hz=RATE_HZ / slower, found=stretched))
    as_it_was = measure(movement)
    assert played.lasted_s == pytest.approx(as_it_was.lasted_s * slower)
    assert played.reach == pytest.approx(as_it_was.reach, rel=0.2)


def test_a_kept_reference_is_nearly_what_was_learned() -> None:
    reference = learn([a_set([1.0] * 8, [2.0] * 8)])
    small = kept(reference)
    assert small is not None
    assert len(small.course) == reference.course.size
    again = unpacked(small)
    assert again.course == pytest.approx(reference.course, abs=small.scale / 200)
    assert (again.tempo_s, again.range, again.distance) == (
        reference.tempo_s,
        reference.range,
        reference.distance,
    )


def test_better_is_what_is_more_alike_and_goes_as_far() -> None:
    uneven = kept(learn([a_set([1.0, 0.7, 1.2, 0.8, 1.1, 0.9], [2.0, 2.5, 2.2, 1.7, 2.1, 2.4])]))
    even, short = learn([a_set([1.0] * 6, [2.0] * 6)]), learn([a_set([0.5] * 6, [2.0] * 6)])
    assert uneven is not None
    assert is_better(even, uneven)
    assert not is_better(short, uneven)
    assert not is_better(unpacked(uneven), uneven)


def course(shape: FloatArray) -> FloatArray:
    return np.asarray((shape - shape.mean())[:, None])


def test_what_is_done_a_little_earlier_does_not_count() -> None:
    points = np.arange(32)
    reference = course(np.sin(2 * np.pi * points / 32))
    early = course(np.sin(2 * np.pi * (points + 2 * np.sin(2 * np.pi * points / 32)) / 32))
    apart = np.sqrt(((early - reference) ** 2).sum() / (reference**2).sum())
    same, warped = distances(np.array([reference, early]), reference)
    assert same == 0
    assert warped < apart / 3


def test_where_a_course_differs_is_told() -> None:
    points = np.arange(32)
    shape = np.sin(2 * np.pi * points / 32)
    other = np.where((points >= 16) & (points < 24), 0.2 * shape, shape)
    found = course_of_differences(course(other), course(shape))
    assert int(np.argmax(found)) in range(14, 26)
    assert found[:10].max() < found.max() / 4


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10))
def test_distance_has_no_unit_and_is_none_of_the_same(seed: int, unit: float) -> None:
    random = np.random.default_rng(seed)
    courses, reference = random.standard_normal((3, 32, 6)), random.standard_normal((32, 6))
    assert distances(courses * unit, reference * unit) == pytest.approx(distances(courses, reference))
    assert distances(reference[None], reference) == pytest.approx([0.0])
    straight = np.sqrt(((courses - reference) ** 2).sum(axis=(1, 2)) / (reference**2).sum())
    assert (distances(courses, reference) <= straight + 1e-9).all()


def test_figures_are_of_equal_length() -> None:
    figures = measure(a_set([1.0] * 4, [2.0] * 4))
    assert isinstance(figures, RepetitionFigures)
    arrays = [name for name in figures.__dataclass_fields__ if name != "likeness"]
    assert {len(getattr(figures, name)) for name in arrays} == {4}
