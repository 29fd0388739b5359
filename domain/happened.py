"""Checks events that come from outside, as from an export: each must be one that a command could lead to."""

from __future__ import annotations

from typing import Any

from domain.care_commands import RecordForm, SetProgramme
from domain.command_checks import check_command
from domain.commands import (
    CloseSession,
    Command,
    ConfirmLabel,
    ContributeExercise,
    DeleteSession,
    OpenSession,
    RecordSet,
    RefuseSuggestion,
    SetPlan,
    SetTraining,
    SuggestHere,
    TellProfile,
    WithdrawLabel,
)
from domain.errors import InvalidInput
from domain.events import (
    BodyMeasured,
    ConsentGiven,
    ExerciseContributed,
    ExerciseSuggested,
    JournalEvent,
    LabelConfirmed,
    LabelWithdrawn,
    PlanSet,
    ProfileChanged,
    ProfileTold,
    ProgrammeSet,
    SessionClosed,
    SessionDeleted,
    SessionOpened,
    SetMeasured,
    SetRecognised,
    SuggestionAnswered,
    TipGiven,
    TrainingSet,
)
from domain.form import KeptForm, check_tip
from domain.identifiers import check_identifier
from domain.profile_commands import (
    MeasureBody,
    ProfileCommand,
    SetConsent,
    SetProfile,
    check_profile_command,
)

_KEPT_FIGURE_MAX = 1e6
_COMMANDS: dict[type, Any] = {  # of the same fields
    SessionOpened: OpenSession,
    LabelConfirmed: ConfirmLabel,
    LabelWithdrawn: WithdrawLabel,
    SetRecognised: RecordSet,
    ExerciseSuggested: SuggestHere,
    SessionClosed: CloseSession,
    SessionDeleted: DeleteSession,
    TrainingSet: SetTraining,
    PlanSet: SetPlan,
    ExerciseContributed: ContributeExercise,
    ProfileTold: TellProfile,
    ProgrammeSet: SetProgramme,
    ConsentGiven: SetConsent,
}


def check_event(event: JournalEvent) -> JournalEvent:
    """Return `event` if every field keeps its limits, else raise InvalidInput naming one that does not."""
    match event:
        case ProfileChanged() | BodyMeasured():
            check_profile_command(_told(event))
        case TipGiven():
            check_identifier("session", event.session)
            check_identifier("exercise", event.tip.exercise)
            check_tip(event.tip)
            _check_time(event.at_ms)
        case SuggestionAnswered():
            _check_answer(event)
        case _:
            check_command(_command_of(event))
    if isinstance(event, SetMeasured) and event.kept is not None:
        _check_kept(event.kept)
    return event


def _command_of(event: JournalEvent) -> Command:
    if isinstance(event, SetMeasured):
        return RecordForm(session=event.session, command_nr=event.command_nr or 0, form=event.form)
    fields = _fields(event)
    if isinstance(event, SetRecognised | ExerciseSuggested):
        fields["command_nr"] = event.command_nr or 0  # what the server found and said itself has none
    command: Command = _COMMANDS[type(event)](**fields)
    return command


def _fields(event: JournalEvent) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


def _told(event: ProfileChanged | BodyMeasured) -> ProfileCommand:
    fields = _fields(event)
    return SetProfile(**fields) if isinstance(event, ProfileChanged) else MeasureBody(**fields)


def _check_answer(event: SuggestionAnswered) -> None:
    if event.exercise:  # it is empty in events of the first version
        number = event.command_nr or 0
        refusal = RefuseSuggestion(
            session=event.session, command_nr=number, at_ms=event.at_ms, exercise=event.exercise
        )
        check_command(refusal)
    check_identifier("session", event.session)
    _check_time(event.suggested_ms or 0)


def _check_time(at_ms: int) -> None:
    check_command(CloseSession(session="s", command_nr=0, at_ms=at_ms))  # type: ignore[arg-type]


def _check_kept(kept: KeptForm) -> None:
    for name in kept.__struct_fields__:
        value = getattr(kept, name)
        if isinstance(value, float) and not abs(value) <= _KEPT_FIGURE_MAX:
            raise InvalidInput(
                f"{name} {value} of a kept form",
                expected=f"at most {_KEPT_FIGURE_MAX:g}",
                remedy="leave it out",
            )
