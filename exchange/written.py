"""What muvr has of a session, as the writers of other programs' formats take it."""

from __future__ import annotations

from dataclasses import dataclass

from domain.contributed import Contributed


@dataclass(frozen=True, kw_only=True)
class WrittenSet:
    start_ms: int
    end_ms: int
    exercise: str
    repetitions: int | None
    weight_kg: float | None


@dataclass(frozen=True, kw_only=True)
class Written:
    """`sets` by time and apart; `heart_rate`: (time in ms, beats a minute) in order.

    `described` are exercises that the catalogue does not have, told with the first session that has them.
    """

    session: str
    start_ms: int
    end_ms: int
    sets: tuple[WrittenSet, ...]
    heart_rate: tuple[tuple[int, float], ...] = ()
    described: tuple[Contributed, ...] = ()
