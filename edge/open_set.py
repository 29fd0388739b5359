"""The set under way, as the recogniser sees it: its evidence, its samples and its repetitions so far."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from coach.form import Movement
from coach.repetitions import CountingParameters, Repetitions, count
from domain.windows import FloatArray, Window

Probabilities = npt.NDArray[np.float64]  # [classes]


_WHILE_OPEN = CountingParameters(candidates=1, phases=2, swings=False)  # a tenth of the work, less exact


class SampleMemory:
    """The samples of the last minutes on the windows' grid; what is missing between windows is interpolated.

    At most `length_ms` of samples are kept, in the parts in which they came.
    """

    def __init__(self, rate_hz: int, length_ms: int) -> None:
        self.rate_hz = rate_hz
        self._length_ms = length_ms
        self._parts: deque[FloatArray] = deque()
        self._first = 0  # grid index of the first sample
        self._next = 0

    @property
    def start_ms(self) -> int:
        return round(self._first * 1000 / self.rate_hz)

    def append(self, window: Window) -> None:
        first = round(window.start_ms * self.rate_hz / 1000)
        if not self._parts:
            self._first = self._next = first
        elif first > self._next:
            last = self._parts[-1][-1]
            steps = np.arange(1, first - self._next + 1)[:, None] / (first - self._next + 1)
            self._add((last + (window.samples[0] - last) * steps).astype(np.float32))
        self._add(window.samples[self._next - first :])
        self.keep(self._length_ms)

    def _add(self, samples: FloatArray) -> None:
        if len(samples):
            self._parts.append(samples.copy())
            self._next += len(samples)

    def keep(self, length_ms: int) -> None:
        """Forget whole parts that are older than `length_ms`."""
        oldest = self._next - length_ms * self.rate_hz // 1000
        while self._parts and self._first + len(self._parts[0]) <= oldest:
            self._first += len(self._parts.popleft())

    def between(self, start_ms: int, end_ms: int) -> FloatArray:
        """The samples from `start_ms` to `end_ms`, as far as they are remembered, [samples, channels]."""
        samples = np.concatenate(self._parts) if self._parts else np.empty((0, 1), np.float32)
        start = max(0, round(start_ms * self.rate_hz / 1000) - self._first)
        return samples[start : max(start, round(end_ms * self.rate_hz / 1000) - self._first)]

    def clear(self) -> None:
        self._parts.clear()


@dataclass
class OpenSet:
    """The set under way. Repetitions before `settled_ms` are settled and not counted again."""

    start_ms: int
    class_count: int
    end_ms: int = 0
    name: str = ""
    told: int = -1
    repetitions: int = 0
    settled: int = 0
    settled_ms: int = 0
    counted_ms: int = 0
    movement: Movement | None = None  # what was counted last, from `settled_ms` then on
    evidence: Probabilities = field(init=False)
    latest: deque[tuple[int, Probabilities]] = field(default_factory=deque)  # window start, probabilities

    def __post_init__(self) -> None:
        self.evidence = np.zeros(self.class_count)
        self.settled_ms = self.counted_ms = self.end_ms = self.start_ms

    def add(self, start_ms: int, row: Probabilities, latest_max: int) -> None:
        """Take a window's probabilities of the exercises."""
        self.evidence += row
        self.latest.append((start_ms, row))
        if len(self.latest) > latest_max:
            self.latest.popleft()

    def split(self, start_ms: int) -> OpenSet:
        """Take the latest windows out into a set of their own, which starts at `start_ms`."""
        after = OpenSet(start_ms, len(self.evidence), end_ms=self.end_ms)
        for window_ms, row in self.latest:
            after.add(window_ms, row, len(self.latest))
            self.evidence -= row
        after.end_ms, self.end_ms = self.end_ms, start_ms
        return after

    def count_tail(self, memory: SampleMemory, now_ms: int, tail_ms_max: int) -> None:
        """Count what is not settled; settle the older half once it is long."""
        found = self._counted(memory, now_ms, _WHILE_OPEN)
        self.repetitions = self.settled + found.count
        if now_ms - self.settled_ms > tail_ms_max and found.count:
            middle = found.count // 2
            cut_s = (found.times_s[middle] + found.times_s[middle - 1]) / 2 if middle else found.times_s[0]
            self.settled += middle
            self.settled_ms += round(float(cut_s) * 1000)

    def count_all(self, memory: SampleMemory, end_ms: int) -> None:
        """The final count: of the whole set if it is still remembered."""
        if memory.start_ms <= self.start_ms:
            self.settled, self.settled_ms = 0, self.start_ms
        self.repetitions = self.settled + self._counted(memory, end_ms, CountingParameters()).count

    def _counted(self, memory: SampleMemory, end_ms: int, parameters: CountingParameters) -> Repetitions:
        values = memory.between(self.settled_ms, end_ms)
        found = count(values, memory.rate_hz, parameters)
        self.movement = Movement(values=values, rate_hz=memory.rate_hz, found=found)
        return found
