"""What users contributed to the catalogue, what a reviewer accepted of it, and how both are stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from domain.contributed import Contributed, Kind, Movement, Sides
from domain.errors import ConfigurationError
from domain.identifiers import UserId
from persistence.exercise_tables import (
    ACCEPTED_EXERCISE,
    CONTRIBUTED_EXERCISE,
    AcceptedExerciseRow,
    ContributedExerciseRow,
)
from persistence.ports import Delete, Insert, Store
from persistence.schema import Timestamp

_CATALOGUE = "muvr"
_JOINED = "|"


def contributed_row(user: UserId, exercise: Contributed) -> ContributedExerciseRow:
    return ContributedExerciseRow(user, exercise.name, Timestamp(exercise.at_ms), *_described(exercise))


class ExerciseStore:
    def __init__(self, store: Store) -> None:
        self._store = store

    def contributed(self) -> Iterator[tuple[UserId, Contributed]]:
        """What users contributed, each with its user, whether it was accepted or not."""
        for row in self._store.scan(CONTRIBUTED_EXERCISE):
            yield UserId(row.user_id), _exercise(row, row.described_at)

    def accepted(self) -> list[Contributed]:
        """By name, as they were described when they were accepted; `at_ms` is when."""
        rows = self._store.read(ACCEPTED_EXERCISE, (_CATALOGUE,))
        return [_exercise(row, row.accepted_at) for row in rows]

    def is_contributed(self, user: UserId, name: str) -> bool:
        return any(self._store.read(CONTRIBUTED_EXERCISE, (user,), lower=(name,), upper=(name,)))

    def accept(self, user: UserId, name: str, *, by: str, now_ms: int) -> Contributed:
        """Let everyone use what `user` contributed; in place of what was accepted under that name before.

        Raises ConfigurationError if there is nothing like it.
        """
        row = next(self._store.read(CONTRIBUTED_EXERCISE, (user,), lower=(name,), upper=(name,)), None)
        if row is None:
            raise ConfigurationError(
                f"user {user!r} contributed no exercise {name!r}", remedy="see `muvr exercises list`"
            )
        exercise = _exercise(row, row.described_at)
        accepted = AcceptedExerciseRow(_CATALOGUE, name, Timestamp(now_ms), by, *_described(exercise))
        self._store.write([Insert(ACCEPTED_EXERCISE, accepted)])
        return exercise

    def withdraw(self, name: str) -> None:
        """Let nobody but those who contributed it use an exercise."""
        self._store.write([Delete(ACCEPTED_EXERCISE, (_CATALOGUE,), (name,), (name,))])


def _described(exercise: Contributed) -> tuple[str, str, str, str, str, str]:
    return (
        _JOINED.join(exercise.primary),
        _JOINED.join(exercise.secondary),
        _JOINED.join(exercise.equipment),
        exercise.movement,
        exercise.kind,
        exercise.sides,
    )


def _exercise(row: ContributedExerciseRow | AcceptedExerciseRow, at_ms: int) -> Contributed:
    return Contributed(
        name=row.name,
        at_ms=at_ms,
        primary=_several(row.primary_muscles),
        secondary=_several(row.secondary_muscles),
        equipment=_several(row.equipment),
        movement=cast(Movement, row.movement),
        kind=cast(Kind, row.kind),
        sides=cast(Sides, row.sides),
    )


def _several(text: str) -> tuple[str, ...]:
    return tuple(text.split(_JOINED)) if text else ()
