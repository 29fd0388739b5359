"""The pure rules of a user: `decide(state, command) -> events` and `evolve(state, event) -> state`.

Equal parts of many users' states are kept once.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from sys import intern

from msgspec.structs import replace

from domain.care import NO_CARE, cared, decide_care
from domain.care_commands import CareCommand, GiveTip
from domain.commands import (
    COMMANDS,
    AcceptFrame,
    AskBests,
    AskUser,
    Command,
    DeleteSession,
    FoundSet,
    InnerCommand,
    OpenSession,
    Replace,
    Stream,
    is_said,
)
from domain.consent import NO_CONSENT, consented, decide_consent
from domain.contributed import contributed
from domain.deleting import check_not_deleted, decide_deletion, deleted
from domain.errors import Rejected
from domain.events import (
    ConsentGiven,
    Event,
    ExerciseContributed,
    ExerciseSuggested,
    FrameReceived,
    LabelConfirmed,
    LabelWithdrawn,
    PlanSet,
    ProfileEvent,
    ProfileTold,
    ProgrammeSet,
    SayableEvent,
    SessionClosed,
    SessionDeleted,
    SessionEvent,
    SessionOpened,
    SetMeasured,
    SetRecognised,
    SuggestionAnswered,
    TipGiven,
    TrainingSet,
)
from domain.happenings import noted, taken
from domain.identifiers import DeviceId, SessionId, StreamId
from domain.numbering import is_next, next_nr
from domain.profile import decide_profile, profiled
from domain.profile_commands import ProfileCommand, SetConsent
from domain.said import check_unchanged, decide_said, planned, trained
from domain.sets import NO_NUMBER
from domain.state import Declined, Session, User, best_of
from domain.statements import API, stated, with_sets

__all__ = [
    "Declined",
    "Session",
    "User",
    "best_of",
    "decide",
    "evolve",
    "next_nr",
    "positioned",
    "shared",
]

SESSIONS_KEPT_MAX = 16  # sessions whose positions are remembered; older ones take nothing any more
FORGOTTEN_MAX = 256  # older sessions of which the name is remembered, so that none is opened twice
DECLINED_MAX = 32
REFUSED_MAX = 32  # exercises of one session


def decide(user: User, command: Command | InnerCommand) -> tuple[Event, ...]:
    """The events that `command` leads to; none if it was taken before. Raises Rejected and OutOfOrder.

    `command` has passed `domain.command_checks.check_command`.
    """
    if isinstance(command, AcceptFrame):  # nearly all of them: asked first
        return _accept_frame(user, command)
    if isinstance(command, AskUser | AskBests):
        return ()
    if isinstance(command, Replace):
        check_unchanged(user, command)
        return decide(user, command.command)
    if is_said(command):
        return decide_said(user, command)
    if isinstance(command, DeleteSession):
        return decide_deletion(user, command)
    if isinstance(command, SetConsent):
        return decide_consent(user.consent, command)
    if isinstance(command, ProfileCommand):
        return decide_profile(user.profile, user.body, command)
    if isinstance(command, CareCommand):
        return decide_care(user.care, command)
    if isinstance(command, InnerCommand):
        return _note(user, command)
    if command.session in user.forgotten:
        return ()
    check_not_deleted(user, command.session)
    if isinstance(command, OpenSession):
        return _open(user, command)
    session = _session(user, command.session)
    assert command.command_nr is not None, "what was said is decided above"
    if not is_next(session.next_nrs, COMMANDS, command.command_nr):
        return ()
    if session.closed:
        raise Rejected(
            f"session {command.session!r} is closed", expected="an open session", remedy="open a new session"
        )
    return taken(command, session.suggestion)


def evolve(user: User, event: Event) -> User:
    """The state after `event`. Never fails: what was decided has happened."""
    if isinstance(event, FrameReceived):
        frame = event.frame
        return positioned(user, frame.session, frame.stream, frame.sequence_nr + 1)
    if isinstance(event, ProfileEvent):
        profile, body = profiled(user.profile, user.body, event)
        return replace(user, profile=profile, body=body)
    if isinstance(event, ConsentGiven):
        return replace(user, consent=consented(event))
    if isinstance(event, ProgrammeSet):
        return replace(user, care=cared(user.care, event, offset_min=user.training.utc_offset_min))
    if isinstance(event, SessionOpened):
        return _opened(user, event)
    if isinstance(event, SessionDeleted):
        return deleted(user, event)
    session = user.sessions.get(event.session)
    if session is not None:
        user = replace(user, sessions={**user.sessions, event.session: _changed(session, event)})
    elif not isinstance(event, SayableEvent) or event.command_nr is not None:
        return user  # so many sessions followed that this one is remembered no more
    if isinstance(event, LabelConfirmed | LabelWithdrawn | SetRecognised | SetMeasured):
        user = replace(user, care=cared(user.care, event, offset_min=user.training.utc_offset_min))
    match event:
        case LabelConfirmed() | LabelWithdrawn():
            return with_sets(user, stated(user, event))
        case TrainingSet():
            return trained(user, event, _said_by(session, event))
        case PlanSet():
            return planned(user, event, _said_by(session, event))
        case ExerciseContributed():
            return replace(user, own_exercises=contributed(user.own_exercises, event.exercise))
        case ProfileTold():
            profile, body = user.profile, user.body
            for each in decide_profile(profile, body, event.told):
                profile, body = profiled(profile, body, each)
            return replace(user, profile=profile, body=body)
        case SuggestionAnswered() if event.is_refusal or event.answer == "changed":
            declined = Declined(exercise=event.exercise, at_ms=event.at_ms, answer=event.answer)
            latest = sorted((*user.declined, declined), key=_declined_order)[-DECLINED_MAX:]
            return replace(user, declined=tuple(latest))
    return user


def shared(user: User) -> User:
    """The same state, as `evolve` would have made it: a decoded one holds the same names many times."""
    sessions = {
        name: replace(session, streams=_shared_streams(session.streams))
        for name, session in user.sessions.items()
    }
    names = {name: name for name in sessions}
    history, aside = (
        tuple(
            replace(
                past,
                session=names.setdefault(past.session, past.session),
                exercise=intern(past.exercise),
                device=DeviceId(intern(past.device)),
            )
            for past in sets
        )
        for sets in (user.history, user.aside)
    )
    care = NO_CARE if user.care == NO_CARE else user.care
    consent = NO_CONSENT if user.consent == NO_CONSENT else user.consent
    return replace(user, sessions=sessions, history=history, aside=aside, care=care, consent=consent)


def _open(user: User, command: OpenSession) -> tuple[Event, ...]:
    if command.session in user.sessions:
        return ()
    _check_not_given_up(user, command.session)
    return (
        SessionOpened(
            session=command.session,
            command_nr=command.command_nr,
            at_ms=command.at_ms,
            device=command.device,
            recogniser=command.recogniser,
            streams=command.streams,
            coach=command.coach,
        ),
    )


def _accept_frame(user: User, command: AcceptFrame) -> tuple[Event, ...]:
    frame = command.frame
    session = user.sessions.get(frame.session)
    if session is None:
        if frame.session in user.forgotten:
            return ()
        check_not_deleted(user, frame.session)
        session = _session(user, frame.session)
    if not is_next(session.next_nrs, frame.stream, frame.sequence_nr):
        return ()
    for stream in session.streams:
        if stream.stream == frame.stream and stream.sensor == frame.sensor:
            return (FrameReceived(frame=frame),)
    raise Rejected(
        f"session {frame.session!r} has no stream {frame.stream!r} of sensor {frame.sensor!r}",
        expected="a stream that `open` declared",
        remedy="declare every stream when the session is opened",
    )


def _note(user: User, command: InnerCommand) -> tuple[Event, ...]:
    session = user.sessions.get(command.session)
    if session is None:
        return ()  # forgotten meanwhile; no device asked, so there is nobody to refuse
    if isinstance(command, FoundSet) and command.start_ms < session.last_set_end_ms:
        return ()  # found again after a recovery
    if isinstance(command, GiveTip) and command.at_ms <= session.tip_ms:
        return ()  # given before the recovery
    return (noted(command),)


def _session(user: User, session: SessionId) -> Session:
    known = user.sessions.get(session)
    if known is None:
        raise Rejected(
            f"session {session!r} is not known",
            expected=f"a session that was opened before, one of the user's last {SESSIONS_KEPT_MAX}",
            remedy="open it first",
        )
    return known


def _check_not_given_up(user: User, session: SessionId) -> None:
    if session in user.given_up:
        raise Rejected(
            f"session {session!r} was left open, and too many newer ones followed",
            expected=f"at most {SESSIONS_KEPT_MAX} open sessions of a user",
            remedy="drop what is left of it",
        )


def _opened(user: User, event: SessionOpened) -> User:
    session = Session(
        device=event.device,
        opened_ms=event.at_ms,
        recogniser=event.recogniser,
        streams=_shared_streams(event.streams),
        next_nrs={COMMANDS: event.command_nr + 1},
        coach=event.coach,
    )
    sessions = {**user.sessions, event.session: session}
    over = _crowded_out(sessions)
    closed = [name for name in over if sessions[name].closed]
    given_up = [name for name in over if not sessions[name].closed]
    return replace(
        user,
        sessions={name: kept for name, kept in sessions.items() if name not in over},
        forgotten=(*user.forgotten, *closed)[-FORGOTTEN_MAX:],
        given_up=(*user.given_up, *given_up)[-FORGOTTEN_MAX:],
    )


def _said_by(session: Session | None, event: TrainingSet | PlanSet) -> tuple[str, str, int]:
    if session is None or event.command_nr is None:
        return API, "", NO_NUMBER
    return session.device, event.session, event.command_nr


def _declined_order(declined: Declined) -> tuple[int, str, str]:
    return declined.at_ms, declined.exercise, declined.answer


@lru_cache(maxsize=4096)
def _shared_streams(streams: tuple[Stream, ...]) -> tuple[Stream, ...]:
    """Most users wear the same: what is equal is kept once."""
    return streams


def _crowded_out(sessions: Mapping[SessionId, Session]) -> list[SessionId]:
    """Those beyond SESSIONS_KEPT_MAX, closed ones first: the device of an open one may be offline."""
    closed_first = sorted(sessions, key=lambda name: not sessions[name].closed)
    return closed_first[: max(0, len(sessions) - SESSIONS_KEPT_MAX)]


def _answered(session: Session, event: SuggestionAnswered) -> Session:
    if event.suggested_ms is not None:
        session = replace(session, suggestion=None)
    if not event.is_refusal or event.exercise in session.refused:
        return session
    return replace(session, refused=(*session.refused, event.exercise)[-REFUSED_MAX:])


def positioned(user: User, name: SessionId, stream: StreamId, next_: int) -> User:
    """The state in which all frames of a stream below `next_` are stored."""
    session = user.sessions.get(name)
    if session is None:
        return user
    moved = replace(session, next_nrs={**session.next_nrs, stream: next_})
    return replace(user, sessions={**user.sessions, name: moved})


def _changed(session: Session, event: SessionEvent) -> Session:
    if isinstance(event, ExerciseSuggested):
        session = replace(session, suggestion=event)
    if isinstance(event, TipGiven):
        return replace(session, tip_ms=max(session.tip_ms, event.at_ms))
    if isinstance(event, SuggestionAnswered):
        session = _answered(session, event)
    if isinstance(event, TrainingSet) and session.coach == "device":
        place, offset_min = event.training.place, event.training.utc_offset_min
        name = None if place is None else place.name
        session = replace(session, place=name, utc_offset_min=offset_min)
    if event.command_nr is not None:
        next_nrs = {**session.next_nrs, COMMANDS: event.command_nr + 1}
        session = replace(session, next_nrs=next_nrs)
    if isinstance(event, SetRecognised):
        return replace(session, last_set_end_ms=max(session.last_set_end_ms, event.end_ms))
    if isinstance(event, SessionClosed):
        return replace(session, closed=True, suggestion=None)
    return session
