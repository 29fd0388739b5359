"""What counting a set answers: its repetitions with their times, tempo and range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from coach.repetitions.signals import GRID_HZ, FloatArray, axes_of


@dataclass(frozen=True, kw_only=True, eq=False)
class Repetitions:
    """The repetitions of a set, oldest first; every array is [count].

    `times_s`: the middle of each, in seconds from the first sample. `tempo_s`: how long each took.
    `ranges`: peak to peak of the first sensor along its main direction, in the sensor's unit.
    `confidence`: 0 to 1, how alike and how even the repetitions are.
    """

    count: int
    times_s: FloatArray
    tempo_s: FloatArray
    ranges: FloatArray
    confidence: float


NO_REPETITIONS = Repetitions(
    count=0, times_s=np.empty(0), tempo_s=np.empty(0), ranges=np.empty(0), confidence=0.0
)


def described(smooth: FloatArray, cycles: FloatArray, similarity: float) -> Repetitions:
    """The answer for `cycles`, [count, 3]: where each begins, turns and ends, in grid samples of `smooth`."""
    middles = np.clip(cycles[:, 1], 0, len(smooth) - 1)
    period = float(np.median(np.diff(middles))) if len(middles) > 1 else float(cycles[0, 2] - cycles[0, 0])
    spacings = np.minimum(np.diff(middles), 2 * period)
    tempo = (np.append(spacings, period) + np.insert(spacings, 0, period)) / 2
    first_sensor = smooth[:, : axes_of(smooth.shape[1])]
    centred = first_sensor - first_sensor.mean(axis=0)
    main = centred @ np.linalg.eigh(centred.T @ centred)[1][:, -1]
    ends = np.clip(np.rint(cycles[:, [0, 2]]).astype(int), 0, len(smooth) - 1)
    ranges = [np.ptp(main[start : max(end, start + 1)]) for start, end in ends]
    evenness = 1.0 / (1.0 + float(np.std(spacings)) / period) if len(spacings) else 0.5
    return Repetitions(
        count=len(cycles),
        times_s=middles / GRID_HZ,
        tempo_s=np.maximum(tempo, 1.0) / GRID_HZ,
        ranges=np.array(ranges),
        confidence=float(np.clip(similarity, 0.0, 1.0)) * evenness,
    )


def joined(before: Repetitions, after: Repetitions, shift_s: float) -> Repetitions:
    """The repetitions of two parts of a set, the later of which began `shift_s` after the first sample."""
    total = before.count + after.count
    if not total:
        return NO_REPETITIONS
    confidence = (before.confidence * before.count + after.confidence * after.count) / total
    return Repetitions(
        count=total,
        times_s=np.concatenate([before.times_s, after.times_s + shift_s]),
        tempo_s=np.concatenate([before.tempo_s, after.tempo_s]),
        ranges=np.concatenate([before.ranges, after.ranges]),
        confidence=confidence,
    )


def first_of(found: Repetitions, number: int) -> Repetitions:
    """The first `number` repetitions."""
    return Repetitions(
        count=number,
        times_s=found.times_s[:number],
        tempo_s=found.tempo_s[:number],
        ranges=found.ranges[:number],
        confidence=found.confidence,
    )
