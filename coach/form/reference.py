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
    parts = [courses_of(movement) for movement in sets]
    count = sum(len(part) for part in parts)
    if count < REPETITIONS_MIN:
        raise InvalidInput(
            f"{count} repetitions to learn an exercise's form from",
            expected=f"at least {REPETITIONS_MIN}",
            remedy="record another set of it",
        )
    courses = np.concatenate(parts)
    mean = np.asarray(_aligned(courses, courses.mean(axis=0)).mean(axis=0))
    tempo = np.concatenate([movement.found.tempo_s for movement in sets])
    ranges = np.concatenate([movement.found.ranges for movement in sets])
    closest = _aligned(courses, mean)
    return FormReference(
        course=mean,
        tempo_s=float(tempo.mean()),
        tempo_s_deviation=float(tempo.std()),
        range=float(ranges.mean()),
        range_deviation=float(ranges.std()),
        likeness=float(_alike(closest, mean).mean()),
        distance=float(distances(closest, mean).mean()),
        repetition_count=count,
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
    aligned = _turned(courses_of(movement), reference.course)
    apart = distances(aligned, reference.course)
    farthest = np.argsort(apart)[-max(1, len(apart) // 3) :]
    return Form(
        times_s=found.times_s,
        tempo_ratio=found.tempo_s / reference.tempo_s,
        range_ratio=found.ranges / max(reference.range, 1e-9),
        likeness=_alike(aligned, reference.course),
        distance=apart,
        differences=(
            course_of_differences(aligned[farthest].mean(axis=0), reference.course)
            if len(aligned)
            else np.zeros(len(reference.course))
        ),
    )


def courses_of(movement: Movement) -> FloatArray:
    """Each repetition on COURSE_POINTS points, without its mean, [repetitions, COURSE_POINTS, channels]."""
    values, found = movement.values, movement.found
    at = np.arange(len(values)) / movement.rate_hz
    parts = (np.arange(COURSE_POINTS) + 0.5) / COURSE_POINTS - 0.5
    points = found.times_s[:, None] + found.tempo_s[:, None] * parts
    courses = np.stack([np.interp(points, at, channel) for channel in values.T], axis=2)
    return np.asarray(courses - courses.mean(axis=1, keepdims=True))


def _turned(courses: FloatArray, reference: FloatArray) -> FloatArray:
    """The courses shifted, and their sensors turned, to where they agree best with `reference`.

    A set may have been cut where the movement turns at its other end, so the set as a whole is shifted by up
    to half a repetition, and each repetition by less.
    """
    if not len(courses):
        return courses
    mean = _aligned(courses, courses.mean(axis=0)).mean(axis=0)
    shifts = np.array(sorted(range(-COURSE_POINTS // 2, COURSE_POINTS // 2, 2), key=abs))
    ways = mean[_rolled(shifts)]
    parts = _sensors(reference)
    turns = [_turns(ways[..., part], reference[:, part]) for part in parts]
    turned = [ways[..., part] @ turn for part, turn in zip(parts, turns, strict=True)]
    best = int(np.argmax(np.round(_alike(np.concatenate(turned, axis=-1), reference), 9)))
    whole = courses[:, _rolled(shifts[[best]])[0]]
    ready = [whole[..., part] @ turn[best] for part, turn in zip(parts, turns, strict=True)]
    return _aligned(np.concatenate(ready, axis=-1), reference)


def _sensors(course: FloatArray) -> list[slice]:
    """The channels of each sensor."""
    axes = axes_of(course.shape[-1])
    return [slice(first, first + axes) for first in range(0, course.shape[-1], axes)]


def _turns(ways: FloatArray, reference: FloatArray) -> FloatArray:
    """The rotations, [ways, axes, axes], that bring a sensor closest to the reference (Kabsch 1976).

    Of a sensor of one axis there is nothing to turn.
    """
    axes = reference.shape[-1]
    if axes == 1:
        return np.ones((len(ways), 1, 1))
    left, _, right = np.linalg.svd(np.swapaxes(ways, 1, 2) @ reference)
    left[:, :, -1] *= np.sign(np.linalg.det(left @ right))[:, None]
    return np.asarray(left @ right)


def _aligned(courses: FloatArray, mean: FloatArray) -> FloatArray:
    """Each of `courses` [count, points, channels] shifted to where it agrees best with `mean`; else least."""
    shifts = np.array(sorted(range(-SHIFT_MAX, SHIFT_MAX + 1), key=abs))
    shifted = mean[_rolled(-shifts)].reshape(len(shifts), -1)
    best = np.argmax(courses.reshape(len(courses), -1) @ shifted.T, axis=1)
    return courses[np.arange(len(courses))[:, None], _rolled(shifts[best])]


def _rolled(shifts: npt.NDArray[np.int_]) -> npt.NDArray[np.int_]:
    """The points of a course that is shifted by each of `shifts`, [shifts, COURSE_POINTS]."""
    return (np.arange(COURSE_POINTS) - shifts[:, None]) % COURSE_POINTS


def _alike(courses: FloatArray, mean: FloatArray) -> FloatArray:
    """The correlation of each of `courses` [..., points, channels] with `mean`."""
    scale = np.sqrt((courses**2).sum(axis=(-2, -1)) * (mean**2).sum())
    return np.asarray((courses * mean).sum(axis=(-2, -1)) / np.maximum(scale, 1e-12))
