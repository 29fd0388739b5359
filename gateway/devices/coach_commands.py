"""What the messages of gateway/devices/coach_messages.py ask of a user's session actor."""

from __future__ import annotations

from typing import cast

import msgspec

from domain.commands import (
    ContributeExercise,
    RefuseSuggestion,
    SetPlan,
    SetTraining,
    SuggestHere,
    TellProfile,
    WithdrawLabel,
)
from domain.contributed import Contributed, Kind, Movement, Sides
from domain.identifiers import SessionId
from domain.plans import PlannedExercise, PlanSession, TrainingPlan
from domain.profile_commands import Experience, MeasureBody, Quantity, SetProfile, Sex
from domain.training import Goal, Place, Training
from gateway.devices.coach_messages import (
    Measured,
    OwnExercise,
    OwnPlan,
    OwnSuggestion,
    ProfileOfUser,
    Refuse,
    TrainingWishes,
    Withdraw,
)

CoachMessage = (
    TrainingWishes | OwnPlan | OwnExercise | ProfileOfUser | Measured | Refuse | OwnSuggestion | Withdraw
)
CoachCommand = (
    SetTraining | SetPlan | ContributeExercise | TellProfile | RefuseSuggestion | SuggestHere | WithdrawLabel
)


def coach_command_of(message: CoachMessage) -> CoachCommand:
    """Not checked yet."""
    session, number = SessionId(message.session), message.nr
    match message:
        case TrainingWishes():
            return SetTraining(session=session, command_nr=number, training=_training_of(message))
        case OwnPlan():
            return SetPlan(session=session, command_nr=number, plan=_plan_of(message))
        case OwnExercise():
            described = _described(message)
            return ContributeExercise(session=session, command_nr=number, exercise=described)
        case ProfileOfUser() | Measured():
            return TellProfile(session=session, command_nr=number, told=_told(message))
        case Refuse():
            return RefuseSuggestion(
                session=session, command_nr=number, at_ms=message.at_ms, exercise=message.exercise
            )
        case OwnSuggestion():
            return SuggestHere(
                session=session,
                command_nr=number,
                at_ms=message.at_ms,
                exercise=message.exercise,
                weight_kg=message.weight_kg,
                repetitions=message.repetitions,
                reason=message.reason,
                rest_s=message.rest_s,
            )
        case Withdraw():
            return WithdrawLabel(
                session=session,
                command_nr=number,
                start_ms=message.start_ms,
                end_ms=message.end_ms,
                said_ms=message.said_ms,
            )


def _told(message: ProfileOfUser | Measured) -> SetProfile | MeasureBody:
    if isinstance(message, Measured):
        return MeasureBody(
            at_ms=message.at_ms, quantity=cast(Quantity, message.quantity), value=message.value
        )
    return SetProfile(
        at_ms=message.at_ms,
        birth_year=message.birth_year,
        sex=cast(Sex | None, message.sex),
        height_cm=message.height_cm,
        experience=cast(Experience | None, message.experience),
        in_statistics=message.in_statistics,
    )


def _described(message: OwnExercise) -> Contributed:
    return Contributed(
        name=message.name,
        at_ms=message.at_ms,
        primary=message.primary,
        secondary=message.secondary,
        equipment=message.equipment,
        movement=cast(Movement, message.movement),
        kind=cast(Kind, message.kind),
        sides=cast(Sides, message.sides),
    )


def _plan_of(message: OwnPlan) -> TrainingPlan:
    return TrainingPlan(
        at_ms=message.at_ms,
        author=message.author,
        sessions=tuple(
            PlanSession(
                name=each.name,
                weekday=each.weekday,
                exercises=tuple(PlannedExercise(**msgspec.structs.asdict(one)) for one in each.exercises),
            )
            for each in message.sessions
        ),
    )


def _training_of(message: TrainingWishes) -> Training:
    place = message.place
    return Training(
        at_ms=message.at_ms,
        goal=cast(Goal | None, message.goal),
        excluded_exercises=message.excluded_exercises,
        excluded_muscles=message.excluded_muscles,
        place=None if place is None else Place(**msgspec.structs.asdict(place)),
        utc_offset_min=message.utc_offset_min,
    )
