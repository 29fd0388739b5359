"""Counts in 2.4 KiB of memory, as a microcontroller does: what `edge/c99` must equal, to the last bit.

One sensor is looked at. While the set goes on, its values are averaged to about 10 Hz and kept as int8, the
rounding error carried on to the next; when the memory is full, each two samples become one. What was kept is
explained as swings (`swings.py` says what that is) along each axis, with and without its slow drift, of four
least heights. Of each explanation the stretch of repetitions that resemble their neighbours is kept (Kadane),
and a few measures of it, weighed linearly, choose one explanation.

Everything is integers, divided towards zero, or float32 in the order written here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

AXES = 3
RATE_HZ = 10  # about what samples are averaged to
SAMPLES_MAX = 600  # kept; even, so that each two can become one
FACTOR_MAX = 8  # samples are joined so often at most: what comes later is not counted
TURNS_MAX = 256  # of a line; what comes later is not counted
STEPS_MAX = 127
FULL_SCALE_STEPS = 512  # a quarter of the sensor's full scale saturates, and nobody lifts like that for long
FINENESS = 16  # smoothed values are in such parts of a step
HEIGHTS = (12, 20, 30, 45)  # of a swing at least, in HEIGHT_PARTS of the mean deviation
HEIGHT_PARTS = 20
HALF_POINTS = 4  # a repetition is compared at so many points before it turns, and after
LIKENESS_MIN = 0.2  # repetitions less like their neighbours do not pay for themselves

SMOOTH_S = 0.3  # standard deviations of the triangles that smooth
DRIFT_S = 3.0
DRIFT_LENGTH = 9  # of the triangle of the drift, whose values are some samples apart
TEMPO_S = 3.0  # what is usual

MEASURES = ("likeness", "span", "tempo", "drifting", "found")
COEFFICIENTS = (27.95, 26.26, -2.429, -7.058, 4.03)  # python -m benchmarks.repetitions --fit compact

Int = np.int64
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class CompactRepetition:
    """Where it begins, turns and ends, in samples pushed; `range`, in the sensor's unit, is the greatest
    change of an axis between where it turns and its ends.
    """

    begin: int
    turn: int
    end: int
    range: float


@dataclass(frozen=True, kw_only=True)
class CompactSettings:
    """What depends on the rate and the sensor; lengths in samples kept, as long as none were joined."""

    averaged: int  # samples pushed that become one
    smooth: int  # length of the triangle
    drift: int  # between the values of its triangle
    lag: int  # a second: of less than two nothing is counted
    usual: int  # samples pushed in TEMPO_S
    gain: float  # from the sensor's unit to steps, by how many are averaged
    unit: float  # of a smoothed value in the sensor's unit

    @classmethod
    def of(cls, rate_hz: int, full_scale: float) -> CompactSettings:
        averaged = max(1, (rate_hz + RATE_HZ // 2) // RATE_HZ)
        rate = rate_hz / averaged
        return cls(
            averaged=averaged,
            smooth=_triangle_length(SMOOTH_S * rate),
            drift=max(1, round(_triangle_length(DRIFT_S * rate) / DRIFT_LENGTH)),
            lag=max(1, round(rate)),
            usual=round(TEMPO_S * rate_hz),
            gain=FULL_SCALE_STEPS / full_scale / averaged,
            unit=full_scale / FULL_SCALE_STEPS / FINENESS,
        )


@dataclass(frozen=True, eq=False)
class Explanation:
    """Repetitions are around the turns `first`, first + 2, ... of an axis; `measures` as in MEASURES."""

    axis: int
    drifting: int
    height: int
    first: int
    count: int
    measures: FloatArray

    @property
    def score(self) -> np.float32:
        score = np.float32(0)
        for coefficient, measure in zip(COEFFICIENTS, self.measures, strict=True):
            score += np.float32(coefficient) * measure
        return score


class CompactCounter:
    """The repetitions of a set, of one sensor at a rate in whole Hz."""

    def __init__(self, rate_hz: int, full_scale: float) -> None:
        self._settings = CompactSettings.of(rate_hz, full_scale)
        self._gain = np.float32(self._settings.gain)
        self._factor = 1  # samples that became one
        self._samples: list[IntArray] = []
        self._carried = np.zeros(AXES, np.float32)
        self._waiting = np.empty((0, AXES), np.float32)

    def push(self, values: npt.NDArray[np.floating]) -> None:
        """Take `values` [samples, 1 to 3 axes] in the sensor's unit; how they are cut changes nothing."""
        missing = ((0, 0), (0, AXES - values.shape[1]))
        fresh = np.pad(values.astype(np.float32), missing)
        self._waiting = np.concatenate([self._waiting, fresh])
        taken = 0
        while taken < len(self._waiting):
            if len(self._samples) == SAMPLES_MAX:
                if self._factor == FACTOR_MAX:
                    taken = len(self._waiting)
                    break
                self._halve()
            averaged = self._settings.averaged * self._factor
            if taken + averaged > len(self._waiting):
                break
            self._keep(self._waiting[taken : taken + averaged])
            taken += averaged
        self._waiting = self._waiting[taken:]

    def _keep(self, values: FloatArray) -> None:
        summed = np.concatenate([self._carried[None], values * self._gain]).cumsum(axis=0, dtype=np.float32)
        bounded = np.fmax(np.fmin(summed[-1], np.float32(STEPS_MAX)), np.float32(-STEPS_MAX))
        steps = (bounded + np.float32(STEPS_MAX + 0.5)).astype(Int) - STEPS_MAX
        self._carried = bounded - steps.astype(np.float32)
        self._samples.append(steps)

    def _halve(self) -> None:
        """Each two samples become one, what is lost by it being carried on to the next."""
        pairs = np.stack(self._samples).reshape(-1, 2, AXES).sum(axis=1)
        halves = np.diff(np.cumsum(pairs, axis=0) >> 1, axis=0, prepend=0)
        self._samples = list(halves)
        self._factor *= 2
        self._gain *= np.float32(0.5)

    def repetitions(self) -> list[CompactRepetition]:
        """Those of the set so far, oldest first."""
        best = max(self.explanations(), key=lambda way: way.score, default=None)
        if best is None:
            return []
        view = _View.of(self._samples, self._settings, self._factor)
        turns = _turns(view.line(best.axis, best.drifting), best.height)
        unit = np.float32(self._settings.unit)
        found = []
        for turn in range(best.first, best.first + 2 * best.count, 2):
            places = turns[turn - 1 : turn + 2]
            before, there, after = view.smooth[places]
            swing = int(np.maximum(np.abs(there - before), np.abs(there - after)).max())
            begin, middle, end = (place * view.scale + view.scale // 2 for place in places)
            extent = float(np.float32(swing) * unit)
            found.append(CompactRepetition(begin=begin, turn=middle, end=end, range=extent))
        return found

    def explanations(self) -> Iterator[Explanation]:
        """All ways to see the set so far; of equally good ones the first is taken."""
        if len(self._samples) > 2 * self._settings.lag:
            view = _View.of(self._samples, self._settings, self._factor)
            for axis in range(AXES):
                for drifting in (0, 1):
                    yield from _explained(view, axis, drifting)


@dataclass(frozen=True, kw_only=True, eq=False)
class _View:
    """`smooth`, `drift`: [samples, AXES]. `scale`: samples pushed of a sample kept."""

    smooth: IntArray
    drift: IntArray
    scale: int
    usual: int

    @classmethod
    def of(cls, samples: list[IntArray], settings: CompactSettings, factor: int) -> _View:
        kept = np.stack(samples)
        apart = max(1, min(settings.drift // factor, len(samples) // (3 * DRIFT_LENGTH)))
        return cls(
            smooth=_triangle(kept, (settings.smooth + factor - 1) // factor | 1, 1),
            drift=_triangle(kept, DRIFT_LENGTH, apart),
            scale=settings.averaged * factor,
            usual=settings.usual,
        )

    def line(self, axis: int, drifting: int) -> IntArray:
        return self.smooth[:, axis] - (self.drift[:, axis] if drifting else 0)


def _triangle_length(deviation: float) -> int:
    """The odd length of two moving sums, one after the other, with that standard deviation in samples."""
    return round(math.sqrt(6 * deviation**2 + 1)) | 1


def _triangle(samples: IntArray, length: int, apart: int) -> IntArray:
    """Means with weights that fall from `length` to 0, of values `apart` samples, the ends held."""
    places = np.arange(len(samples))
    total = np.zeros_like(samples)
    for offset in range(1 - length, length):
        held = np.clip(places + offset * apart, 0, len(samples) - 1)
        total += (length - abs(offset)) * samples[held]
    return _quotient(total * FINENESS, length * length)


def _quotient(values: IntArray, by: int) -> IntArray:
    """Towards zero, as C divides."""
    return np.asarray(np.sign(values) * (np.abs(values) // by))


def _explained(view: _View, axis: int, drifting: int) -> Iterator[Explanation]:
    line = view.line(axis, drifting)
    length = len(line)
    mean = int(_quotient(line.sum(), length))
    deviation = int(np.abs(line - mean).sum())
    before = found = 0
    for part in HEIGHTS:
        height = deviation * part // (length * HEIGHT_PARTS) + 1
        turns = _turns(line, height)
        found = found + 1 if len(turns) == before else 1
        before = len(turns)
        for first in range(1, min(3, len(turns) - 1)):
            likeness, stretch, count = _stretch(view, turns, first)
            last = stretch + 2 * count - 2
            begin, end = turns[stretch - 1], turns[last + 1]
            times = turns[last] - turns[stretch] if count > 1 else end - begin
            usual = np.float32(times * view.scale) / np.float32(max(1, count - 1) * view.usual)
            tempo = usual + np.float32(1) / usual
            span = np.float32(end - begin) / np.float32(length)
            measures = np.array([likeness, span, tempo, drifting, found], np.float32)
            yield Explanation(axis, drifting, height, stretch, count, measures)


def _turns(line: IntArray, height: int) -> list[int]:
    """Where it turns between swings of at least `height`, and a begin and an end around; [] if nowhere."""
    turns: list[int] = []
    values = line.tolist()
    high = low = 0
    rising = 0  # unknown until the first swing
    for now, value in enumerate(values):
        if rising >= 0 and value > values[high]:
            high = now
        if rising <= 0 and value < values[low]:
            low = now
        if rising >= 0 and values[high] - value >= height:
            turns.append(high)
            rising, low = -1, now
        elif rising <= 0 and value - values[low] >= height:
            turns.append(low)
            rising, high = 1, now
        if len(turns) == TURNS_MAX:
            break
    if not turns:
        return []
    half = (turns[-1] - turns[0]) // (len(turns) - 1) if len(turns) > 1 else len(values) // 2
    return [max(0, turns[0] - half), *turns, min(len(values) - 1, turns[-1] + half)]


def _stretch(view: _View, turns: list[int], first: int) -> tuple[np.float32, int, int]:
    """Of the repetitions around every other turn from `first` on, the neighbours that are most alike: how
    much so, as a mean of all; the turn of the first; how many they are.
    """
    courses = _courses(view, turns, first)
    best = current = np.float32(0)
    begun = stretch = first
    count = 1
    for nr, alike in enumerate(_likenesses(courses)):
        if not current > 0:
            current, begun = np.float32(0), first + 2 * nr
        current += alike - np.float32(LIKENESS_MIN)
        if current > best:
            best, stretch, count = current, begun, nr + 2 - (begun - first) // 2
    return best / np.float32(len(courses)), stretch, count


def _courses(view: _View, turns: list[int], first: int) -> IntArray:
    """The courses of these repetitions on all axes, [repetitions, points, AXES]."""
    count = (len(turns) - first) // 2
    begins, middles, ends = (
        np.array(turns[nr : nr + 2 * count : 2])[:count] for nr in range(first - 1, first + 2)
    )
    part = np.arange(HALF_POINTS)
    rising = begins[:, None] + (middles - begins)[:, None] * part // HALF_POINTS
    falling = middles[:, None] + (ends - middles)[:, None] * part // HALF_POINTS
    return np.asarray(view.smooth[np.concatenate([rising, falling], axis=1)])


def _likenesses(courses: IntArray) -> FloatArray:
    """About the correlation of neighbours, [repetitions - 1]: covariance by the geometric mean of variances,
    after a step of Newton's.
    """
    own, shared = _covariance(courses, courses), _covariance(courses[:-1], courses[1:])
    mean = (own[:-1] + own[1:]) * np.float32(0.5) + np.float32(1)
    return np.asarray(shared / ((mean + own[:-1] * own[1:] / mean) * np.float32(0.5)))


def _covariance(ones: IntArray, others: IntArray) -> FloatArray:
    """Of all axes together, times the square of the number of points, [repetitions]."""
    products = 2 * HALF_POINTS * (ones * others).sum(axis=1) - ones.sum(axis=1) * others.sum(axis=1)
    return np.asarray(products.sum(axis=1).astype(np.float32))
