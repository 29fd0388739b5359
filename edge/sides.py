"""What both sides of a body did: the samples of two accelerometers, one worn left and one right."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from coach.form import Movement
from domain.commands import Stream
from domain.frames import SensorFrame
from domain.identifiers import StreamId
from domain.windows import FloatArray, Resampler

LEFT, RIGHT = "left-", "right-"  # before where a sensor is worn: `left-wrist`
SENSOR = "a"
RATE_HZ = 20
MEMORY_S = 300


class BothSides(NamedTuple):
    left: Movement
    right: Movement


class SideMemory:
    """The latest MEMORY_S of the two streams. Most sessions have none of it: `of` says which have."""

    def __init__(self, left: StreamId, right: StreamId) -> None:
        self._sides = {left: _Side(), right: _Side()}
        self._order = left, right

    @classmethod
    def of(cls, streams: Iterable[Stream]) -> SideMemory | None:
        """For the first two accelerometers that are worn at one place on both sides; None without such."""
        worn = {stream.location: stream.stream for stream in streams if stream.sensor == SENSOR}
        for location, stream in worn.items():
            if location.startswith(LEFT):
                other = worn.get(RIGHT + location.removeprefix(LEFT))
                if other is not None:
                    return cls(stream, other)
        return None

    def push(self, frame: SensorFrame) -> None:
        """Take a frame, in order within its stream; those of other streams are passed over."""
        if (side := self._sides.get(frame.stream)) is not None:
            side.push(frame)

    def between(self, start_ms: int, end_ms: int) -> BothSides | None:
        """The set from `start_ms` to `end_ms`, counted on each side; None if it is not wholly remembered."""
        left, right = (self._sides[name].between(start_ms, end_ms) for name in self._order)
        if left is None or right is None:
            return None
        return BothSides(Movement.counted(left, RATE_HZ), Movement.counted(right, RATE_HZ))


class _Side:
    def __init__(self) -> None:
        self._resampler = Resampler(RATE_HZ)
        self._first = 0  # index on the grid since 1970 of the first sample
        self._values: FloatArray = np.empty((0, 3), np.float32)

    def push(self, frame: SensorFrame) -> None:
        run = self._resampler.push(frame)
        if run is None:
            return
        if run.first != self._first + len(self._values):  # after a gap: what was before is of another set
            self._first, self._values = run.first, self._values[:0]
        self._values = np.concatenate([self._values, run.values])
        over = max(0, len(self._values) - MEMORY_S * RATE_HZ)
        self._first, self._values = self._first + over, self._values[over:]

    def between(self, start_ms: int, end_ms: int) -> FloatArray | None:
        first, last = (round(at_ms * RATE_HZ / 1000) - self._first for at_ms in (start_ms, end_ms))
        return self._values[first:last] if 0 <= first < last <= len(self._values) else None
