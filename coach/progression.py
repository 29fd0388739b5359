"""How an exercise's load goes on from workout to workout, by goal.

Double progression: the same weight until every working set reaches the goal's upper number of repetitions,
then the next heavier load and the lower number. Who stays below the lower number in two workouts running goes
back a tenth (a deload). Where the repetitions are far from the goal's, the weight follows from the estimated
maximum. The ranges and rests are those of the American College of Sports Medicine (Progression Models in
Resistance Training for Healthy Adults, 2009) for novices to intermediates; rehabilitation takes light loads,
and never more weight than was done unless every set reached its upper number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from coach.loading import heavier_kg, lighter_kg, loadable_kg
from coach.workouts import working_sets
from domain.sets import PastSet
from domain.strength import maximum_kg, weight_for_kg
from domain.training import Goal, Place

DELOAD_SHARE = 0.9
FAR_BELOW, FAR_ABOVE = 2, 4  # repetitions off the goal's range that ask for another weight


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """Repetitions of a working set, rest after it, and how many sets who is new does."""

    repetitions_min: int
    repetitions_max: int
    rest_s: int
    set_count: int = 3


SCHEMES: Mapping[Goal, Scheme] = {
    "strength": Scheme(repetitions_min=3, repetitions_max=6, rest_s=180),
    "muscle": Scheme(repetitions_min=8, repetitions_max=12, rest_s=90),
    "endurance": Scheme(repetitions_min=15, repetitions_max=25, rest_s=45),
    "weight-loss": Scheme(repetitions_min=10, repetitions_max=15, rest_s=45),
    "rehabilitation": Scheme(repetitions_min=10, repetitions_max=15, rest_s=60),
}
WITHOUT_GOAL = Scheme(repetitions_min=10, repetitions_max=12, rest_s=90)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What the next workout's working sets are; `moves` if that differs from the last ones' weight."""

    weight_kg: float | None
    repetitions: int
    reason: str
    moves: bool


def progress(
    past: Sequence[Sequence[PastSet]], exercise: str, goal: Goal | None, place: Place | None
) -> Progress | None:
    """After the workouts `past` of an exercise, oldest first; None if no repetitions of it are known."""
    scheme = SCHEMES[goal] if goal is not None else WITHOUT_GOAL
    done = working_sets(past[-1]) if past else []
    counts = [each.repetitions for each in done if each.repetitions]
    if not counts:
        return None
    weights = [each.weight_kg for each in done if each.weight_kg is not None]
    did = ", ".join(str(count) for count in counts)
    more = min(scheme.repetitions_max, counts[0] + 1)
    if not weights:
        return Progress(weight_kg=None, repetitions=more, reason=f"last time you did {did}", moves=False)
    weight_kg = max(weights)
    one_kg = _maximum_kg(done)
    if goal is not None and one_kg and _is_far(counts, scheme):
        return _by_maximum(one_kg, weight_kg, exercise, goal, place)
    if len(counts) == len(done) and min(counts) >= scheme.repetitions_max:
        heavier = heavier_kg(weight_kg, exercise, place)
        if heavier > weight_kg:
            reason = f"{heavier - weight_kg:g} kg more since you did {did}"
            return Progress(weight_kg=heavier, repetitions=scheme.repetitions_min, reason=reason, moves=True)
    if goal is not None and len(past) > 1 and _failed(past[-1], scheme) and _failed(past[-2], scheme):
        lighter = lighter_kg(weight_kg, DELOAD_SHARE, exercise, place)
        reason = f"lighter after two workouts of fewer than {scheme.repetitions_min}"
        return Progress(weight_kg=lighter, repetitions=scheme.repetitions_min, reason=reason, moves=True)
    held = loadable_kg(weight_kg, exercise, place)
    return Progress(weight_kg=held, repetitions=more, reason=f"last time you did {did}", moves=False)


def _is_far(counts: Sequence[int], scheme: Scheme) -> bool:
    mean = sum(counts) / len(counts)
    return not scheme.repetitions_min - FAR_BELOW <= mean <= scheme.repetitions_max + FAR_ABOVE


def _failed(workout: Sequence[PastSet], scheme: Scheme) -> bool:
    counts = [each.repetitions for each in working_sets(workout) if each.repetitions]
    return bool(counts) and sum(counts) / len(counts) < scheme.repetitions_min


def _maximum_kg(done: Sequence[PastSet]) -> float:
    """The best estimate of one repetition's maximum; 0 if there is none."""
    return max(
        (
            maximum_kg(each.weight_kg, each.repetitions)
            for each in done
            if each.weight_kg is not None and each.repetitions
        ),
        default=0.0,
    )


def _by_maximum(one_kg: float, weight_kg: float, exercise: str, goal: Goal, place: Place | None) -> Progress:
    """The weight that the estimated maximum allows for the goal's repetitions."""
    scheme = SCHEMES[goal]
    repetitions = scheme.repetitions_max if goal == "rehabilitation" else scheme.repetitions_min
    wanted_kg = lighter_kg(weight_for_kg(one_kg, repetitions), 1.0, exercise, place)
    chosen = (
        loadable_kg(min(wanted_kg, weight_kg), exercise, place) if goal == "rehabilitation" else wanted_kg
    )
    reason = f"{chosen / one_kg:.0%} of your estimated maximum of {one_kg:.0f} kg"
    return Progress(weight_kg=chosen, repetitions=repetitions, reason=reason, moves=True)
