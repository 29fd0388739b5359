"""How habits change with each confirmed set, and what they say of the next one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from msgspec.structs import replace

from coach.habits import loads, order
from coach.habits.ideas import EXPERTS
from coach.habits.loads import Expectation
from coach.habits.state import (
    END,
    EXERCISES_MAX,
    SEQUENCE_MAX,
    SETS_MAX,
    WORKOUTS_MAX,
    Habits,
    Known,
    Load,
    Place,
    Workout,
)
from domain.sets import PastSet

DAY_MS = 86_400_000
REST_S_MAX = 1800  # a longer pause is an interruption, not a rest
WEIGHT_UNIT_KG = 0.01


@dataclass(frozen=True, kw_only=True)
class Following:
    """How probable each known exercise is, if there is a next one, and how probable the session's end."""

    exercises: dict[str, float]
    end: float


@dataclass(frozen=True, kw_only=True)
class Usual:
    """The expected next set of an exercise, None where nothing is known; `because` is for the user."""

    weight_kg: float | None
    repetitions: int | None
    rest_s: int | None
    because: str


def begun(habits: Habits, session: str, at_ms: int, *, place: str = "", offset_min: int = 0) -> Habits:
    """The state as session `session` begins; `offset_min` is the user's clock against UTC."""
    if session == habits.session:
        return habits
    counts = order.followed(habits, END) if habits.today else habits.counts
    local_ms = at_ms + offset_min * 60_000
    day = local_ms // DAY_MS
    return replace(
        habits,
        counts=counts,
        session=session,
        place=Place((day + 3) % 7, local_ms % DAY_MS * 4 // DAY_MS, place),
        day=day,
        today=(),
        before=habits.today[0] if habits.today else habits.before,
        last_end_ms=0,
    )


def learned(habits: Habits, done: PastSet) -> Habits:
    """The state after another confirmed set."""
    habits = begun(
        habits, done.session, done.start_ms, place=done.place or "", offset_min=done.utc_offset_min
    )
    habits, symbol = _with_exercise(habits, done.exercise)
    known = habits.exercises[symbol - 1]
    load = _load(habits, done)
    trust = loads.judged(habits, known, load)
    known = _with_set(known, load, habits.day, is_first=symbol not in habits.today)
    return replace(
        habits,
        counts=order.followed(habits, symbol),
        trust=trust,
        exercises=(*habits.exercises[: symbol - 1], known, *habits.exercises[symbol:]),
        today=(*habits.today, symbol)[-SEQUENCE_MAX:],
        last_end_ms=max(habits.last_end_ms, done.end_ms),
    )


def in_order(history: Iterable[PastSet]) -> tuple[PastSet, ...]:
    """By time, whatever order they came in; of equal times the rest decides: there is only one order."""
    return tuple(sorted(history, key=_order))


def learned_all(history: Iterable[PastSet]) -> Habits:
    """The state after all sets of `history`, taken in their order."""
    habits = Habits()
    for done in in_order(history):
        habits = learned(habits, done)
    return habits


def following(habits: Habits) -> Following:
    """What comes next in the session that is running, or has just begun."""
    end, *estimate = order.probabilities(habits) or [1.0]
    total = sum(estimate)
    names = (known.name for known in habits.exercises)
    return Following(exercises={name: p / total for name, p in zip(names, estimate, strict=True)}, end=end)


def expectation(habits: Habits, exercise: str, *, weight_kg: float | None = None) -> Expectation | None:
    """The next set of `exercise` as the experts see it; None if it was never done."""
    symbol = habits.symbol_of(exercise)
    if symbol is None:
        return None
    weight = None if weight_kg is None else round(weight_kg / WEIGHT_UNIT_KG)
    return loads.expected(habits, habits.exercises[symbol - 1], weight=weight)


def usual_load(habits: Habits, exercise: str, *, weight_kg: float | None = None) -> Usual | None:
    """The next set of `exercise`, for `weight_kg` if that is given; None if it was never done."""
    found = expectation(habits, exercise, weight_kg=weight_kg)
    if found is None:
        return None
    expert = found.weight_expert or found.repetitions_expert
    return Usual(
        weight_kg=None if found.load.weight is None else found.load.weight * WEIGHT_UNIT_KG,
        repetitions=found.load.repetitions,
        rest_s=found.load.rest_s,
        because=EXPERTS[expert] if expert else "you usually do it now",
    )


def _order(past: PastSet) -> tuple[int, str, int, str]:
    rest = f"{past.exercise} {past.repetitions} {past.weight_kg} {past.place}"
    return past.start_ms, past.session, past.end_ms, rest


def _load(habits: Habits, done: PastSet) -> Load:
    rest_s = (done.start_ms - habits.last_end_ms) // 1000 if habits.last_end_ms else None
    return Load(
        None if done.weight_kg is None else round(done.weight_kg / WEIGHT_UNIT_KG),
        done.repetitions,
        rest_s if rest_s is not None and 0 <= rest_s <= REST_S_MAX else None,
    )


def _with_set(known: Known, load: Load, day: int, *, is_first: bool) -> Known:
    if is_first or not known.workouts:
        return replace(known, workouts=(*known.workouts, Workout(day, (load,)))[-WORKOUTS_MAX:])
    workout = known.workouts[-1]
    sets = (*workout.sets[: SETS_MAX - 1], load)
    return replace(known, workouts=(*known.workouts[:-1], replace(workout, sets=sets)))


def _with_exercise(habits: Habits, exercise: str) -> tuple[Habits, int]:
    """The state that knows `exercise`, and its symbol; a full one forgets what was not done for longest."""
    symbol = habits.symbol_of(exercise)
    if symbol is not None:
        return habits, symbol
    if len(habits.exercises) < EXERCISES_MAX:
        return replace(habits, exercises=(*habits.exercises, Known(exercise))), len(habits.exercises) + 1
    ages = {
        symbol: known.workouts[-1].day
        for symbol, known in enumerate(habits.exercises, 1)
        if symbol not in habits.today
    }
    symbol = min(ages, key=lambda each: ages[each]) if ages else habits.today[0]
    exercises = (*habits.exercises[: symbol - 1], Known(exercise), *habits.exercises[symbol:])
    forgotten = replace(
        habits,
        exercises=exercises,
        counts=order.without(habits.counts, symbol),
        today=tuple(each for each in habits.today if each != symbol),
        before=END if habits.before == symbol else habits.before,
    )
    return forgotten, symbol
