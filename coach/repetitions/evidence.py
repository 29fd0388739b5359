"""What speaks for one explanation of a set: how alike, even and complete its repetitions are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from coach.repetitions.signals import GRID_HZ, FloatArray

MEASURES = (
    "similarity", "unevenness", "neighbours", "every_other", "halves", "energy",
    "tempo", "tempo_squared", "number", "few", "span",
)  # fmt: skip

_POINTS = 8  # a repetition is compared at so many points, half of them before it turns
_POSTURE = 0.1  # how much the posture in which it is done counts beside the movement
_SIMILARITY_MIN = 0.4  # repetitions less like the others do not pay for themselves
_TEMPO_S = 3.0  # what is usual


@dataclass(frozen=True, eq=False)
class Evidence:
    """`cycles`: [repetitions, 3], those that resemble each other. `measures`: [len(MEASURES)]."""

    cycles: FloatArray
    period_s: float
    measures: FloatArray


def weigh(signal: FloatArray, energy: FloatArray, cycles: FloatArray) -> Evidence | None:
    """The evidence for `cycles`, [repetitions, 3] in grid samples: where each begins, turns and ends.

    `signal`: [samples, channels] with the posture; `energy`: cumulative, of the movement, [samples + 1].
    The stretch of repetitions that resemble their template is kept: what is before and after is setting up.
    """
    courses = _courses(signal, cycles)
    first, last = 0, len(courses)
    for middle in (np.median, np.mean):
        template = middle(courses[first:last], axis=0)
        first, last = _stretch(_alike(courses, template[None]) - _SIMILARITY_MIN)
        if first == last:
            return None
    similarity = float(_alike(courses[first:last], template[None]).mean())
    kept = cycles[first:last]
    period_s, regularity = _regularity(kept)
    start, end = max(0, int(kept[0, 0])), min(int(kept[-1, 2]), len(signal))
    inside = (energy[end] - energy[start]) / (energy[-1] + 1e-9)
    tempo = np.log(period_s / _TEMPO_S)
    length = [tempo, tempo**2, np.log(len(kept)), float(len(kept) < 4), (end - start) / len(signal)]
    measures = [similarity, regularity, *_likeness(courses[first:last]), inside, *length]
    return Evidence(kept, period_s, np.array(measures))


def _courses(signal: FloatArray, cycles: FloatArray) -> FloatArray:
    """The course of each repetition, stretched to one length, [repetitions, points, channels]."""
    part = np.arange(_POINTS // 2) / (_POINTS // 2)
    before = cycles[:, :1] + (cycles[:, 1:2] - cycles[:, :1]) * part
    after = cycles[:, 1:2] + (cycles[:, 2:] - cycles[:, 1:2]) * part
    places = np.rint(np.concatenate([before, after], axis=1)).astype(np.intp)
    courses = signal[np.clip(places, 0, len(signal) - 1)]
    return np.asarray(courses - (1 - _POSTURE) * courses.mean(axis=1, keepdims=True))


def _alike(courses: FloatArray, others: FloatArray) -> FloatArray:
    """The correlation of each course with its other, [repetitions]."""
    shared = (courses * others).sum(axis=(1, 2))
    return np.asarray(shared / np.sqrt((courses**2).sum((1, 2)) * (others**2).sum((1, 2)) + 1e-12))


def _stretch(gains: FloatArray) -> tuple[int, int]:
    """The neighbouring repetitions with the greatest sum of gains (Kadane): first, and last + 1."""
    best, current, first = 0.0, 0.0, 0
    stretch = (0, 0)
    for number, gain in enumerate(gains.tolist()):
        if current <= 0:
            current, first = 0.0, number
        current += gain
        if current > best:
            best, stretch = current, (first, number + 1)
    return stretch


def _regularity(cycles: FloatArray) -> tuple[float, float]:
    """The usual period in seconds, and how much spacings deviate from it: mean |log|, limited to 1."""
    if len(cycles) == 1:
        return max(float(cycles[0, 2] - cycles[0, 0]), 1.0) / GRID_HZ, 0.5
    spacings = np.maximum(np.diff(cycles[:, 1]), 1.0)
    period = float(np.median(spacings))
    return period / GRID_HZ, float(np.minimum(np.abs(np.log(spacings / period)), 1.0).mean())


def _likeness(courses: FloatArray) -> list[float]:
    """How alike neighbours are, how much more alike every other one is (two arms or two bumps taken for two
    repetitions), and how alike the halves of one repetition are (the opposite).
    """
    neighbours = _alike(courses[1:], courses[:-1]).mean() if len(courses) > 1 else 0.5
    every_other = _alike(courses[2:], courses[:-2]).mean() if len(courses) > 2 else neighbours
    mean = courses.mean(axis=0, keepdims=True)
    half = _alike(mean[:, : _POINTS // 2], mean[:, _POINTS // 2 :])[0]
    return [float(neighbours), float(every_other - neighbours), float(half)]
