"""What a page says of one metric: sums since the node began, and what came between two looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from telemetry.kinds import Cell, HistogramCell
from telemetry.pages import Page


@dataclass(frozen=True)
class Observed:
    """Of a histogram. `counts` are per bucket, the last above all `bounds`; `total` is the sum of values."""

    bounds: tuple[float, ...]
    counts: tuple[float, ...]
    total: float

    @property
    def count(self) -> float:
        return sum(self.counts)

    @property
    def mean(self) -> float | None:
        return self.total / self.count if self.count else None

    def within(self, share: float) -> float | None:
        """The least bound that `share` of the values keep to; None if nothing was observed.

        Where more than the rest of them exceed every bound, it is the mean of all if that is greater.
        """
        if not self.count:
            return None
        for bound, inside in zip(self.bounds, accumulate(self.counts), strict=False):
            if inside >= share * self.count:
                return bound
        return max(self.bounds[-1], self.total / self.count)

    def since(self, earlier: Observed) -> Observed:
        """What came after `earlier`, of the same metric."""
        counts = (max(0.0, now - then) for now, then in zip(self.counts, earlier.counts, strict=True))
        return Observed(self.bounds, tuple(counts), max(0.0, self.total - earlier.total))


def value(cell: Cell, pages: Sequence[Page]) -> float:
    """Of a counter or a gauge, over all `pages`."""
    return sum(page.slots[cell.at] for page in pages)


def observed(cell: HistogramCell, pages: Sequence[Page]) -> Observed:
    """Over all `pages`."""
    width = len(cell.bounds) + 1
    counts = tuple(sum(page.slots[cell.at + nr] for page in pages) for nr in range(width))
    return Observed(cell.bounds, counts, sum(page.slots[cell.at + width] for page in pages))
