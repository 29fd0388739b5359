"""Signs that a set was not done as it began: a figure, and how clear it is beside the set's own scatter.

All sizes but a stand's are logarithms of ratios within the set, so neither units nor tempo nor load matter. A
sign counts once its size and its clearness pass limits, and the set's repetitions are alike enough to be sure
of them. The limits were chosen on one half of real recordings (`python -m benchmarks.tips --fit`;
docs/decisions/0020-form.md).
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
SET_UP_MAX = 2  # movements before a set that may have been taken for repetitions; after it one
SET_UP_LASTED = 1.45  # in usual lengths: what lasts longer at the ends of a set is none of it
SET_UP_REACH = (0.6, 1.6)  # of the usual reach: what goes less or more far at the beginning is none of it
BEFORE_MIN = 2  # repetitions that quicker ones must follow
STEP_MAX = 1.0  # a pause between two repetitions says no more than this about tempo

SignKind = Literal["shorter", "faster", "irregular", "stuck", "momentum"]


@dataclass(frozen=True, kw_only=True)
class Limit:
    """The least of each: of the sign's size and clearness, and of how alike the set's repetitions are."""

    size: float
    clearness: float
    likeness: float


LIMITS: dict[SignKind, Limit] = {
    "shorter": Limit(size=0.258, clearness=4.163, likeness=0.84),
    "faster": Limit(size=0.335, clearness=1.275, likeness=0.88),
    "irregular": Limit(size=0.098, clearness=0.142, likeness=0.88),
    "stuck": Limit(size=0.8, clearness=0.169, likeness=0.84),
    "momentum": Limit(size=0.193, clearness=3.057, likeness=0.91),
}


@dataclass(frozen=True, kw_only=True)
class Sign:
    """What was seen at the repetitions from `first` up to but without `last`, numbered from 0.

    `size`, `clearness` and `likeness` are what Limit bounds; `figure` is for people: a share or seconds.
    """

    kind: SignKind
    size: float
    clearness: float
    likeness: float
    figure: float
    first: int
    last: int

    @property
    def exceeds(self) -> float:
        """How far its limits are passed: 1 if it just counts, 0 if the set is not understood well enough."""
        limit = LIMITS[self.kind]
        if self.likeness < limit.likeness:
            return 0.0
        return min(self.size / limit.size, self.clearness / limit.clearness)


@dataclass(frozen=True, kw_only=True)
class _Contrast:
    """How much, and how clearly, the values from `first` up to but without `last` differ from the others."""

    size: float
    clearness: float
    first: int
    last: int


def signs(figures: RepetitionFigures) -> Iterator[Sign]:
    """Every sign, whether it counts or not; none of a set of too few repetitions."""
    if figures.count < REPETITIONS_MIN:
        return
    settled = slice(*_settled(figures))
    lasted = np.log(np.diff(figures.times_s[settled]))
    yield _shorter(figures, settled)
    yield _faster(figures, lasted, settled)
    yield _irregular(figures, lasted, settled)
    yield _stuck(figures, lasted, settled)
    yield _momentum(figures, settled)


def _settled(figures: RepetitionFigures) -> tuple[int, int]:
    """The repetitions without set-up before and laying down after them: the first, the last + 1."""
    spacings, reach = np.diff(figures.times_s), figures.reach / np.median(figures.reach)
    long = spacings > SET_UP_LASTED * np.median(spacings)
    first, last = max(0, figures.count - REPETITIONS_MAX), figures.count
    for _ in range(SET_UP_MAX):
        is_other = long[first] or not SET_UP_REACH[0] < reach[first] < SET_UP_REACH[1]
        if not is_other or last - first <= REPETITIONS_MIN:
            break
        first += 1
    if last - first > REPETITIONS_MIN and (long[last - 2] or reach[last - 1] > SET_UP_REACH[1]):
        last -= 1
    return first, last


def _shorter(figures: RepetitionFigures, settled: slice) -> Sign:
    """The last repetitions went less far than those before, most of them than most of these."""
    reach = np.log(figures.reach[settled])
    found = _contrast(-reach, at_end=True)
    latest, before = reach[found.first : found.last], reach[: found.first]
    apart = float(np.quantile(before, 0.25) - np.quantile(latest, 0.75)) if len(latest) else 0.0
    return Sign(
        kind="shorter",
        size=max(0.0, apart),
        clearness=found.clearness,
        likeness=figures.likeness,
        figure=1 - float(np.exp(-found.size)),
        first=settled.start + found.first,
        last=settled.start + found.last,
    )


def _faster(figures: RepetitionFigures, lasted: FloatArray, settled: slice) -> Sign:
    """Some repetitions in a row were quicker than the others; not the first, as who tires grows slower."""
    found = _contrast(-lasted, at_end=False, skipped=BEFORE_MIN)
    return Sign(
        kind="faster",
        size=found.size,
        clearness=found.clearness,
        likeness=figures.likeness,
        figure=float(np.exp(found.size)) - 1,
        first=settled.start + found.first,
        last=settled.start + found.last + 1,  # what is between two repetitions is of both
    )


def _irregular(figures: RepetitionFigures, lasted: FloatArray, settled: slice) -> Sign:
    """Most repetitions differ in length from the next, from the next but one, and from the usual."""
    steps = np.minimum(np.abs(np.diff(lasted)), STEP_MAX)
    further = np.minimum(np.abs(lasted[2:] - lasted[:-2]), STEP_MAX)
    return Sign(
        kind="irregular",
        size=min(float(np.median(steps)), float(np.median(further))),
        clearness=float(np.median(np.abs(lasted - np.median(lasted)))),
        likeness=figures.likeness,
        figure=float(np.exp(np.median(steps))) - 1,
        first=settled.start,
        last=settled.stop,
    )


def _stuck(figures: RepetitionFigures, lasted: FloatArray, settled: slice) -> Sign:
    """One repetition stands between its ends longer than the others do, and lasts longer for it.

    Not the last: where a set ends is not that certain.
    """
    halt_s = figures.halt_s[settled]
    at = int(np.argmax(halt_s[:-1]))
    longer = float(lasted[max(0, at - 1) : at + 1].max() - np.median(lasted))
    return Sign(
        kind="stuck",
        size=float(halt_s[at] - np.median(halt_s)),
        clearness=max(0.0, longer),
        likeness=figures.likeness,
        figure=float(halt_s[at]),
        first=settled.start + at,
        last=settled.start + at + 1,
    )


def _momentum(figures: RepetitionFigures, settled: slice) -> Sign:
    """The last repetitions have a quicker part than those before, also beside their mean speed."""
    speeds = np.log(figures.peak_speed / figures.reach)[settled]
    by_speed = _contrast(speeds, at_end=True)
    by_share = _contrast(speeds + np.log(figures.lasted_s[settled]), at_end=True)
    size = min(by_speed.size, by_share.size)
    return Sign(
        kind="momentum",
        size=size,
        clearness=by_speed.clearness,
        likeness=figures.likeness,
        figure=float(np.exp(size)) - 1,
        first=settled.start + by_speed.first,
        last=settled.start + by_speed.last,
    )


def _contrast(values: FloatArray, *, at_end: bool, skipped: int = 0) -> _Contrast:
    """The neighbours, at most half, whose mean is most clearly above that of the others (Student's t).

    They are none of the first `skipped`, and the last ones if `at_end`.
    """
    count = len(values)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    squares = float((values**2).sum())
    best = _Contrast(size=0.0, clearness=0.0, first=count, last=count)
    for length in range(2, max(2, count // 2) + 1):
        firsts = np.arange(count - length if at_end else min(skipped, count - length), count - length + 1)
        inside = (sums[firsts + length] - sums[firsts]) / length
        rest = count - length
        outside = (sums[-1] - inside * length) / rest
        scatter = np.maximum(squares - length * inside**2 - rest * outside**2, 0.0) / (count - 2)
        spread = np.sqrt((scatter + SCATTER_LEAST**2) * (1 / length + 1 / rest))
        clearness = (inside - outside) / spread
        at = int(np.argmax(clearness))
        if clearness[at] > best.clearness:
            first = int(firsts[at])
            size = float(inside[at] - outside[at])
            best = _Contrast(size=size, clearness=float(clearness[at]), first=first, last=first + length)
    return best
