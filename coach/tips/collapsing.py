"""A set whose reach has collapsed is told while it goes on: the rest of it would be wasted."""

from __future__ import annotations

import numpy as np

from coach.repetitions import Repetitions
from coach.tips.words import counted, percent, tip
from domain.form import Tip

LATEST = 3  # repetitions, all of which must fall short
REPETITIONS_MIN = 7
SHARE_MAX = 0.5  # of the reach of those before
SPREAD_MAX = 0.25  # of those before: the deviation of their logarithms


def collapse_tip(found: Repetitions, exercise: str) -> Tip | None:
    """None unless the latest repetitions go less than half as far as those before, which were even."""
    if found.count < REPETITIONS_MIN:
        return None
    reach = np.maximum(found.ranges, 1e-9)
    before, latest = reach[:-LATEST], reach[-LATEST:]
    usual = float(np.median(before))
    if latest.max() > SHARE_MAX * usual or np.std(np.log(before[1:])) > SPREAD_MAX:
        return None
    less = 1 - float(np.median(latest)) / usual
    text = f"The last {counted(LATEST)} repetitions went {percent(less)} less far: rest, or take less load."
    return tip("shorter", exercise, text, less)
