"""Plainer ways to expect the next set, to compare `coach.habits` with."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Protocol

from domain.sets import PastSet

RECENT = 0.65  # of the 2016 application's weighted average: each step back counts so much less


class Predictor(Protocol):
    """`ranked`: exercises, the likeliest first; `load`: weight in kg and repetitions of the next of one."""

    def learn(self, done: PastSet) -> None: ...

    def ranked(self, session: str, at_ms: int) -> list[str]: ...

    def load(self, session: str, exercise: str) -> tuple[float | None, float | None]: ...


class _Remembering:
    def __init__(self) -> None:
        self.history: list[PastSet] = []

    def learn(self, done: PastSet) -> None:
        self.history.append(done)

    def _of(self, exercise: str) -> list[PastSet]:
        return [past for past in self.history if past.exercise == exercise]

    def _last(self, session: str) -> str | None:
        is_running = bool(self.history) and self.history[-1].session == session
        return self.history[-1].exercise if is_running else None


class SameAsLastTime(_Remembering):
    """What came after this exercise the last times, the latest first; the load of its last set."""

    def ranked(self, session: str, at_ms: int) -> list[str]:
        last = self._last(session)
        found = [
            after.exercise
            for before, after in zip([None, *self.history], self.history, strict=False)
            if (before.exercise if before and before.session == after.session else None) == last
        ]
        return list(dict.fromkeys([*reversed(found), *(past.exercise for past in reversed(self.history))]))

    def load(self, session: str, exercise: str) -> tuple[float | None, float | None]:
        done = self._of(exercise)
        weights = [past.weight_kg for past in done if past.weight_kg is not None]
        counts = [past.repetitions for past in done if past.repetitions is not None]
        return (weights[-1] if weights else None), (counts[-1] if counts else None)


class MostFrequent(_Remembering):
    """The exercise done most often; its most frequent weight and repetitions."""

    def ranked(self, session: str, at_ms: int) -> list[str]:
        return [name for name, _ in Counter(past.exercise for past in self.history).most_common()]

    def load(self, session: str, exercise: str) -> tuple[float | None, float | None]:
        done = self._of(exercise)
        weights = Counter(past.weight_kg for past in done if past.weight_kg is not None)
        counts = Counter(past.repetitions for past in done if past.repetitions is not None)
        return (
            weights.most_common(1)[0][0] if weights else None,
            counts.most_common(1)[0][0] if counts else None,
        )


class WeightedAverage(_Remembering):
    """The application of 2016: a chain of exercises, and the weighted average of an exercise's past sets."""

    def ranked(self, session: str, at_ms: int) -> list[str]:
        last = self._last(session)
        follows: dict[str, float] = defaultdict(float)
        for before, after in zip([None, *self.history], self.history, strict=False):
            follows[after.exercise] += 1e-3
            if (before.exercise if before and before.session == after.session else None) == last:
                follows[after.exercise] += 1.0
        return sorted(follows, key=lambda name: -follows[name])

    def load(self, session: str, exercise: str) -> tuple[float | None, float | None]:
        done = self._of(exercise)
        return (
            _average([past.weight_kg for past in done if past.weight_kg is not None]),
            _average([past.repetitions for past in done if past.repetitions is not None]),
        )


def _average(values: Sequence[float]) -> float | None:
    if not values:
        return None
    shares = [RECENT**back for back in range(len(values))]
    return sum(share * value for share, value in zip(shares, reversed(values), strict=True)) / sum(shares)
