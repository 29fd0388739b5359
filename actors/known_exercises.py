"""The exercises that everyone may use, for those who know no coach: the catalogue and what was accepted."""

from __future__ import annotations

from dataclasses import dataclass

from coach.catalogue import Exercise, catalogue, described
from domain.contributed import Kind, Movement, Sides
from persistence.exercises import ExerciseStore
from persistence.ports import Store


@dataclass(frozen=True, kw_only=True)
class KnownExercise:
    """`equipment` is needed all at once; `accepted`: users contributed it, it is not of the catalogue."""

    name: str
    primary: list[str]
    secondary: list[str]
    equipment: list[str]
    movement: Movement
    kind: Kind
    sides: Sides
    accepted: bool


def known_exercises(store: Store) -> list[KnownExercise]:
    """By name."""
    own, accepted = catalogue(), described(ExerciseStore(store).accepted())
    found = {name: _known(each, accepted=False) for name, each in own.items()}
    found |= {name: _known(each, accepted=True) for name, each in accepted.items() if name not in own}
    return [found[name] for name in sorted(found)]


def _known(exercise: Exercise, *, accepted: bool) -> KnownExercise:
    return KnownExercise(
        name=exercise.name,
        primary=list(exercise.primary),
        secondary=list(exercise.secondary),
        equipment=sorted(exercise.equipment),
        movement=exercise.movement,
        kind=exercise.kind,
        sides=exercise.sides,
        accepted=accepted,
    )
