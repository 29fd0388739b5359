"""How much of an exercise: weight, repetitions and rest of its next set, and why.

As planned, or as usual and moved on by `coach.progression`; of what was never done, what people like the user
take, or a light load by body weight. After a set that fell far short it gets lighter, planned or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coach import newcomers
from coach.habits import Habits, Usual, usual_load
from coach.loading import lighter_kg, loadable_kg
from coach.planned import load_of
from coach.progression import SCHEMES, WITHOUT_GOAL, Progress, Scheme, progress
from coach.situation import Situation
from coach.workouts import workouts
from domain.sets import PastSet

CHANGED_MIN = 3  # loads of an exercise that were changed of late: the user knows better than progression
WORKING_SHARE = 0.95  # of the last workout's heaviest weight: what is lighter leads up to it
LIGHTER_SHARE = 0.95  # of the weight, after a set that fell far short


@dataclass(frozen=True, kw_only=True)
class Amount:
    """`weight_kg` is None where none is known; it can be loaded at the place."""

    weight_kg: float | None
    repetitions: int
    rest_s: int
    why: str


def amount(situation: Situation, habits: Habits, exercise: str) -> Amount:
    """Of the next set of `exercise`, in the session that `habits` has begun."""
    goal, place = situation.training.goal, situation.training.place
    scheme = SCHEMES[goal] if goal is not None else WITHOUT_GOAL
    usual = usual_load(habits, exercise)
    past = workouts(situation.history, exercise)
    today = past.pop() if past and past[-1][0].session == situation.session else []
    planned = _planned(situation, exercise)
    if planned is not None:
        weight_kg, repetitions, why, rest_s = planned
        if weight_kg is None and usual is not None:
            weight_kg = usual.weight_kg
    else:
        weight_kg, repetitions, why = _usual(situation, exercise, usual, past, scheme)
        rest_s = _rest_s(situation, exercise, scheme, None if usual is None else usual.rest_s)
    fewest = repetitions if planned is not None else scheme.repetitions_min
    if today and weight_kg is not None and _fell_short(today[-1], fewest):
        weight_kg = min(
            weight_kg, lighter_kg(today[-1].weight_kg or weight_kg, LIGHTER_SHARE, exercise, place)
        )
        repetitions, why = fewest, f"lighter, since you did {today[-1].repetitions}"
    if weight_kg is not None:
        rounded = weight_kg if usual is not None else lighter_kg(weight_kg, 1.0, exercise, place)
        weight_kg = loadable_kg(rounded, exercise, place)
    return Amount(weight_kg=weight_kg, repetitions=repetitions, rest_s=rest_s, why=why)


def _planned(situation: Situation, exercise: str) -> tuple[float | None, int, str, int] | None:
    """Weight, repetitions, why and rest as planned; None if it is not, or the user takes another load."""
    planned = situation.planned
    item = planned.item(exercise) if planned is not None else None
    if planned is None or item is None:
        return None
    found = load_of(item, planned, situation.history, situation.session)
    if found is None:
        return None
    weight_kg, why = found
    goal = situation.training.goal
    scheme = SCHEMES[goal] if goal is not None else WITHOUT_GOAL
    rest_s = item.planned.rest_s
    return weight_kg, item.planned.repetitions, why, scheme.rest_s if rest_s is None else rest_s


def _usual(
    situation: Situation,
    exercise: str,
    usual: Usual | None,
    past: Sequence[Sequence[PastSet]],
    scheme: Scheme,
) -> tuple[float | None, int, str]:
    """Weight, repetitions and why: as usual or as people like the user do, moved on after workouts `past`."""
    goal, place = situation.training.goal, situation.training.place
    step = progress(past, exercise, goal, place)
    weight_kg, why = newcomers.load_kg(situation.newcomer, exercise)
    repetitions, why = _first_repetitions(situation, exercise, scheme), why or _first_time(goal)
    if usual is not None:
        weight_kg, repetitions, why = usual.weight_kg, usual.repetitions or repetitions, usual.because
    knows_better = situation.declined_count(exercise, "changed") >= CHANGED_MIN
    if step is not None and not knows_better and _is_working(weight_kg, past[-1]):
        return _moved_on(step, weight_kg, repetitions, why, scheme, is_aimed=goal is not None)
    return weight_kg, repetitions, why


def _first_repetitions(situation: Situation, exercise: str, scheme: Scheme) -> int:
    """What people like the user do, within the goal's range."""
    group = situation.newcomer.group
    usual = group.loads[exercise].repetitions if group is not None and exercise in group.loads else None
    if usual is None:
        return scheme.repetitions_min
    if situation.training.goal is None:
        return round(usual)
    return min(scheme.repetitions_max, max(scheme.repetitions_min, round(usual)))


def _rest_s(situation: Situation, exercise: str, scheme: Scheme, usual_s: int | None) -> int:
    """The goal's; without one the user's own, or what people like the user take."""
    if situation.training.goal is not None:
        return scheme.rest_s
    if usual_s is not None:
        return usual_s
    group = situation.newcomer.group
    theirs_s = group.loads[exercise].rest_s if group is not None and exercise in group.loads else None
    return scheme.rest_s if theirs_s is None else round(theirs_s)


def _is_working(weight_kg: float | None, last: Sequence[PastSet]) -> bool:
    """Whether the usual next set is one of those that progress, and none that leads up to them."""
    heaviest = max((past.weight_kg for past in last if past.weight_kg is not None), default=None)
    return weight_kg is None or heaviest is None or weight_kg >= WORKING_SHARE * heaviest


def _moved_on(
    step: Progress, weight_kg: float | None, repetitions: int, why: str, scheme: Scheme, *, is_aimed: bool
) -> tuple[float | None, int, str]:
    """The usual set, or the next step where there is one; a goal decides the repetitions too."""
    if step.moves:
        return step.weight_kg, step.repetitions, step.reason
    if not is_aimed:
        return weight_kg, repetitions, step.reason if weight_kg == step.weight_kg else why
    return weight_kg, min(scheme.repetitions_max, max(repetitions, step.repetitions)), step.reason


def _fell_short(last: PastSet, fewest: int) -> bool:
    """Whether a set was less than half of what it should be; one nobody confirmed may be part of another."""
    is_confirmed = last.weight_kg is not None
    return is_confirmed and last.repetitions is not None and 0 < last.repetitions < fewest / 2


def _first_time(goal: str | None) -> str:
    return "" if goal is None else f"to begin with, for {goal.replace('-', ' ')}"
