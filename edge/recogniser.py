"""Names the exercise, counts its repetitions and finds the sets in a stream of frames; no I/O, no clock.

The same code runs on watches and on the server, one Recogniser per exercise session. It cuts windows, which
someone else classifies (a server those of all its sessions together), and turns their probabilities into
observations:

    for window in recogniser.push(frame): ...classify...
    for observation in recogniser.classified(windows, probabilities): ...

Whether someone exercises is filtered by a hidden Markov model of two states (Rabiner, 1989) over 1 - P(rest);
a set's name is the class with the greatest mean probability over the set. What happens depends on the windows
alone, not on how the samples were divided into frames or the windows into calls.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from coach.form import Movement
from domain.frames import SensorFrame
from domain.recording import REST
from domain.sensors import WINDOW_SECONDS, SensorSet
from domain.windows import STRIDE_SECONDS, Window, WindowSlicer
from edge.open_set import OpenSet, Probabilities, SampleMemory

UNKNOWN = "unknown"  # the name of an exercise that resembles none of the classes enough

_WINDOW_MS = round(WINDOW_SECONDS * 1000)
_STRIDE_MS = round(STRIDE_SECONDS * 1000)


@dataclass(frozen=True, kw_only=True)
class RecogniserParameters:
    """Settings of the recogniser; durations in milliseconds."""

    sharpness: float = 0.6  # weight of a window's evidence: windows overlap, so each says less than it seems
    set_ms_expected: int = 45_000
    rest_ms_expected: int = 60_000
    open_above: float = 0.8  # a set opens when exercising is this probable
    setting_up_above: float = 0.3  # after rest: somebody sets up when exercising is this probable
    setting_up_below: float = 0.1  # and has given it up when it is this improbable again
    close_below: float = 0.5
    pause_ms_max: int = 3_000  # shorter pauses belong to the set
    set_ms_min: int = 7_000  # shorter sets are noise: the shortest real ones, of two repetitions, take 8 s
    gap_ms_max: int = 10_000  # a longer silence of the sensors ends the set
    share_min: float = 0.4  # a name needs this share of the set's exercise probability, else UNKNOWN
    tell_share_min: float = 0.8  # while the set goes on, a new name is told only from this share on
    rename_ratio: float = 1.25  # a new name must be so much more probable than the present one
    change_windows: int = 8  # another exercise without a rest between shows in so many windows
    change_share_min: float = 0.75
    brief_ms_max: int = 15_000  # a set this short must be confidently named, or it is noise
    brief_confidence_min: float = 0.6
    advice_ratio_max: float = 2.0  # advice can make one name at most so much more probable than another
    count_every_ms: int = 3_000
    tail_ms_max: int = 60_000  # repetitions are counted again no further back than this
    memory_ms: int = 300_000


@dataclass(frozen=True, kw_only=True)
class Exercising:
    """A set is under way; told when its name changes or its count grows. `movement`: its latest minute."""

    at_ms: int
    exercise: str
    confidence: float
    repetitions_so_far: int
    movement: Movement | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class SetEnded:
    """`movement` is the whole set's, or of one that is remembered no more the latest minutes'."""

    start_ms: int
    end_ms: int
    exercise: str
    confidence: float
    repetitions: int
    movement: Movement | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class Resting:
    since_ms: int


@dataclass(frozen=True, kw_only=True)
class SettingUp:
    """After rest somebody moves as in an exercise, but no set is open yet; a set follows, or Resting."""

    since_ms: int


Observation = Exercising | SetEnded | Resting | SettingUp

DEFAULT_PARAMETERS = RecogniserParameters()


class Recogniser:
    """One exercise session of one person; `classes` names the columns of the probabilities."""

    def __init__(
        self,
        sensor_set: SensorSet,
        classes: tuple[str, ...],
        *,
        parameters: RecogniserParameters = DEFAULT_PARAMETERS,
    ) -> None:
        self.classes = classes
        self._parameters = parameters
        self._slicer = WindowSlicer(sensor_set)
        self._memory = SampleMemory(sensor_set.rate_hz, parameters.memory_ms)
        self._exercises = np.array([name != REST for name in classes])
        self._advice = np.ones(len(classes))
        self._recent: deque[tuple[int, float]] = deque(maxlen=16)  # window start, P(exercising)
        self._belief = 0.5
        self._open: OpenSet | None = None
        self._resting = False  # so it was told; neither this nor the next at a session's start and in a set
        self._setting_up = False

    def push(self, frame: SensorFrame) -> list[Window]:
        """Take a frame, in order within its stream; returns the windows to classify, oldest first."""
        return self._slicer.push(frame)

    def expect(self, prior: Mapping[str, float]) -> None:
        """Advice: how probable each exercise is next. Replaces earlier advice; {} takes it back."""
        valid = {name: p for name, p in prior.items() if name in self.classes and 0 < p < math.inf}
        names = [name for name, exercises in zip(self.classes, self._exercises, strict=True) if exercises]
        left = max(0.0, 1.0 - sum(valid.values())) / max(1, len(names) - len(valid))
        weights = np.array([valid.get(name, left) * len(names) if valid else 1.0 for name in self.classes])
        reach = math.sqrt(self._parameters.advice_ratio_max)
        self._advice = np.clip(weights, 1 / reach, reach)

    def classified(
        self, windows: Sequence[Window], probabilities: npt.NDArray[np.float32]
    ) -> list[Observation]:
        """Take what `push` returned, in order, with [windows, classes] probabilities."""
        if probabilities.shape != (len(windows), len(self.classes)):
            raise ValueError(f"{probabilities.shape} probabilities for {len(windows)}x{len(self.classes)}")
        observations: list[Observation] = []
        for window, row in zip(windows, probabilities.astype(np.float64), strict=True):
            observations += self._take(window, row)
        return observations

    def finish(self) -> list[Observation]:
        """The exercise session ends: closes an open set."""
        observations = self._close(self._recent[-1][0] + _WINDOW_MS) if self._open else []
        self._forget()
        return observations

    def _take(self, window: Window, row: npt.NDArray[np.float64]) -> list[Observation]:
        observations: list[Observation] = []
        if self._recent:
            step_ms = window.start_ms - self._recent[-1][0]
            if -WindowSlicer.PENDING_SECONDS_MAX * 1000 <= step_ms <= 0:
                return []
            if not 0 < step_ms <= self._parameters.gap_ms_max:
                observations = self.finish()
        row = np.where(np.isfinite(row), np.clip(row, 0.0, 1.0), 0.0)
        exercising = float(row[self._exercises].sum())
        self._recent.append((window.start_ms, exercising))
        self._memory.append(window)
        self._believe(exercising)
        if self._open is None:
            return observations + self._wait(window, row)
        return observations + self._follow(self._open, window, row, exercising)

    def _believe(self, exercising: float) -> None:
        """The forward step of the hidden Markov model: P(exercising) after one more window."""
        parameters = self._parameters
        starts = _STRIDE_MS / parameters.rest_ms_expected
        stops = _STRIDE_MS / parameters.set_ms_expected
        before = self._belief * (1 - stops) + (1 - self._belief) * starts
        certain = min(max(exercising, 0.01), 0.99)
        odds = before / (1 - before) * (certain / (1 - certain)) ** parameters.sharpness
        self._belief = odds / (1 + odds)

    def _wait(self, window: Window, row: npt.NDArray[np.float64]) -> list[Observation]:
        """Between sets: open one, or say once that it is rest, and once that somebody sets up."""
        if self._belief < self._parameters.open_above:
            self._memory.keep(self._parameters.pause_ms_max + len(self._recent) * _STRIDE_MS)
            return self._between(window)
        self._resting = self._setting_up = False
        self._open = OpenSet(self._start_ms(), len(self.classes))
        return self._follow(self._open, window, row, self._recent[-1][1])

    def _between(self, window: Window) -> list[Observation]:
        parameters = self._parameters
        if self._resting and self._belief > parameters.setting_up_above:
            self._resting, self._setting_up = False, True
            return [SettingUp(since_ms=window.start_ms + _WINDOW_MS - _STRIDE_MS)]
        rests_below = parameters.setting_up_below if self._setting_up else parameters.close_below
        if self._resting or self._belief > rests_below:
            return []
        since_ms = window.start_ms + _WINDOW_MS - _STRIDE_MS if self._setting_up else self._recent[0][0]
        self._resting, self._setting_up = True, False
        return [Resting(since_ms=since_ms)]

    def _follow(
        self, opened: OpenSet, window: Window, row: npt.NDArray[np.float64], exercising: float
    ) -> list[Observation]:
        """In a set: take the window's evidence, count now and then, close it after too long a pause."""
        parameters = self._parameters
        if exercising >= 0.5:
            opened.add(window.start_ms, np.where(self._exercises, row, 0.0), self._parameters.change_windows)
            opened.end_ms = window.start_ms + _WINDOW_MS - _STRIDE_MS // 2
        now_ms = window.start_ms + _WINDOW_MS
        pause_ms = now_ms - opened.end_ms - _STRIDE_MS // 2
        if self._belief < parameters.close_below and pause_ms >= parameters.pause_ms_max:
            return self._close(opened.end_ms)
        if now_ms - opened.counted_ms >= parameters.count_every_ms and exercising >= 0.5:
            opened.counted_ms = now_ms
            opened.count_tail(self._memory, now_ms, parameters.tail_ms_max)
        if self._changed(opened):
            return self._change(opened, now_ms)
        return self._tell(opened, now_ms)

    def _changed(self, opened: OpenSet) -> bool:
        """Whether the latest windows are clearly another exercise, begun without a rest."""
        if opened.name not in self.classes or len(opened.latest) < self._parameters.change_windows:
            return False
        if opened.latest[0][0] - opened.start_ms < self._parameters.brief_ms_max:
            return False  # too little to stand as a set of its own: it is renamed instead
        latest = np.sum([row for _, row in opened.latest], axis=0)
        earlier = opened.evidence - latest
        present = self.classes.index(opened.name)
        clear = self._parameters.change_share_min
        return (
            int(np.argmax(latest)) != present
            and bool(latest.max() >= clear * latest.sum())
            and bool(earlier[present] >= clear * earlier.sum() > 0)
        )

    def _change(self, opened: OpenSet, now_ms: int) -> list[Observation]:
        after = opened.split(opened.latest[0][0] + (_WINDOW_MS - _STRIDE_MS) // 2)
        observations = [o for o in self._close(opened.end_ms) if isinstance(o, SetEnded)]
        self._open, self._resting = after, False
        return observations + self._tell(after, now_ms)

    def _tell(self, opened: OpenSet, now_ms: int) -> list[Observation]:
        name, confidence = self._name(opened)
        if name not in (opened.name, UNKNOWN) and confidence < self._parameters.tell_share_min:
            # A wrong name is worse than a late one; at the set's end the likeliest is given all the same.
            known = opened.name in self.classes
            name = opened.name if known else UNKNOWN
            shares = self._shares(opened)
            confidence = float(shares[self.classes.index(name)] if known else 1 - shares.max())
        if name == opened.name and opened.repetitions <= opened.told:
            return []
        opened.name, opened.told = name, max(opened.told, opened.repetitions)
        return [
            Exercising(
                at_ms=now_ms,
                exercise=name,
                confidence=confidence,
                repetitions_so_far=opened.told,
                movement=opened.movement,
            )
        ]

    def _close(self, end_ms: int) -> list[Observation]:
        opened, self._open = self._open, None
        assert opened is not None
        self._resting = True
        resting = Resting(since_ms=max(end_ms, opened.start_ms))
        if end_ms - opened.start_ms < self._parameters.set_ms_min:
            return [resting]
        name, confidence = self._name(opened)
        brief = end_ms - opened.start_ms < self._parameters.brief_ms_max
        if brief and (name == UNKNOWN or confidence < self._parameters.brief_confidence_min):
            return [resting]
        opened.count_all(self._memory, end_ms)
        ended = SetEnded(
            start_ms=opened.start_ms,
            end_ms=end_ms,
            exercise=name,
            confidence=confidence,
            repetitions=opened.repetitions,
            movement=opened.movement,
        )
        return [ended, resting]

    def _name(self, opened: OpenSet) -> tuple[str, float]:
        """The name so far and its share of the probability; the present name has the benefit of doubt."""
        shares = self._shares(opened)
        best = int(np.argmax(shares))
        if opened.name in self.classes:
            present = self.classes.index(opened.name)
            if shares[best] < shares[present] * self._parameters.rename_ratio:
                best = present
        share = float(shares[best])
        return (self.classes[best], share) if share >= self._parameters.share_min else (UNKNOWN, 1 - share)

    def _shares(self, opened: OpenSet) -> Probabilities:
        """Each class's share of the probability, advice taken into account; zeros before any evidence."""
        weighed = opened.evidence * self._advice
        return np.asarray(weighed / max(weighed.sum(), 1e-12))

    def _start_ms(self) -> int:
        """Where the set that opens now began: between the centres of the last window at rest and the next."""
        windows = list(self._recent)
        first = len(windows) - 1
        while first > 0 and windows[first - 1][1] >= 0.5:
            first -= 1
        if first == 0 and len(windows) < (self._recent.maxlen or 0):
            return windows[0][0]
        return windows[first][0] + _WINDOW_MS // 2 - _STRIDE_MS // 2

    def _forget(self) -> None:
        self._recent.clear()
        self._belief = 0.5
        self._resting = self._setting_up = False
        self._memory.clear()
