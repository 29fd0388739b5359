"""Exercises that users contribute because the catalogue does not have them.

Who contributes one uses it at once; others do once a reviewer has accepted it.
"""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from domain.checks import check, check_known
from domain.frames import EPOCH_MS_MAX
from domain.identifiers import check_identifier
from domain.training import EQUIPMENT, MUSCLES

Movement = Literal[
    "push", "pull", "raise", "squat", "lunge", "hinge", "carry", "core", "cardio", "mobility"
]  # raise: single-joint lifts away from the body; mobility: the unloaded exercises of physiotherapy
Kind = Literal["compound", "isolation"]
Sides = Literal["both", "one"]

CONTRIBUTED_MAX = 64  # of one user


class Contributed(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """As its user described it at `at_ms`: muscles and equipment are of those that are known."""

    name: str
    at_ms: int
    primary: tuple[str, ...]
    movement: Movement
    secondary: tuple[str, ...] = ()
    equipment: tuple[str, ...] = ()
    kind: Kind = "compound"
    sides: Sides = "both"


def check_contributed(exercise: Contributed) -> Contributed:
    """Return `exercise` if every field keeps its limits, else raise InvalidInput naming one that does not."""
    check_identifier("exercise", exercise.name)
    check(0 <= exercise.at_ms <= EPOCH_MS_MAX, f"at_ms {exercise.at_ms}", "ms since 1970, before 2100")
    check(exercise.primary != (), "an exercise without a muscle", "at least one primary muscle")
    muscles = exercise.primary + exercise.secondary
    check(len(set(muscles)) == len(muscles), "a muscle twice", "each muscle once")
    check_known("muscle", muscles, MUSCLES)
    check_known("equipment", exercise.equipment, EQUIPMENT)
    check_known("movement", (exercise.movement,), frozenset(get_args(Movement)))
    check_known("kind", (exercise.kind,), frozenset(get_args(Kind)))
    check_known("sides", (exercise.sides,), frozenset(get_args(Sides)))
    return exercise


def contributed(own: tuple[Contributed, ...], exercise: Contributed) -> tuple[Contributed, ...]:
    """A user's exercises with another one, by name, in whatever order they come.

    Of one name the one that was described last holds, of equal times the greater description.
    """
    known = {each.name: each for each in own}
    before = known.get(exercise.name)
    if before is not None and _strength(before) >= _strength(exercise):
        return own
    kept = sorted({**known, exercise.name: exercise}.values(), key=_strength, reverse=True)
    return tuple(sorted(kept[:CONTRIBUTED_MAX], key=lambda each: each.name))


def _strength(exercise: Contributed) -> tuple[int, bytes]:
    return exercise.at_ms, msgspec.msgpack.encode(exercise)
