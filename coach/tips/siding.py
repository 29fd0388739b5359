"""What there is to say about the difference between left and right."""

from __future__ import annotations

import numpy as np

from coach.form import Movement, compare_sides
from coach.tips.words import percent, tip
from domain.form import Tip

SIZE_MIN = 0.3  # of the logarithm of the sides' reach
SCATTERS_MIN = 1.5  # so many times what the reach of a side scatters from one repetition to the next


def side_tip(left: Movement, right: Movement, exercise: str) -> Tip | None:
    """Which side goes less far; None unless it clearly does."""
    sides = compare_sides(left, right)
    if sides is None:
        return None
    size = abs(float(np.log(sides.range_ratio)))
    if size < SIZE_MIN or size < SCATTERS_MIN * sides.scatter:
        return None
    less, more = ("right", "left") if sides.range_ratio < 1 else ("left", "right")
    share = 1 - float(np.exp(-size))
    return tip("sides", exercise, f"The {less} side went {percent(share)} less far than the {more}.", share)
