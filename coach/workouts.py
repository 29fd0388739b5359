"""An exercise's past by workouts, and which of their sets count: warm-up sets stand apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from domain.sets import PastSet

WARM_UP_SHARE = 0.8  # of the workout's heaviest weight; what is lighter and comes before it warms up


def workouts(history: Iterable[PastSet], exercise: str) -> list[list[PastSet]]:
    """The sets of `exercise`, a list per session, in the order of `history`."""
    sessions: dict[str, list[PastSet]] = {}
    for past in [past for past in history if past.exercise == exercise]:
        sessions.setdefault(past.session, []).append(past)
    return list(sessions.values())


def working_sets(workout: Sequence[PastSet]) -> list[PastSet]:
    """The sets of one exercise of a session without those that led up to its heaviest weight."""
    heaviest = max((past.weight_kg for past in workout if past.weight_kg is not None), default=None)
    if not heaviest:
        return list(workout)
    first = next(at for at, past in enumerate(workout) if (past.weight_kg or 0.0) >= WARM_UP_SHARE * heaviest)
    return list(workout[first:])
