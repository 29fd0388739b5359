"""A plan that a coach, or the user, made: sessions with their exercises, sets and loads."""

from __future__ import annotations

import math

import msgspec

from domain.checks import check
from domain.frames import EPOCH_MS_MAX
from domain.identifiers import check_identifier

SESSIONS_MAX = 14
EXERCISES_MAX = 64  # of all sessions
SETS_MAX = 20
REPETITIONS_MAX = 1_000
WEIGHT_KG_MAX = 1_000.0
SHARE_MAX = 1.2
REST_S_MAX = 3_600


class PlannedExercise(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """`share` is of the estimated one-repetition maximum, where no `weight_kg` is given."""

    exercise: str
    set_count: int
    repetitions: int
    weight_kg: float | None = None
    share: float | None = None
    rest_s: int | None = None


class PlanSession(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """On `weekday` by the user's clock, or, if that is None, whenever the session before it was done."""

    name: str
    exercises: tuple[PlannedExercise, ...]
    weekday: int | None = None


class TrainingPlan(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """Made by `author` at `at_ms`; without sessions there is no plan any more."""

    at_ms: int
    author: str
    sessions: tuple[PlanSession, ...] = ()


def check_plan(plan: TrainingPlan) -> TrainingPlan:
    """Return `plan` if every field keeps its limits, else raise InvalidInput naming one that does not."""
    check(0 <= plan.at_ms <= EPOCH_MS_MAX, f"at_ms {plan.at_ms}", "ms since 1970, before 2100")
    check_identifier("author", plan.author)
    check(len(plan.sessions) <= SESSIONS_MAX, f"{len(plan.sessions)} sessions", f"at most {SESSIONS_MAX}")
    count = sum(len(session.exercises) for session in plan.sessions)
    check(count <= EXERCISES_MAX, f"{count} planned exercises", f"at most {EXERCISES_MAX}")
    for session in plan.sessions:
        check_identifier("planned session", session.name)
        check(session.exercises != (), "a planned session without exercises", "at least one")
        weekday = session.weekday
        check(weekday is None or 0 <= weekday <= 6, f"weekday {weekday}", "0, Monday, to 6")
        for each in session.exercises:
            _check_exercise(each)
    return plan


def _check_exercise(planned: PlannedExercise) -> None:
    check_identifier("exercise", planned.exercise)
    check(1 <= planned.set_count <= SETS_MAX, f"{planned.set_count} sets", f"1 to {SETS_MAX}")
    repetitions, rest_s = planned.repetitions, planned.rest_s
    check(1 <= repetitions <= REPETITIONS_MAX, f"{repetitions} repetitions", f"1 to {REPETITIONS_MAX}")
    check(rest_s is None or 0 <= rest_s <= REST_S_MAX, f"{rest_s} s of rest", f"0 to {REST_S_MAX} s")
    for what, value, greatest in (
        ("weight_kg", planned.weight_kg, WEIGHT_KG_MAX),
        ("share", planned.share, SHARE_MAX),
    ):
        is_right = value is None or (math.isfinite(value) and 0 <= value <= greatest)
        check(is_right, f"{what} {value}", f"0 to {greatest:g}")
