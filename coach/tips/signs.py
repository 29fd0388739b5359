"""Signs that a set was not done as it began: a figure, and how clear it is beside the set's own scatter.

All but stands are logarithms of ratios within the set, so neither units nor tempo nor load matter. A sign
counts once both its size and its clearness pass limits, which were chosen on one half of real recordings
(docs/decisions/0020-form.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from coach.form import RepetitionFigures

FloatArray = npt.NDArray[np.float64]

REPETITIONS_MIN = 5  # of fewer nothing is usual
REPETITIONS_MAX = 60  # of a longer set the latest are looked at
SCATTER_LEAST = 0.03  # of a logarithm: what is measured scatters so much in any case

SignKind = Literal["shorter", "faster", "irregular", "stuck", "momentum"]


@dataclass(frozen=True, kw_only=True)
class Limit:
    size: float
    clearness: float


LIMITS: dict[SignKind, Limit] = {
    "shorter": Limit(size=0.3, clearness=4.5),
    "faster": Limit(size=0.35, clearness=5.0),
    "irregular": Limit(size=0.3, clearness=0.3),
    "stuck": Limit(size=0.5, clearness=0.4),
    "momentum": Limit(size=0.5, clearness=6.0),
}


@dataclass(frozen=True, kw_only=True)
class Sign:
    """What was seen at the repetitions from `first` up to but without `last`, numbered from 0.

    `size` and `clearness` are what Limit bounds; `figure` is for people: a share or seconds.
    """

    kind: SignKind
    size: float
    clearness: float
    figure: float
    first: int
    last: int

    @property
    def exceeds(self) -> float:
        """How far its limits are passed: 1 if it just counts."""
        limit = LIMITS[self.kind]
        return min(self.size / limit.size, self.clearness / limit.clearness)


def signs(figures: RepetitionFigures) -> Iterator[Sign]:
    """Every sign, whether it counts or not; none of a set of too few repetitions."""
    count = figures.count
    if count < REPETITIONS_MIN:
        return
    skipped = max(0, count - REPETITIONS_MAX)
    lasted = np.log(figures.lasted_s[skipped:-1])
    reach = np.log(figures.reach[skipped:])
    yield _shorter(reach, skipped)
    yield _faster(lasted, skipped)
    yield _irregular(lasted, skipped)
    yield _stuck(figures)
    yield _momentum(figures, skipped)


def _shorter(reach: FloatArray, skipped: int) -> Sign:
    """The last repetitions went less far than those before."""
    size, clearness, first, last = _contrast(-reach, at_end=True)
    share = 1 - float(np.exp(-size))
    return Sign(
        kind="shorter",
        size=size,
        clearness=clearness,
        figure=share,
        first=skipped + first,
        last=skipped + last,
    )


def _faster(lasted: FloatArray, skipped: int) -> Sign:
    """Some repetitions in a row were quicker than the others."""
    size, clearness, first, last = _contrast(-lasted, at_end=False)
    share = float(np.exp(size)) - 1
    return Sign(
        kind="faster",
        size=size,
        clearness=clearness,
        figure=share,
        first=skipped + first,
        last=skipped + last,
    )


def _irregular(lasted: FloatArray, skipped: int) -> Sign:
    """Neighbouring repetitions differ in length, most of them."""
    steps = np.minimum(np.abs(np.diff(lasted)), 1.0)
    usual = float(np.median(steps))
    return Sign(
        kind="irregular",
        size=usual,
        clearness=float(steps.mean()),
        figure=float(np.exp(usual)) - 1,
        first=skipped,
        last=skipped + len(lasted),
    )


def _stuck(figures: RepetitionFigures) -> Sign:
    """One repetition stands between its ends, which the others do not."""
    at = int(np.argmax(figures.halt_s))
    longest = float(figures.halt_s[at])
    return Sign(
        kind="stuck",
        size=longest,
        clearness=longest - float(np.median(figures.halt_s)),
        figure=longest,
        first=at,
        last=at + 1,
    )


def _momentum(figures: RepetitionFigures, skipped: int) -> Sign:
    """The last repetitions have a fast part that those before have not, beside their mean speed."""
    peaks = np.log(figures.peak_speed * figures.lasted_s / figures.reach)[skipped:]
    size, clearness, first, last = _contrast(peaks, at_end=True)
    share = float(np.exp(size)) - 1
    return Sign(
        kind="momentum",
        size=size,
        clearness=clearness,
        figure=share,
        first=skipped + first,
        last=skipped + last,
    )


def _contrast(values: FloatArray, *, at_end: bool) -> tuple[float, float, int, int]:
    """The neighbours of which the mean is most clearly above that of the others, at most half of them.

    By how much, how clearly (Student's t), and which: the first, and the one after the last.
    """
    count = len(values)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    squares = float((values**2).sum())
    best = (0.0, 0.0, count, count)
    for length in range(2, max(2, count // 2) + 1):
        firsts = np.array([count - length]) if at_end else np.arange(count - length + 1)
        inside = (sums[firsts + length] - sums[firsts]) / length
        rest = count - length
        outside = (sums[-1] - inside * length) / rest
        scatter = np.maximum(squares - length * inside**2 - rest * outside**2, 0.0) / (count - 2)
        spread = np.sqrt((scatter + SCATTER_LEAST**2) * (1 / length + 1 / rest))
        clearness = (inside - outside) / spread
        at = int(np.argmax(clearness))
        if clearness[at] > best[1]:
            first = int(firsts[at])
            best = (float(inside[at] - outside[at]), float(clearness[at]), first, first + length)
    return best
