"""Tables of exercises that users contributed, and of those that a reviewer accepted for everyone."""

from __future__ import annotations

from typing import Any, NamedTuple

from persistence.schema import MAIN, Table, Timestamp


class ContributedExerciseRow(NamedTuple):
    user_id: str
    name: str
    described_at: Timestamp
    primary_muscles: str
    secondary_muscles: str
    equipment: str
    movement: str
    kind: str
    sides: str


CONTRIBUTED_EXERCISE = Table(
    name="contributed_exercise",
    keyspace=MAIN,
    row=ContributedExerciseRow,
    partition=("user_id",),
    clustering=("name",),
    comment="Read model: exercises as users described them, to be reviewed; several names joined by |",
)


class AcceptedExerciseRow(NamedTuple):
    catalogue: str
    name: str
    accepted_at: Timestamp
    accepted_by: str
    primary_muscles: str
    secondary_muscles: str
    equipment: str
    movement: str
    kind: str
    sides: str


ACCEPTED_EXERCISE = Table(
    name="accepted_exercise",
    keyspace=MAIN,
    row=AcceptedExerciseRow,
    partition=("catalogue",),
    clustering=("name",),
    comment="What a reviewer added to the catalogue, of what users contributed; several names joined by |",
)

EXERCISE_TABLES: tuple[Table[Any], ...] = (CONTRIBUTED_EXERCISE, ACCEPTED_EXERCISE)
