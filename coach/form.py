"""A reference of how someone does an exercise, and how a set compares with it: figures, not judgements.

The reference is learned from sets that were done as they should be, a physiotherapist's patient's first ones,
say. It holds the mean course of a repetition, and how long and how far repetitions go. A later repetition is
described by its length and reach against the reference's, and by how alike its course is: the normalised
cross-correlation at the best of small shifts, as repetitions are not cut at the very same moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from coach.repetitions import Repetitions, count
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
    mean of the repetitions' own likeness to the course, at most 1.
    """

    course: FloatArray
    tempo_s: float
    tempo_s_deviation: float
    range: float
    range_deviation: float
    likeness: float
    repetition_count: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Form:
    """A set's repetitions against a reference, oldest first; every array is [repetitions].

    `times_s`: the middle of each. `tempo_ratio`, `range_ratio`: 1 is as in the reference, 2 twice as long or
    as far. `likeness`: -1 to 1, how alike its course is.
    """

    times_s: FloatArray
    tempo_ratio: FloatArray
    range_ratio: FloatArray
    likeness: FloatArray


def learn(sets: Sequence[npt.NDArray[np.floating]], rate_hz: float) -> FormReference:
    """The reference of an exercise from `sets` of it, each [samples, channels] at `rate_hz`.

    Raises InvalidInput if they hold fewer than REPETITIONS_MIN repetitions together or differ in channels,
    ValueError for what coach.repetitions does not take.
    """
    if len({values.shape[1] for values in sets}) > 1:
        raise InvalidInput("sets of different sensors", expected="the same channels in each")
    counted = [count(values, rate_hz) for values in sets]
    courses = [
        course
        for values, found in zip(sets, counted, strict=True)
        for course in _courses(values, rate_hz, found)
    ]
    if len(courses) < REPETITIONS_MIN:
        raise InvalidInput(
            f"{len(courses)} repetitions to learn an exercise's form from",
            expected=f"at least {REPETITIONS_MIN}",
            remedy="record another set of it",
        )
    mean = _mean_course(courses)
    tempo = np.concatenate([found.tempo_s for found in counted])
    ranges = np.concatenate([found.ranges for found in counted])
    return FormReference(
        course=mean,
        tempo_s=float(tempo.mean()),
        tempo_s_deviation=float(tempo.std()),
        range=float(ranges.mean()),
        range_deviation=float(ranges.std()),
        likeness=float(np.mean([_likeness(course, mean) for course in courses])),
        repetition_count=len(courses),
    )


def compare(reference: FormReference, values: npt.NDArray[np.floating], rate_hz: float) -> Form:
    """How the repetitions of a set, [samples, channels] at `rate_hz`, compare with `reference`.

    Raises InvalidInput if the channels are not the reference's.
    """
    if values.shape[1] != reference.course.shape[1]:
        raise InvalidInput(
            f"{values.shape[1]} channels", expected=f"the reference's {reference.course.shape[1]}"
        )
    found = count(values, rate_hz)
    return Form(
        times_s=found.times_s,
        tempo_ratio=found.tempo_s / reference.tempo_s,
        range_ratio=found.ranges / max(reference.range, 1e-9),
        likeness=np.array(
            [_likeness(course, reference.course) for course in _courses(values, rate_hz, found)]
        ),
    )


def _courses(values: npt.NDArray[np.floating], rate_hz: float, found: Repetitions) -> list[FloatArray]:
    """Each repetition on COURSE_POINTS points, without its mean, [COURSE_POINTS, channels]."""
    at = np.arange(len(values)) / rate_hz
    courses = []
    for middle_s, tempo_s in zip(found.times_s, found.tempo_s, strict=True):
        points = middle_s + tempo_s * ((np.arange(COURSE_POINTS) + 0.5) / COURSE_POINTS - 0.5)
        course = np.stack([np.interp(points, at, channel) for channel in values.T], axis=1)
        courses.append(course - course.mean(axis=0))
    return courses


def _mean_course(courses: Sequence[FloatArray]) -> FloatArray:
    """Their mean, once each is shifted to where it agrees best with the mean of all."""
    mean = np.mean(courses, axis=0)
    aligned = [np.roll(course, _shift(course, mean), axis=0) for course in courses]
    return np.asarray(np.mean(aligned, axis=0))


def _shift(course: FloatArray, mean: FloatArray) -> int:
    shifts = range(-SHIFT_MAX, SHIFT_MAX + 1)
    return max(shifts, key=lambda shift: (float((np.roll(course, shift, axis=0) * mean).sum()), -abs(shift)))


def _likeness(course: FloatArray, mean: FloatArray) -> float:
    scale = float(np.sqrt((course**2).sum() * (mean**2).sum()))
    shifted = np.roll(course, _shift(course, mean), axis=0)
    return float((shifted * mean).sum()) / scale if scale > 0 else 0.0
