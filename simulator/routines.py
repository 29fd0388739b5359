"""What a simulated person does in a session: exercises, weights, repetitions and rests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.exercises import MOVEMENTS
from simulator.people import Person

_SWAPPED = 0.06  # how often a machine is taken and an exercise is put off to the end of the day
_SKIPPED = 0.03


@dataclass(frozen=True, kw_only=True)
class PlannedSet:
    """`rest_s` is the rest after the set; `weight_kg` is 0 where the body is the weight."""

    exercise: str
    repetitions: int
    weight_kg: float
    rest_s: float


def plan(person: Person, session_nr: int) -> list[PlannedSet]:
    """The sets of a session (the first is 0), in order; the days of the routine follow each other."""
    random = np.random.default_rng([person.seed, *person.subject.encode(), session_nr])
    round_nr, day_nr = divmod(session_nr, len(person.routine))
    sets = []
    for exercise in _exercises(person.routine[day_nr], random):
        weight_kg = _weight_kg(person, exercise, round_nr)
        for set_nr in range(person.set_count):
            fatigue = int(random.binomial(3, min(0.9, 0.15 + 0.2 * set_nr)))
            sets.append(
                PlannedSet(
                    exercise=exercise,
                    repetitions=max(3, person.repetition_count - fatigue),
                    weight_kg=weight_kg,
                    rest_s=person.rest_s * float(random.lognormal(0, 0.15)),
                )
            )
    return sets


def _exercises(day: tuple[str, ...], random: np.random.Generator) -> list[str]:
    exercises = [exercise for exercise in day if random.random() >= _SKIPPED] or [day[0]]
    if random.random() < _SWAPPED * len(exercises):
        exercises.append(exercises.pop(int(random.integers(len(exercises)))))
    return exercises


def _weight_kg(person: Person, exercise: str, round_nr: int) -> float:
    """Grows by the person's progress each round, slower with the years, in steps that exist in a gym."""
    movement = MOVEMENTS[exercise]
    rounds = 30 * np.log1p(round_nr / 30)
    wanted = movement.weight_kg * person.strength[exercise] * (1 + person.progress * rounds)
    steps = round(wanted / movement.step_kg)
    return float(movement.step_kg * max(steps, 1)) if movement.weight_kg else 0.0
