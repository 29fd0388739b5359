"""What to do next, today and this week: from habits, by goal, within what the user and the place allow.

Which exercise: what usually follows (`coach.habits`), less of what was refused and of muscles that have not
recovered, never what is excluded; where equipment is missing, what is most like it. How much: as usual, moved
on by `coach.progression`, rounded to what can be loaded. Every suggestion says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from coach import newcomers
from coach.amount import amount
from coach.catalogue import meanings
from coach.choice import beginners, is_allowed, is_possible, missing, substitute
from coach.habits import Habits, begun, following, learned
from coach.progression import SCHEMES, WITHOUT_GOAL
from coach.recovery import readiness, recovery
from coach.situation import Situation
from domain.sets import PastSet
from domain.training import Goal

__all__ = [
    "SETS_PLANNED_MAX",
    "Situation",
    "Suggestion",
    "expected_exercises",
    "followed",
    "plan_session",
    "suggest",
]

REFUSED_SHARE = 0.4  # of an exercise's probability is left after each refusal of late
READY_LEAST = 0.4  # of it is left where the muscles were trained just now
SUBSTITUTE_SHARE = 0.5  # an exercise that stands in for another is so much less probable
SETS_PLANNED_MAX = 40
SET_MS = 45_000
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """`weight_kg` is None where no weight is known; `reason` is for the user to read."""

    exercise: str
    weight_kg: float | None
    repetitions: int
    rest_s: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class _Choice:
    exercise: str
    weight: float  # its probability, with all that speaks against it
    bound: float  # what no later choice's weight exceeds
    instead_of: str | None = None


def expected_exercises(situation: Situation) -> dict[str, float]:
    """How probable each known exercise is next, to advise a recogniser; wishes are not habits."""
    return _probable(situation, _begun(situation))


def suggest(situation: Situation) -> Suggestion | None:
    """The next set; None where everything is excluded, and for a user without history and goal of whose like
    nothing is known.
    """
    habits = _begun(situation)
    choice = _best(situation, habits)
    return None if choice is None else _with_load(situation, habits, choice)


def plan_session(situation: Situation) -> tuple[Suggestion, ...]:
    """The whole of the session, or of what is left of it, as it is usually done; at most SETS_PLANNED_MAX."""
    return tuple(suggestion for suggestion, _ in followed(situation))


def followed(situation: Situation) -> Iterator[tuple[Suggestion, Situation]]:
    """The session's suggestions, each taken as it is, with the situation after it."""
    habits = _begun(situation)
    for _ in range(SETS_PLANNED_MAX):
        if _is_over(situation, habits):
            return
        choice = _best(situation, habits)
        if choice is None:
            return
        suggestion = _with_load(situation, habits, choice)
        done = PastSet(
            session=habits.session,
            start_ms=situation.at_ms,
            end_ms=situation.at_ms + SET_MS,
            exercise=suggestion.exercise,
            repetitions=suggestion.repetitions,
            weight_kg=suggestion.weight_kg,
            utc_offset_min=situation.training.utc_offset_min,
        )
        habits = learned(habits, done)
        situation = replace(
            situation,
            habits=habits,
            history=(*situation.history, done),
            at_ms=situation.at_ms + SET_MS + suggestion.rest_s * 1000,
        )
        yield suggestion, situation


def _begun(situation: Situation) -> Habits:
    place = situation.training.place
    return begun(
        situation.habits,
        situation.session,
        situation.at_ms,
        place="" if place is None else place.name,
        offset_min=situation.training.utc_offset_min,
    )


def _best(situation: Situation, habits: Habits) -> _Choice | None:
    goal, group = situation.training.goal, situation.newcomer.group
    if goal is not None and group is None and situation.is_first and situation.planned is None:
        return _for_beginner(situation, goal)
    recovered = recovery(situation.history, situation.session, situation.at_ms, situation.more)
    best: _Choice | None = None
    for choice in _choices(situation, habits):
        if best is not None and choice.bound <= best.weight:
            break  # nothing makes a later one more probable than it is
        ready = READY_LEAST + (1 - READY_LEAST) * readiness(choice.exercise, recovered, situation.more)
        weight = choice.weight * ready * _willingness(situation, choice.exercise)
        if best is None or weight > best.weight:
            best = replace(choice, weight=weight)
    return best


def _choices(situation: Situation, habits: Habits) -> Iterator[_Choice]:
    """What is known and may be done, and what could stand in for what may not, by how probable it is."""
    training, more = situation.training, situation.more
    probable = _probable(situation, habits)
    for exercise, probability in sorted(probable.items(), key=lambda each: (-each[1], each[0])):
        if exercise in situation.refused:
            continue
        if is_allowed(exercise, training, more) and is_possible(exercise, training, more):
            yield _Choice(exercise=exercise, weight=probability, bound=probability)
        elif other := substitute(exercise, training, situation.refused, more):
            share = SUBSTITUTE_SHARE * probability
            yield _Choice(exercise=other, weight=share, bound=probability, instead_of=exercise)


def _probable(situation: Situation, habits: Habits) -> dict[str, float]:
    """Which exercises may come next: by plan and habit, or by what people like a newcomer do."""
    group = situation.newcomer.group
    if group is None or not situation.is_first:
        probable = following(habits).exercises
    else:
        probable = newcomers.expected(group, situation.today, situation.training.goal)
    planned = situation.planned
    return probable if planned is None else planned.mixed(probable, situation.today)


def _is_over(situation: Situation, habits: Habits) -> bool:
    group, goal = situation.newcomer.group, situation.training.goal
    if situation.planned is not None:
        return situation.planned.is_over(situation.today)
    if group is not None and situation.is_first:
        scheme = SCHEMES[goal] if goal is not None else WITHOUT_GOAL
        return newcomers.is_over(group, situation.today, goal, scheme.set_count)
    return bool(habits.exercises and habits.today) and following(habits).end > 0.5


def _willingness(situation: Situation, exercise: str) -> float:
    """Less with each refusal of the last month."""
    return REFUSED_SHARE ** situation.declined_count(exercise, "refused")


def _for_beginner(situation: Situation, goal: Goal) -> _Choice | None:
    """Who has a goal and no earlier session does one exercise of each movement, a few sets of each."""
    for exercise in beginners(situation.training):
        done = sum(any(each.name == exercise for each in meanings(name)) for name in situation.today)
        if exercise not in situation.refused and done < SCHEMES[goal].set_count:
            return _Choice(exercise=exercise, weight=1.0, bound=1.0)
    return None


def _with_load(situation: Situation, habits: Habits, choice: _Choice) -> Suggestion:
    found = amount(situation, habits, choice.exercise)
    return Suggestion(
        exercise=choice.exercise,
        weight_kg=found.weight_kg,
        repetitions=max(1, found.repetitions),
        rest_s=found.rest_s,
        reason="; ".join(part for part in (_why(situation, habits, choice), found.why) if part),
    )


def _why(situation: Situation, habits: Habits, choice: _Choice) -> str:
    """Why this exercise: the day on which it last followed what was done just now."""
    if choice.instead_of is not None:
        return _instead_of(choice.instead_of, situation)
    before = habits.name_of(habits.today[-1]) if habits.today else None
    planned = situation.planned
    item = planned.item(choice.exercise) if planned is not None else None
    if planned is not None and item is not None:
        return planned.name if item.instead_of is None else _instead_of(item.instead_of, situation)
    found = _last_time(situation, choice.exercise, before)
    group = situation.newcomer.group
    if found is None and group is not None and situation.is_first:
        if situation.today[-1:] == [choice.exercise]:
            return "once more"
        return newcomers.why(group, choice.exercise, situation.today, situation.training.goal)
    if found is None:
        return "" if habits.symbol_of(choice.exercise) is None else "you usually do it"
    local_ms = found.start_ms + found.utc_offset_min * 60_000
    return f"as on {_DAYS[(local_ms // 86_400_000 + 3) % 7]}"


def _instead_of(exercise: str, situation: Situation) -> str:
    lacking = missing(exercise, situation.training, situation.more)
    because = f", which needs a {lacking}" if lacking else ", which you do not want"
    return f"instead of {exercise}{because}"


def _last_time(situation: Situation, exercise: str, before: str | None) -> PastSet | None:
    """When `exercise` last followed `before`, or began a session, in an earlier session."""
    history = situation.history
    for at in range(len(history) - 1, -1, -1):
        past = history[at]
        if past.exercise == exercise and past.session != situation.session:
            earlier = history[at - 1] if at and history[at - 1].session == past.session else None
            if (None if earlier is None else earlier.exercise) == before:
                return past
    return None
