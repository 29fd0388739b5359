"""A reference of how someone does an exercise, and how a set compares with it: figures, not judgements.

The reference is learned from sets that were done as they should be: those that a physiotherapist watched, or
the user's own best. It holds the mean course of a repetition, and how long and how far repetitions go.
A later repetition is described by its length and reach against the reference's, by how alike its course is
(the normalised cross-correlation at the best of small shifts, as repetitions are not cut at the very same
moment) and by its time-warped distance. Sensors may be worn turned: a set's mean course is turned to where
it agrees best with the reference's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from coach.form.movement import Movement
from coach.form.warping import course_of_differences, distances
from coach.repetitions.signals import axes_of
from domain.errors import InvalidInput

FloatArray = npt.NDArray[np.float64]

COURSE_POINTS = 32  # of a repetition, however long it took
REPETITIONS_MIN = 3  # to learn from: of fewer nothing can be said about how they vary
SHIFT_MAX = COURSE_POINTS // 4


@dataclass(frozen=True, kw_only=True, eq=False)
class FormReference:
    """How an exercise is to be done.

    `course` [COURSE_POINTS, channels]: the mean repetition without its own mean, in the sensors' units.
    `tempo_s`, `range`: means over the repetitions; `*_deviation`: their standard deviations. `likeness`: the
    mean of the repetitions' own likeness to the course, at most 1; `distance`: of their distances from it.
    """

    course: FloatArray
    tempo_s: float
    tempo_s_deviation: float
    range: float
    range_deviation: float
    likeness: float
    distance: float
    repetition_count: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Form:
    """A set's repetitions against a reference, oldest first; every array is [repetitions].

    `times_s`: the middle of each. `tempo_ratio`, `range_ratio`: 1 is as in the reference, 2 twice as long or
    as far. `likeness`: -1 to 1, how alike its course is; `distance`: 0 for the same course. `differences`
    [COURSE_POINTS]: where along the reference the farthest third of them differ, as squared shares.
    """

    times_s: FloatArray
    tempo_ratio: FloatArray
    range_ratio: FloatArray
    likeness: FloatArray
    distance: FloatArray
    differences: FloatArray


def learn(sets: Sequence[Movement]) -> FormReference:
    """The reference of an exercise from `sets` of it.

    Raises InvalidInput if they hold fewer than REPETITIONS_MIN repetitions together or differ in channels.
    """
    if len({movement.values.shape[1] for movement in sets}) > 1:
        raise InvalidInput("sets of different sensors", expected="the same channels in each")
    courses = [course for movement in sets for course in courses_of(movement)]
    if len(courses) < REPETITIONS_MIN:
        raise InvalidInput(
            f"{len(courses)} repetitions to learn an exercise's form from",
            expected=f"at least {REPETITIONS_MIN}",
            remedy="record another set of it",
        )
    aligned = _aligned(courses, np.mean(courses, axis=0))
    mean = np.asarray(np.mean(aligned, axis=0))
    tempo = np.concatenate([movement.found.tempo_s for movement in sets])
    ranges = np.concatenate([movement.found.ranges for movement in sets])
    closest = _aligned(courses, mean)
    return FormReference(
        course=mean,
        tempo_s=float(tempo.mean()),
        tempo_s_deviation=float(tempo.std()),
        range=float(ranges.mean()),
        range_deviation=float(ranges.std()),
        likeness=float(np.mean([_alike(course, mean) for course in closest])),
        distance=float(distances(np.array(closest), mean).mean()),
        repetition_count=len(courses),
    )


def compare(reference: FormReference, movement: Movement) -> Form:
    """How the repetitions of a set compare with `reference`.

    Raises InvalidInput if the channels are not the reference's.
    """
    if movement.values.shape[1] != reference.course.shape[1]:
        raise InvalidInput(
            f"{movement.values.shape[1]} channels", expected=f"the reference's {reference.course.shape[1]}"
        )
    found = movement.found
    aligned = np.array(_turned(courses_of(movement), reference.course))
    aligned = aligned.reshape(-1, *reference.course.shape)
    apart = distances(aligned, reference.course)
    farthest = np.argsort(apart)[-max(1, len(apart) // 3) :]
    return Form(
        times_s=found.times_s,
        tempo_ratio=found.tempo_s / reference.tempo_s,
        range_ratio=found.ranges / max(reference.range, 1e-9),
        likeness=np.array([_alike(course, reference.course) for course in aligned]),
        distance=apart,
        differences=(
            course_of_differences(aligned[farthest].mean(axis=0), reference.course)
            if len(aligned)
            else np.zeros(len(reference.course))
        ),
    )


def courses_of(movement: Movement) -> list[FloatArray]:
    """Each repetition on COURSE_POINTS points, without its mean, [COURSE_POINTS, channels]."""
    values, found = movement.values, movement.found
    at = np.arange(len(values)) / movement.rate_hz
    courses = []
    for middle_s, tempo_s in zip(found.times_s, found.tempo_s, strict=True):
        points = middle_s + tempo_s * ((np.arange(COURSE_POINTS) + 0.5) / COURSE_POINTS - 0.5)
        course = np.stack([np.interp(points, at, channel) for channel in values.T], axis=1)
        courses.append(course - course.mean(axis=0))
    return courses


def _turned(courses: list[FloatArray], reference: FloatArray) -> list[FloatArray]:
    """Each course shifted, and its sensors turned, to where they agree best with `reference`."""
    if not courses or axes_of(reference.shape[1]) < 3:
        return _aligned(courses, reference)
    mean = np.mean(_aligned(courses, np.mean(courses, axis=0)), axis=0)
    ways = []
    for shift in range(-SHIFT_MAX, SHIFT_MAX + 1, 2):
        shifted = np.roll(mean, shift, axis=0)
        turns = [
            _turn(shifted[:, first : first + 3], reference[:, first : first + 3]) for first in _firsts(mean)
        ]
        ways.append((_alike(_with_turns(shifted, turns), reference), turns))
    turns = max(ways, key=lambda way: way[0])[1]
    return _aligned([_with_turns(course, turns) for course in courses], reference)


def _firsts(course: FloatArray) -> range:
    return range(0, course.shape[1], 3)


def _with_turns(course: FloatArray, turns: Sequence[FloatArray]) -> FloatArray:
    parts = [course[:, first : first + 3] @ turn for first, turn in zip(_firsts(course), turns, strict=True)]
    return np.concatenate(parts, axis=1)


def _turn(course: FloatArray, reference: FloatArray) -> FloatArray:
    """The rotation, [3, 3], that brings a sensor's course closest to the reference's (Kabsch 1976)."""
    left, _, right = np.linalg.svd(course.T @ reference)
    mirrored = np.sign(np.linalg.det(left @ right))
    return np.asarray(left @ np.diag([1.0, 1.0, mirrored]) @ right)


def _aligned(courses: Sequence[FloatArray], mean: FloatArray) -> list[FloatArray]:
    """Each shifted to where it agrees best with `mean`."""
    return [np.roll(course, _shift(course, mean), axis=0) for course in courses]


def _shift(course: FloatArray, mean: FloatArray) -> int:
    shifts = range(-SHIFT_MAX, SHIFT_MAX + 1)
    return max(shifts, key=lambda shift: (float((np.roll(course, shift, axis=0) * mean).sum()), -abs(shift)))


def _alike(course: FloatArray, mean: FloatArray) -> float:
    scale = float(np.sqrt((course**2).sum() * (mean**2).sum()))
    return float((course * mean).sum()) / scale if scale > 0 else 0.0
