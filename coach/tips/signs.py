"""Signs that a set was not done as it began: a figure, and how clear it is beside the set's own scatter.

All sizes but a stand's are logarithms of ratios within the set, so neither units nor tempo nor load matter. A
sign counts once both its size and its clearness pass limits, which were chosen on one half of real recordings
(`python -m benchmarks.tips --fit`; docs/decisions/0020-form.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
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
STEP_MAX = 1.0  # a pause between two repetitions says no more than this about tempo

SignKind = Literal["shorter", "faster", "irregular", "stuck", "momentum"]


@dataclass(frozen=True, kw_only=True)
class Limit:
    size: float
    clearness: float


LIMITS: dict[SignKind, Limit] = {
    "shorter": Limit(size=0.254, clearness=4.096),
    "faster": Limit(size=0.258, clearness=3.862),
    "irregular": Limit(size=0.12, clearness=0.194),
    "stuck": Limit(size=0.8, clearness=0.05),
    "momentum": Limit(size=0.3, clearness=2.5),
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
    first, last = _settled(figures)
    spacings = np.diff(figures.times_s[first:last])
    reach = np.log(figures.reach[first:last])
    yield _shorter(reach, first)
    yield _faster(np.log(spacings), first)
    yield _irregular(np.log(spacings), first)
    yield _stuck(figures.halt_s[first:last], spacings, first)
    yield _momentum(figures, first, last)


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


def _shorter(reach: FloatArray, skipped: int) -> Sign:
    """The last repetitions went less far than those before."""
    found = _contrast(-reach, at_end=True)
    return _sign("shorter", found, 1 - float(np.exp(-found.size)), skipped)


def _faster(lasted: FloatArray, skipped: int) -> Sign:
    """Some repetitions in a row were quicker than the others."""
    found = _contrast(-lasted, at_end=False)
    found = replace(found, last=found.last + 1)  # what is between two repetitions is of both
    return _sign("faster", found, float(np.exp(found.size)) - 1, skipped)


def _irregular(lasted: FloatArray, skipped: int) -> Sign:
    """Most repetitions differ in length from those before, those before these, and the usual."""
    steps = np.minimum(np.abs(np.diff(lasted)), STEP_MAX)
    further = np.minimum(np.abs(lasted[2:] - lasted[:-2]), STEP_MAX)
    usual = float(np.median(np.abs(lasted - np.median(lasted))))
    size = min(float(np.median(steps)), float(np.median(further)), 1.3 * usual)
    return Sign(
        kind="irregular",
        size=size,
        clearness=float(steps.mean()),
        figure=float(np.exp(np.median(steps))) - 1,
        first=skipped,
        last=skipped + len(lasted) + 1,
    )


def _stuck(halt_s: FloatArray, spacings: FloatArray, skipped: int) -> Sign:
    """One repetition stands between its ends, and lasts longer for it."""
    at = int(np.argmax(halt_s))
    usual = float(np.median(spacings))
    lasted = float(spacings[max(0, at - 1) : at + 1].max())
    return Sign(
        kind="stuck",
        size=float(halt_s[at]),
        clearness=max(0.0, float(np.log(lasted / usual))),
        figure=float(halt_s[at]),
        first=skipped + at,
        last=skipped + at + 1,
    )


def _momentum(figures: RepetitionFigures, first: int, last: int) -> Sign:
    """The last repetitions have a quicker part than those before, also beside their mean speed."""
    speeds = np.log(figures.peak_speed / figures.reach)[first:last]
    shares = speeds + np.log(figures.lasted_s[first:last])
    by_speed, by_share = _contrast(speeds, at_end=True), _contrast(shares, at_end=True)
    found = min(by_speed, by_share, key=lambda each: each.clearness)
    return _sign("momentum", found, float(np.exp(found.size)) - 1, first)


def _sign(kind: SignKind, found: _Contrast, figure: float, skipped: int) -> Sign:
    return Sign(
        kind=kind,
        size=found.size,
        clearness=found.clearness,
        figure=figure,
        first=skipped + found.first,
        last=skipped + found.last,
    )


def _contrast(values: FloatArray, *, at_end: bool) -> _Contrast:
    """The neighbours, at most half, whose mean is most clearly above that of the others (Student's t)."""
    count = len(values)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    squares = float((values**2).sum())
    best = _Contrast(size=0.0, clearness=0.0, first=count, last=count)
    for length in range(2, max(2, count // 2) + 1):
        firsts = np.array([count - length]) if at_end else np.arange(count - length + 1)
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
