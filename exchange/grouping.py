"""Rows of sets, one below the other, as workouts: what the readers of CSV files share."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from exchange.workouts import ForeignSet, Reading, Workout


@dataclass
class _Begun:
    title: str
    start_ms: int
    end_ms: int | None
    line_nr: int
    sets: list[ForeignSet] = field(default_factory=list)


class Workouts:
    """Gathers sets by the key of their workout, in the order in which these begin."""

    def __init__(self) -> None:
        self._begun: dict[Hashable, _Begun] = {}

    def add(self, key: Hashable, title: str, start_ms: int, end_ms: int | None, found: ForeignSet) -> None:
        begun = self._begun.get(key)
        if begun is None:
            begun = self._begun[key] = _Begun(title, start_ms, end_ms, found.line_nr)
        begun.start_ms = min(begun.start_ms, start_ms)
        if end_ms is not None:
            begun.end_ms = max(end_ms, begun.end_ms or end_ms)
        begun.sets.append(found)

    def put_into(self, reading: Reading) -> None:
        for begun in sorted(self._begun.values(), key=lambda each: (each.start_ms, each.line_nr)):
            reading.add(
                Workout(
                    title=begun.title,
                    start_ms=begun.start_ms,
                    end_ms=begun.end_ms if begun.end_ms and begun.end_ms > begun.start_ms else None,
                    sets=tuple(begun.sets),
                    line_nr=begun.line_nr,
                )
            )
