"""The difference between left and right in one set, from a sensor on each side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from coach.form.movement import Movement

REPETITIONS_MIN = 5  # on each side
COUNTS_APART_MAX = 0.25  # of the greater count: sides of which the counts differ by more do not do the same


@dataclass(frozen=True, kw_only=True)
class Sides:
    """The right side beside the left: 1 is the same, 0.5 half as far, or in half the time.

    `scatter` is how much the sides' ranges differ from repetition to repetition: the standard deviation of
    their logarithms, of the side with the greater one.
    """

    range_ratio: float
    tempo_ratio: float
    scatter: float


def compare_sides(left: Movement, right: Movement) -> Sides | None:
    """None of too few repetitions, or if the two sides do not do the same; sensors must be of one kind."""
    counts = left.found.count, right.found.count
    if min(counts) < REPETITIONS_MIN or max(counts) - min(counts) > COUNTS_APART_MAX * max(counts):
        return None
    usual = [float(np.median(side.found.ranges)) for side in (left, right)]
    tempos = [float(np.median(side.found.tempo_s)) for side in (left, right)]
    if min(usual) <= 0:
        return None
    scatter = max(float(np.std(np.log(np.maximum(side.found.ranges, 1e-9)))) for side in (left, right))
    return Sides(range_ratio=usual[1] / usual[0], tempo_ratio=tempos[1] / tempos[0], scatter=scatter)
