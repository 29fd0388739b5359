"""What is said of commands, events and what a recogniser hears."""

from __future__ import annotations

from domain.commands import COMMANDS, AcceptFrame, AskBests, Command, FoundSet, TimedCommand, session_of
from domain.consent import is_counted
from domain.errors import InvalidInput, MuvrError, OutOfOrder, Rejected
from domain.events import Event, ExerciseSuggested, SessionClosed, SetRecognised, TipGiven
from domain.identifiers import ModelId, SessionId, StreamId
from domain.replies import (
    BestsTold,
    ConsentHeld,
    ExerciseAdvised,
    ExerciseRecognised,
    Refused,
    Reply,
    RestBegan,
    SessionEnded,
    SetFound,
    SetUpBegan,
    TipTold,
    UserTold,
)
from domain.state import bests_of, settled_ms
from domain.user import User
from edge.recogniser import Exercising, Observation, Resting, SettingUp


def place_of(command: Command) -> tuple[SessionId, StreamId, int]:
    """The session, stream and number that a device knows `command` by; 0 for one known by its time."""
    if isinstance(command, AcceptFrame):  # nearly all of them: asked first
        return command.frame.session, command.frame.stream, command.frame.sequence_nr
    number = 0 if isinstance(command, TimedCommand) else command.command_nr or 0
    return session_of(command), COMMANDS, number


def refusal(command: Command, error: MuvrError) -> Refused:
    """The reply that tells a device why `command` was not taken.

    A device drops what is refused for good, so only what is wrong with the command itself is: what fails in
    the server is tried again until someone has mended it.
    """
    is_of_the_device = isinstance(error, Rejected | InvalidInput)
    session, stream, number = place_of(command)
    return Refused(
        session=session,
        stream=stream,
        sequence_nr=number,
        code=error.code,
        wrong=error.wrong,
        expected=error.expected,
        remedy=error.remedy,
        retry=error.retry or not is_of_the_device,
        expected_nr=error.expected_sequence_nr if isinstance(error, OutOfOrder) else None,
    )


def what_holds(user: User, command: Command) -> UserTold | BestsTold:
    """What whoever asked, or said something through the API, is answered."""
    if isinstance(command, AskBests):
        return BestsTold(bests=bests_of(user))
    return UserTold(
        profile=user.profile,
        body=user.body,
        training=user.training,
        plan=user.plan,
        programme=user.care.programme,
        own_exercises=user.own_exercises,
        consent=consent_held(user),
        deleted=user.deleted,
        settled_ms=settled_ms(user),
    )


def consent_held(user: User) -> ConsentHeld:
    """What the user agreed to; statistics as they hold, which a profile may have said last."""
    return ConsentHeld(
        at_ms=max(0, user.consent.at_ms),
        recognition=user.consent.recognition,
        statistics=is_counted(user.consent, user.profile),
        training=user.consent.training,
    )


def live_reply(event: Event) -> Reply | None:
    """What those who watch the user are told of a journalled event."""
    match event:
        case SetRecognised():
            return SetFound(
                session=event.session,
                start_ms=event.start_ms,
                end_ms=event.end_ms,
                exercise=event.exercise,
                confidence=event.confidence,
                repetitions=event.repetitions,
                model_id=event.model_id,
            )
        case ExerciseSuggested():
            return ExerciseAdvised(
                session=event.session,
                at_ms=event.at_ms,
                exercise=event.exercise,
                weight_kg=event.weight_kg,
                repetitions=event.repetitions,
                reason=event.reason,
                rest_s=event.rest_s,
            )
        case TipGiven():
            return TipTold(
                session=event.session,
                at_ms=event.at_ms,
                exercise=event.tip.exercise,
                kind=event.tip.kind,
                text=event.tip.text,
                figure=event.tip.figure,
                stop=event.tip.stop,
            )
        case SessionClosed():
            return SessionEnded(session=event.session, at_ms=event.at_ms)
    return None


def heard(session: SessionId, model_id: ModelId, observation: Observation) -> Reply | FoundSet:
    """What those who watch are told of a recogniser's observation; a set that ended is to be noted first."""
    match observation:
        case Exercising():
            return ExerciseRecognised(
                session=session,
                at_ms=observation.at_ms,
                exercise=observation.exercise,
                confidence=observation.confidence,
                repetitions=observation.repetitions_so_far,
            )
        case Resting():
            return RestBegan(session=session, since_ms=observation.since_ms)
        case SettingUp():
            return SetUpBegan(session=session, since_ms=observation.since_ms)
    return FoundSet(
        session=session,
        start_ms=observation.start_ms,
        end_ms=observation.end_ms,
        exercise=observation.exercise,
        confidence=observation.confidence,
        repetitions=observation.repetitions,
        model_id=model_id,
    )
