"""Streams of a session whose devices' clocks differ, brought onto one clock before windows join them.

What moves one sensor on a body moves the others at the same time. So the activity of each stream (how much
its values change, in steps of STEP_MS) is correlated with that of the session's first accelerometer at every
lag up to LAG_MS_MAX, the usual estimate of a delay (Knapp and Carter, IEEE Trans. ASSP 24, 1976). The best
lag counts if it correlates well, and clearly better than what the clocks say; so streams that are in time, or
say nothing about each other, stay as they are. It is estimated anew for each BLOCK_MS, as clocks drift.
Streams whose frames begin together come from one device, and cost nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import msgspec
import numpy as np
import numpy.typing as npt

from domain.frames import SensorFrame

STEP_MS = 50
LAG_MS_MIN, LAG_MS_MAX = 250, 5_000  # below, it may be the phase between two sensors of one movement
BLOCK_MS = 300_000
CORRELATION_MIN = 0.5
GAIN_MIN = 0.1  # over the correlation at the lag that is used so far
DRIFT_GAIN_MIN = 0.02  # the same, of a lag near to one that was found before
DRIFT_MS_MAX = 500
OVERLAP_MS_MIN = 60_000  # of both streams: of less, chance finds a lag
IN_STEP_MIN = 0.5  # of the frames
MOVED = ("a", "g", "u", "l")  # a heart beats at its own pace

FloatArray = npt.NDArray[np.float64]


@dataclass
class _Offsets:
    """By how much each stream is ahead of the reference's clock, in ms."""

    reference: str | None = None
    ahead_ms: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def learn(self, frames: Sequence[SensorFrame]) -> None:
        streams: dict[str, list[SensorFrame]] = {}
        for frame in frames:
            if frame.sensor in MOVED:
                streams.setdefault(frame.stream, []).append(frame)
        if self.reference is None:
            self.reference = next((name for name, some in streams.items() if some[0].sensor == "a"), None)
        if self.reference not in streams:
            return
        reference = streams.pop(self.reference)
        others = {name: some for name, some in streams.items() if not _are_in_step(reference, some)}
        if not others:
            return
        first_ms = min(some[0].start_ms for some in (reference, *others.values()))
        expected = activity(reference, first_ms)
        for name, some in others.items():
            self.ahead_ms[name] = lag_ms(expected, activity(some, first_ms), self.ahead_ms[name])


def aligned(frames: Iterable[SensorFrame]) -> Iterator[SensorFrame]:
    """`frames` of a session, sorted by their start, with starts by the first accelerometer's clock; sorted.

    Holds BLOCK_MS of them at a time.
    """
    offsets = _Offsets()
    for _, block in groupby(frames, key=lambda frame: frame.start_ms // BLOCK_MS):
        held = list(block)
        offsets.learn(held)
        yield from sorted(_moved(held, offsets.ahead_ms), key=lambda frame: frame.start_ms)


def activity(frames: Sequence[SensorFrame], first_ms: int) -> FloatArray:
    """How much a stream's values change in each step since `first_ms`; NaN where there are no samples."""
    times, changes = [], []
    for frame in frames:
        values = frame.values()
        if len(values) > 1:
            steps_ms = 1000.0 / frame.rate_hz
            times.append(frame.start_ms - first_ms + np.arange(1, len(values)) * steps_ms)
            changes.append(np.abs(np.diff(values, axis=0)).sum(axis=1) / steps_ms)
    if not times:
        return np.empty(0)
    bins = (np.concatenate(times) / STEP_MS).astype(np.int64)
    counts = np.bincount(bins)
    sums = np.bincount(bins, np.concatenate(changes))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt(np.where(counts > 0, sums / counts, np.nan))


def lag_ms(reference: FloatArray, other: FloatArray, used_ms: int = 0) -> int:
    """By how many ms `other` is ahead of `reference`; `used_ms` unless another lag is clearly better."""
    lags = range(-LAG_MS_MAX // STEP_MS, LAG_MS_MAX // STEP_MS + 1)
    found: Mapping[int, float] = {lag * STEP_MS: _correlation(reference, other, lag) for lag in lags}
    best = max(found, key=lambda lag: (found[lag], -abs(lag)))
    if used_ms == 0 and abs(best) < LAG_MS_MIN:
        return used_ms
    has_drifted = used_ms != 0 and abs(best - used_ms) <= DRIFT_MS_MAX
    gain = found[best] - found[used_ms]
    is_clear = found[best] >= CORRELATION_MIN and gain >= (DRIFT_GAIN_MIN if has_drifted else GAIN_MIN)
    return best if is_clear else used_ms


def _are_in_step(one: Sequence[SensorFrame], other: Sequence[SensorFrame]) -> bool:
    """Whether most frames of `other` begin when one of `one` does."""
    starts = {frame.start_ms for frame in one}
    return sum(frame.start_ms in starts for frame in other) > IN_STEP_MIN * len(other)


def _correlation(reference: FloatArray, other: FloatArray, lag: int) -> float:
    """Pearson's, of the steps that both have when `other` is `lag` steps ahead; 0 if they are few."""
    first, second = reference[max(0, -lag) :], other[max(0, lag) :]
    count = min(len(first), len(second))
    both = ~(np.isnan(first[:count]) | np.isnan(second[:count]))
    if both.sum() * STEP_MS < OVERLAP_MS_MIN:
        return 0.0
    one, two = first[:count][both], second[:count][both]
    spread = one.std() * two.std()
    return float(((one - one.mean()) * (two - two.mean())).mean() / spread) if spread > 0 else 0.0


def _moved(frames: Iterable[SensorFrame], ahead_ms: Mapping[str, int]) -> Iterator[SensorFrame]:
    for frame in frames:
        ahead = ahead_ms.get(frame.stream, 0)
        yield msgspec.structs.replace(frame, start_ms=frame.start_ms - ahead) if ahead else frame
