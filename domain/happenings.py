"""The events that a command leads to once it is taken."""

from __future__ import annotations

from domain.care_commands import GiveTip, NoteForm, RecordForm
from domain.commands import (
    CloseSession,
    ConfirmLabel,
    ContributeExercise,
    FoundSet,
    RecordSet,
    RefuseSuggestion,
    SetPlan,
    SetTraining,
    Suggest,
    SuggestHere,
    TellProfile,
    WithdrawLabel,
)
from domain.events import (
    Answer,
    Event,
    ExerciseContributed,
    ExerciseSuggested,
    LabelConfirmed,
    LabelWithdrawn,
    PlanSet,
    ProfileTold,
    SessionClosed,
    SetMeasured,
    SetRecognised,
    SuggestionAnswered,
    TipGiven,
    TrainingSet,
)

WEIGHT_KG_CLOSE = 0.1  # a weight that differs by less is the suggested one


def taken(
    command: ConfirmLabel
    | WithdrawLabel
    | RecordSet
    | RecordForm
    | CloseSession
    | SetTraining
    | SetPlan
    | ContributeExercise
    | TellProfile
    | RefuseSuggestion
    | SuggestHere,
    suggestion: ExerciseSuggested | None,
) -> tuple[Event, ...]:
    """Of a device's numbered command; `suggestion` is the one that is not answered yet."""
    match command:
        case ConfirmLabel():
            return _confirmed(command, suggestion)
        case WithdrawLabel():
            return (_withdrawn(command),)
        case SuggestHere():
            return (_suggested(command, command.command_nr),)
        case RecordSet():
            return (_recognised(command, command.command_nr),)
        case SetTraining():
            session, number = command.session, command.command_nr
            return (TrainingSet(session=session, command_nr=number, training=command.training),)
        case SetPlan():
            return (PlanSet(session=command.session, command_nr=command.command_nr, plan=command.plan),)
        case ContributeExercise():
            session, number = command.session, command.command_nr
            return (ExerciseContributed(session=session, command_nr=number, exercise=command.exercise),)
        case TellProfile():
            return (ProfileTold(session=command.session, command_nr=command.command_nr, told=command.told),)
        case RefuseSuggestion():
            return (_refused(command, suggestion),)
        case RecordForm():
            return _measured(command)
        case CloseSession():
            return (
                SessionClosed(session=command.session, command_nr=command.command_nr, at_ms=command.at_ms),
            )


def noted(command: FoundSet | Suggest | NoteForm | GiveTip) -> Event:
    """Of what the session actor tells itself."""
    match command:
        case FoundSet():
            return _recognised(command, None)
        case NoteForm():
            return SetMeasured(session=command.session, command_nr=None, form=command.form, kept=command.kept)
        case GiveTip():
            return TipGiven(session=command.session, at_ms=command.at_ms, tip=command.tip)
    return _suggested(command, None)


def _suggested(command: Suggest | SuggestHere, command_nr: int | None) -> ExerciseSuggested:
    return ExerciseSuggested(
        session=command.session,
        at_ms=command.at_ms,
        exercise=command.exercise,
        weight_kg=command.weight_kg,
        repetitions=command.repetitions,
        reason=command.reason,
        rest_s=command.rest_s,
        command_nr=command_nr,
    )


def _withdrawn(command: WithdrawLabel) -> LabelWithdrawn:
    return LabelWithdrawn(
        session=command.session,
        command_nr=command.command_nr,
        start_ms=command.start_ms,
        end_ms=command.end_ms,
        said_ms=command.said_ms,
    )


def _measured(command: RecordForm) -> tuple[Event, ...]:
    form, session = command.form, command.session
    measured = SetMeasured(session=session, command_nr=command.command_nr, form=form)
    if command.tip is None:
        return (measured,)
    return (measured, TipGiven(session=session, at_ms=form.end_ms, tip=command.tip))


def _recognised(command: FoundSet | RecordSet, command_nr: int | None) -> SetRecognised:
    return SetRecognised(
        session=command.session,
        command_nr=command_nr,
        start_ms=command.start_ms,
        end_ms=command.end_ms,
        exercise=command.exercise,
        confidence=command.confidence,
        repetitions=command.repetitions,
        model_id=command.model_id,
    )


def _confirmed(command: ConfirmLabel, suggestion: ExerciseSuggested | None) -> tuple[Event, ...]:
    confirmed = LabelConfirmed(
        session=command.session,
        command_nr=command.command_nr,
        start_ms=command.start_ms,
        end_ms=command.end_ms,
        exercise=command.exercise,
        repetitions=command.repetitions,
        weight_kg=command.weight_kg,
        said_ms=command.said_ms,
    )
    if suggestion is None or command.start_ms < suggestion.at_ms:
        return (confirmed,)
    answered = SuggestionAnswered(
        session=command.session,
        suggested_ms=suggestion.at_ms,
        answer=_answer(suggestion, command),
        exercise=suggestion.exercise,
        at_ms=command.start_ms,
    )
    return (confirmed, answered)


def _answer(suggestion: ExerciseSuggested, command: ConfirmLabel) -> Answer:
    if suggestion.exercise != command.exercise:
        return "refused"
    if suggestion.weight_kg is None or command.weight_kg is None:
        return "taken"
    return "taken" if abs(suggestion.weight_kg - command.weight_kg) < WEIGHT_KG_CLOSE else "changed"


def _refused(command: RefuseSuggestion, suggestion: ExerciseSuggested | None) -> SuggestionAnswered:
    is_of_this = suggestion is not None and suggestion.exercise == command.exercise
    return SuggestionAnswered(
        session=command.session,
        suggested_ms=suggestion.at_ms if suggestion is not None and is_of_this else None,
        answer="refused",
        command_nr=command.command_nr,
        exercise=command.exercise,
        at_ms=command.at_ms,
        is_said=command.command_nr is None,
    )
