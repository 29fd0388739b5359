"""Confirmed sets summed up by exercise and day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from domain.bests import best_with
from domain.identifiers import UserId
from persistence.ports import Slice, Store
from persistence.tables import LABEL, SESSION_BY_USER, LabelRow

SESSIONS_MAX = 200  # the newest: more than half a year of five a week
DAY_MS = 86_400_000


@dataclass(frozen=True, kw_only=True)
class DayItem:
    """A day (UTC, `day_ms` its beginning) with `sets` of an exercise, of so many repetitions in all.

    `weight_kg` is the heaviest, `maximum_kg` the best estimate of what could be lifted once; 0 if none.
    `volume_kg` is weight times repetitions.
    """

    day_ms: int
    sets: int
    repetitions: int
    weight_kg: float
    maximum_kg: float
    volume_kg: float


@dataclass(frozen=True, kw_only=True)
class ProgressItem:
    """The days on which an exercise was confirmed, oldest first."""

    exercise: str
    days: list[DayItem]


def progress(store: Store, user: UserId) -> list[ProgressItem]:
    """By exercise, of the newest SESSIONS_MAX sessions; nothing for a user without any."""
    sessions = store.read(SESSION_BY_USER, (user,), limit=SESSIONS_MAX)
    slices = [Slice((user, row.session_id)) for row in sessions]
    found: dict[str, dict[int, list[LabelRow]]] = defaultdict(lambda: defaultdict(list))
    for rows in store.read_many(LABEL, slices):
        for row in rows:
            found[row.exercise][row.start_at // DAY_MS].append(row)
    return [
        ProgressItem(exercise=name, days=[_day(nr * DAY_MS, days[nr]) for nr in sorted(days)])
        for name, days in sorted(found.items())
    ]


def _day(day_ms: int, rows: Sequence[LabelRow]) -> DayItem:
    best = best_with(None, [(row.repetitions, row.weight_kg) for row in rows])
    return DayItem(
        day_ms=day_ms,
        sets=len(rows),
        repetitions=sum(row.repetitions or 0 for row in rows),
        weight_kg=best.weight_kg if best else 0.0,
        maximum_kg=best.maximum_kg if best else 0.0,
        volume_kg=sum((row.repetitions or 0) * (row.weight_kg or 0.0) for row in rows),
    )
