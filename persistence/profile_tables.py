"""Tables of who users are, what was measured of their bodies and what they train for: read models."""

from __future__ import annotations

from typing import Any, NamedTuple

from persistence.schema import MAIN, Table, Timestamp


class ProfileRow(NamedTuple):
    user_id: str
    changed_at: Timestamp
    birth_year: int | None
    sex: str | None
    height_cm: float | None
    experience: str | None
    in_statistics: bool
    in_training: bool | None = None  # these two are None in rows of schema 6
    is_recognised: bool | None = None


PROFILE = Table(
    name="profile",
    keyspace=MAIN,
    row=ProfileRow,
    partition=("user_id",),
    comment="Read model: who a user is, and to what the user agrees; None is what holds if nothing was said",
)


class MeasurementRow(NamedTuple):
    user_id: str
    quantity: str
    measured_at: Timestamp
    value: float


MEASUREMENT_BY_USER = Table(
    name="measurement_by_user",
    keyspace=MAIN,
    row=MeasurementRow,
    partition=("user_id",),
    clustering=("quantity", "measured_at"),
    descending=True,
    comment="Read model: what was measured of a user's body, newest first; quantities end with their unit",
)


class GoalRow(NamedTuple):
    user_id: str
    said_at: Timestamp
    goal: str | None


GOAL = Table(
    name="goal_by_user",
    keyspace=MAIN,
    row=GoalRow,
    partition=("user_id",),
    comment="Read model: what a user trains for, as told last",
)

PROFILE_TABLES: tuple[Table[Any], ...] = (PROFILE, MEASUREMENT_BY_USER, GOAL)
