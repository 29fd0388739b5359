"""Read models: what the API shows, a pure function of events, written in the same commit as they are."""

from __future__ import annotations

from domain.consent import consented, is_counted
from domain.contributed import contributed
from domain.events import (
    BodyMeasured,
    ConsentGiven,
    Event,
    ExerciseContributed,
    ExerciseSuggested,
    FrameReceived,
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
from domain.identifiers import UserId, shard_of
from domain.profile import decide_profile, profiled
from domain.sets import PastSet, without
from domain.statements import stated
from domain.user import User, evolve
from persistence.exercise_tables import CONTRIBUTED_EXERCISE
from persistence.exercises import contributed_row
from persistence.ports import Delete, Insert
from persistence.profile_tables import GOAL, MEASUREMENT_BY_USER, PROFILE, GoalRow, MeasurementRow, ProfileRow
from persistence.schema import Timestamp
from persistence.sensors import SensorStore
from persistence.tables import (
    LABEL,
    SENSOR,
    SESSION_BY_USER,
    SET_BY_SESSION,
    SUGGESTION_BY_SESSION,
    USER_BY_SHARD,
    LabelRow,
    SessionRow,
    SetRow,
    SuggestionRow,
    UserRow,
)

Change = Insert | Delete


def project(user: UserId, before: User, event: Event) -> list[Change]:
    """The rows that `event`, which follows state `before`, writes and takes away."""
    match event:
        case FrameReceived():
            return [SensorStore.entry(user, event.frame)]
        case SessionOpened():
            opened = Timestamp(event.at_ms)
            return [
                Insert(SESSION_BY_USER, SessionRow(user, opened, event.session, event.device, None)),
                Insert(USER_BY_SHARD, UserRow(shard_of(user), user, opened)),
            ]
        case SessionClosed():
            session = before.sessions.get(event.session)
            if session is None:
                return []  # forgotten, as in `evolve`: its row stays as it is
            row = SessionRow(
                user, Timestamp(session.opened_ms), event.session, session.device, Timestamp(event.at_ms)
            )
            return [Insert(SESSION_BY_USER, row)]
        case SessionDeleted():
            return _without(user, before, event)
        case LabelConfirmed() | LabelWithdrawn():
            return _labels(user, before, event)
        case SetRecognised():
            return [Insert(SET_BY_SESSION, _set_row(user, event))]
        case ExerciseSuggested():
            return [Insert(SUGGESTION_BY_SESSION, _suggestion_row(user, event))]
        case SuggestionAnswered():
            return _answered(user, before, event)
        case ExerciseContributed():
            kept = contributed(before.own_exercises, event.exercise)
            described = Insert(CONTRIBUTED_EXERCISE, contributed_row(user, event.exercise))
            return [described] if event.exercise in kept else []
        case ProfileTold():
            changes = decide_profile(before.profile, before.body, event.told)
            return [row for each in changes for row in project(user, before, each)]
        case TrainingSet():
            training = evolve(before, event).training
            told = GoalRow(user, Timestamp(training.at_ms), training.goal)
            return [Insert(GOAL, told)] if training is event.training else []
        case PlanSet() | SetMeasured() | TipGiven() | ProgrammeSet():
            return []
        case ProfileChanged() | ConsentGiven():
            return [Insert(PROFILE, _profile_row(user, before, event))]
        case BodyMeasured():
            measured = MeasurementRow(user, event.quantity, Timestamp(event.at_ms), event.value)
            return [Insert(MEASUREMENT_BY_USER, measured)]


def _without(user: UserId, before: User, event: SessionDeleted) -> list[Change]:
    """The session's rows are deleted, and labels of others are as they count now."""
    session, opened = event.session, (event.opened_ms, event.session)
    counting, other = without(before.history, before.aside, session).about
    return [
        Delete(SESSION_BY_USER, (user,), opened, opened),
        *(Delete(table, (user, session)) for table in (LABEL, SET_BY_SESSION, SUGGESTION_BY_SESSION)),
        *(Delete(SENSOR, (user, session, stream)) for stream in event.streams),
        *(Delete(LABEL, (user, past.session), (past.start_ms,), (past.start_ms,)) for past in other),
        *(Insert(LABEL, _label_row(user, past)) for past in counting),
    ]


def _profile_row(user: UserId, before: User, event: ProfileChanged | ConsentGiven) -> ProfileRow:
    profile, consent = before.profile, before.consent
    if isinstance(event, ConsentGiven):
        consent = consented(event)
    else:
        profile, _ = profiled(profile, (), event)
    return ProfileRow(
        user,
        Timestamp(event.at_ms),
        None if profile is None else profile.birth_year,
        None if profile is None else profile.sex,
        None if profile is None else profile.height_cm,
        None if profile is None else profile.experience,
        is_counted(consent, profile),
        consent.training,
        consent.recognition,
    )


def _labels(user: UserId, before: User, event: LabelConfirmed | LabelWithdrawn) -> list[Change]:
    """The rows of all statements about the same set: what counts is written, what does not is deleted.

    All of them and not those alone whose part has changed: a write of a former owner, which nobody
    acknowledged and the journal ignores, may have taken away what counts or written what does not.
    """
    if event.session not in before.sessions and event.command_nr is not None:
        return []
    counting, other = stated(before, event).about
    written = {(past.session, past.start_ms) for past in counting}
    taken_away = {(past.session, past.start_ms) for past in other} - written
    deletes = [
        Delete(LABEL, (user, session), (start_ms,), (start_ms,)) for session, start_ms in sorted(taken_away)
    ]
    return [*deletes, *(Insert(LABEL, _label_row(user, past)) for past in counting)]


def _label_row(user: UserId, past: PastSet) -> LabelRow:
    return LabelRow(
        user,
        past.session,
        Timestamp(past.start_ms),
        Timestamp(past.end_ms),
        past.exercise,
        past.repetitions,
        past.weight_kg,
    )


def _set_row(user: UserId, event: SetRecognised) -> SetRow:
    source = "server" if event.command_nr is None else "device"
    return SetRow(
        user,
        event.session,
        Timestamp(event.start_ms),
        Timestamp(event.end_ms),
        event.exercise,
        event.confidence,
        event.repetitions,
        source,
        event.model_id,
    )


def _suggestion_row(user: UserId, event: ExerciseSuggested, taken: bool | None = None) -> SuggestionRow:
    return SuggestionRow(
        user,
        event.session,
        Timestamp(event.at_ms),
        event.exercise,
        event.weight_kg,
        event.repetitions,
        event.reason,
        taken,
    )


def _answered(user: UserId, before: User, event: SuggestionAnswered) -> list[Change]:
    session = before.sessions.get(event.session)
    if session is None or session.suggestion is None or event.suggested_ms is None:
        return []
    taken = event.answer != "refused"  # with another load too
    return [Insert(SUGGESTION_BY_SESSION, _suggestion_row(user, session.suggestion, taken))]
