"""The messages about how a user wants to train, and what the coach says; see gateway/devices/protocol.py."""

from __future__ import annotations

import msgspec

from domain.replies import SessionPlanned


class PlaceOfTraining(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to train with; without `equipment` everything."""

    name: str
    equipment: tuple[str, ...] | None = None
    bar_kg: float = 20.0
    plates_kg: tuple[float, ...] = ()
    dumbbells_kg: tuple[float, ...] = ()
    stacks_kg: tuple[float, ...] = ()


class TrainingWishes(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="training"):
    """How the user wants to train, as a whole: what is left out is not wished any more."""

    session: str
    nr: int
    at_ms: int
    goal: str | None = None
    excluded_exercises: tuple[str, ...] = ()
    excluded_muscles: tuple[str, ...] = ()
    place: PlaceOfTraining | None = None
    utc_offset_min: int = 0
    user: str | None = None


class PlannedExercise(msgspec.Struct, frozen=True, kw_only=True):
    exercise: str
    set_count: int
    repetitions: int
    weight_kg: float | None = None
    share: float | None = None
    rest_s: int | None = None


class PlanSession(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    exercises: tuple[PlannedExercise, ...]
    weekday: int | None = None


class OwnPlan(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="plan"):
    """What a coach, or the user, plans; without sessions nothing any more."""

    session: str
    nr: int
    at_ms: int
    author: str
    sessions: tuple[PlanSession, ...] = ()
    user: str | None = None


class ProfileOfUser(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="profile"):
    """Who the user is, as a whole; what is left out is not told."""

    session: str
    nr: int
    at_ms: int
    birth_year: int | None = None
    sex: str | None = None
    height_cm: float | None = None
    experience: str | None = None
    in_statistics: bool = False
    user: str | None = None


class Measured(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="measure"):
    """What was measured of the user's body."""

    session: str
    nr: int
    at_ms: int
    quantity: str
    value: float
    user: str | None = None


class OwnExercise(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="exercise"):
    """An exercise that the catalogue does not have."""

    session: str
    nr: int
    at_ms: int
    name: str
    primary: tuple[str, ...]
    movement: str
    secondary: tuple[str, ...] = ()
    equipment: tuple[str, ...] = ()
    kind: str = "compound"
    sides: str = "both"
    user: str | None = None


class Refuse(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="refuse"):
    """The user does not want an exercise today."""

    session: str
    nr: int
    at_ms: int
    exercise: str
    user: str | None = None


class Withdraw(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="withdraw"):
    """The user says, at `said_ms`, that no set was done in that time."""

    session: str
    nr: int
    start_ms: int
    end_ms: int
    said_ms: int
    user: str | None = None


class OwnSuggestion(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="suggestion"):
    """What the device's own coach suggested."""

    session: str
    nr: int
    at_ms: int
    exercise: str
    repetitions: int
    weight_kg: float | None = None
    reason: str = ""
    rest_s: int | None = None
    user: str | None = None


class Suggestion(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="suggestion"):
    user: str
    session: str
    at_ms: int
    exercise: str
    weight_kg: float | None
    repetitions: int
    reason: str
    rest_s: int | None = None


class PlannedSet(msgspec.Struct, frozen=True, kw_only=True):
    exercise: str
    weight_kg: float | None
    repetitions: int
    rest_s: int


class PlannedDay(msgspec.Struct, frozen=True, kw_only=True):
    at_ms: int
    exercises: tuple[str, ...]


class Plan(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="plan"):
    user: str
    session: str
    at_ms: int
    sets: tuple[PlannedSet, ...]
    week: tuple[PlannedDay, ...]


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="record"):
    user: str
    session: str
    at_ms: int
    exercise: str
    kind: str
    value: float


class Summary(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="summary"):
    user: str
    session: str
    at_ms: int
    set_count: int
    volume_kg: float
    streak_weeks: int


class Overridden(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="overridden"):
    user: str
    session: str
    at_ms: int
    what: str
    by_session: str
    by_device: str
    start_ms: int | None = None
    exercise: str | None = None
    by_exercise: str | None = None


def plan_of(user: str, reply: SessionPlanned) -> Plan:
    return Plan(
        user=user,
        session=reply.session,
        at_ms=reply.at_ms,
        sets=tuple(PlannedSet(**msgspec.structs.asdict(each)) for each in reply.sets),
        week=tuple(PlannedDay(**msgspec.structs.asdict(each)) for each in reply.week),
    )
