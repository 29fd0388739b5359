"""What a lifter likes to know afterwards: records, how much was lifted, for how many weeks without a gap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from coach.workouts import working_sets, workouts
from domain.bests import Best
from domain.sets import PastSet

WEEK_MS = 7 * 86_400_000
MONDAY_MS = 4 * 86_400_000  # 5 January 1970

Kind = Literal["weight", "repetitions", "maximum"]


def records(old: Best | None, new: Best | None) -> list[tuple[Kind, float]]:
    """What a set of an exercise bettered, by its new value; nothing on the first time, when all is best."""
    if old is None or new is None:
        return []
    values: list[tuple[Kind, float, float]] = [
        ("weight", old.weight_kg, new.weight_kg),
        ("repetitions", old.repetitions, new.repetitions),
        ("maximum", old.maximum_kg, new.maximum_kg),
    ]
    return [(kind, float(now)) for kind, then, now in values if now > then > 0]


def volume_kg(session: Sequence[PastSet]) -> float:
    """Weight times repetitions over a session's sets, warm-up sets apart."""
    exercises = dict.fromkeys(past.exercise for past in session)
    volumes = (
        past.weight_kg * past.repetitions
        for exercise in exercises
        for workout in workouts(session, exercise)
        for past in working_sets(workout)
        if past.weight_kg is not None and past.repetitions is not None
    )
    return sum(volumes, 0.0)


def streak_weeks(history: Iterable[PastSet], at_ms: int, *, offset_min: int = 0) -> int:
    """Weeks running, from Monday, with a confirmed set, up to this one; this one may still be without.

    No longer than `history` goes back. `offset_min` is the clock's now, each set has that of its own day.
    """
    trained = {_week(past.start_ms, past.utc_offset_min) for past in history if past.start_ms <= at_ms}
    week = _week(at_ms, offset_min)
    if week not in trained:
        week -= 1
    weeks = 0
    while week - weeks in trained:
        weeks += 1
    return weeks


def _week(at_ms: int, offset_min: int) -> int:
    return (at_ms + offset_min * 60_000 - MONDAY_MS) // WEEK_MS
