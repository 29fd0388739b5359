"""How a user wants to train: goal, what must not be suggested, what there is to train with."""

from __future__ import annotations

import math
from typing import Literal, get_args

import msgspec

from domain.checks import check, check_known
from domain.frames import EPOCH_MS_MAX
from domain.identifiers import check_identifier

Goal = Literal["strength", "muscle", "endurance", "weight-loss", "rehabilitation"]

MUSCLES = frozenset(
    {
        "adductors", "back", "biceps", "calves", "chest", "core", "forearms", "glutes", "hamstrings",
        "hip-flexors", "lats", "quadriceps", "rear-shoulders", "shoulders", "triceps", "upper-back",
    }
)  # fmt: skip
EQUIPMENT = frozenset(
    {
        "ab-wheel", "band", "barbell", "bench", "box", "cable", "dip-bars", "dumbbell", "kettlebell",
        "machine", "pull-up-bar", "rack", "roman-chair", "trap-bar",
    }
)  # fmt: skip
EXCLUSIONS_MAX = 64  # exercises and muscles together
LOADS_MAX = 64  # of each kind at a place
LOAD_KG_MAX = 500.0
OFFSET_MIN_MAX = 16 * 60


class Place(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """Where a user trains and what can be loaded there, in kg.

    `equipment` is None where there is everything. `plates_kg` are those of which there is a pair for
    `bar_kg`; `dumbbells_kg` what a dumbbell or kettlebell may weigh, `stacks_kg` what a stack, of a machine
    or a cable, may be set to. An empty tuple says nothing about the loads.
    """

    name: str
    equipment: tuple[str, ...] | None = None
    bar_kg: float = 20.0
    plates_kg: tuple[float, ...] = ()
    dumbbells_kg: tuple[float, ...] = ()
    stacks_kg: tuple[float, ...] = ()


class Training(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """What a user told the coach, as a whole, at `at_ms`; `utc_offset_min`: the user's clock against UTC."""

    at_ms: int = 0
    goal: Goal | None = None
    excluded_exercises: tuple[str, ...] = ()
    excluded_muscles: tuple[str, ...] = ()
    place: Place | None = None
    utc_offset_min: int = 0


def check_training(training: Training) -> Training:
    """Return `training` if every field keeps its limits, else raise InvalidInput naming one that does not.

    A muscle or a piece of equipment must be one of those that are known: a name that nothing has would be a
    wish that is silently not kept.
    """
    check(0 <= training.at_ms <= EPOCH_MS_MAX, f"at_ms {training.at_ms}", "ms since 1970, before 2100")
    goals = get_args(Goal)
    check(training.goal is None or training.goal in goals, "an unknown goal", f"one of {', '.join(goals)}")
    offset = training.utc_offset_min
    check(abs(offset) <= OFFSET_MIN_MAX, f"utc_offset_min {offset}", f"-{OFFSET_MIN_MAX} to {OFFSET_MIN_MAX}")
    count = len(training.excluded_exercises) + len(training.excluded_muscles)
    check(count <= EXCLUSIONS_MAX, f"{count} exclusions", f"at most {EXCLUSIONS_MAX}")
    for exercise in training.excluded_exercises:
        check_identifier("exercise", exercise)
    check_known("muscle", training.excluded_muscles, MUSCLES)
    if training.place is not None:
        _check_place(training.place)
    return training


def _check_place(place: Place) -> None:
    check_identifier("place", place.name)
    if place.equipment is not None:
        check_known("equipment", place.equipment, EQUIPMENT)
    check(_is_load(place.bar_kg, least=0.0), f"a bar of {place.bar_kg} kg", f"0 to {LOAD_KG_MAX:g} kg")
    for kind, loads in (
        ("plates", place.plates_kg),
        ("dumbbells", place.dumbbells_kg),
        ("stacks", place.stacks_kg),
    ):
        check(len(loads) <= LOADS_MAX, f"{len(loads)} {kind}", f"at most {LOADS_MAX}")
        for load in loads:
            check(_is_load(load, least=0.05), f"{kind} of {load} kg", f"0.05 to {LOAD_KG_MAX:g} kg")


def _is_load(value_kg: float, *, least: float) -> bool:
    return math.isfinite(value_kg) and least <= value_kg <= LOAD_KG_MAX
