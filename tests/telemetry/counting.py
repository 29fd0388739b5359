"""What was counted in this process."""

from __future__ import annotations

from telemetry.kinds import Cell
from telemetry.pages import COUNTING


def value_of(cell: Cell) -> float:
    """Of a counter or gauge; of a histogram how many it has seen."""
    if not cell.bounds:
        return COUNTING.slots[cell.at]
    return sum(COUNTING.slots[cell.at + nr] for nr in range(len(cell.bounds) + 1))
