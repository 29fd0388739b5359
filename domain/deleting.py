"""The pure rules of a session that its user deletes: what is forgotten with it, and what comes too late.

Whether the session is open plays no part: it ends with its deletion; one whose device was lost never would.
Its name is remembered, so that a device which sends it again is refused. What it led to is taken out of the
state: its sets, what they overrode counts again. The bests of sets that are settled are the command's to say,
as only rows know them; whoever gives it has read them, see `settled_ms`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from domain.bests import NO_BEST, Best
from domain.care import without_session
from domain.commands import NO_SESSION, DeleteSession
from domain.errors import Deleted, Overtaken
from domain.events import (
    ExerciseContributed,
    JournalEvent,
    PlanSet,
    ProfileTold,
    SessionDeleted,
    SessionEvent,
    TrainingSet,
)
from domain.identifiers import SessionId
from domain.profile import decide_profile
from domain.sets import without
from domain.state import User, settled_ms

DELETED_MAX = 256  # sessions of which the name is remembered


def decide_deletion(user: User, command: DeleteSession) -> tuple[SessionDeleted, ...]:
    """What `command` leads to; nothing if the session was deleted before.

    Raises Overtaken if more sets were settled since the bests in it were read.
    """
    if command.session in user.deleted:
        return ()
    if command.settled_ms != settled_ms(user):
        raise Overtaken(
            "sets were settled meanwhile", expected="the bests without the session", remedy="read them again"
        )
    return (
        SessionDeleted(
            session=command.session,
            at_ms=command.at_ms,
            opened_ms=command.opened_ms,
            streams=command.streams,
            bests=command.bests,
        ),
    )


def check_not_deleted(user: User, session: SessionId) -> None:
    """Raise Deleted if the user deleted it."""
    if session in user.deleted:
        raise Deleted(
            f"session {session!r} was deleted by its user",
            expected="another session",
            remedy="drop what is left of it, and open a new session",
        )


def deleted(user: User, event: SessionDeleted) -> User:
    """The state without the session."""
    name = event.session
    sets = without(user.history, user.aside, name)
    return replace(
        user,
        sessions={each: session for each, session in user.sessions.items() if each != name},
        forgotten=tuple(each for each in user.forgotten if each != name),
        given_up=tuple(each for each in user.given_up if each != name),
        deleted=(*(each for each in user.deleted if each != name), name)[-DELETED_MAX:],
        history=sets.history,
        aside=sets.aside,
        settled_ms=settled_ms(user),
        bests=_with_bests(user.bests, event.bests),
        care=without_session(user.care, name),
    )


def without_sessions(user: User, events: Iterable[SessionDeleted]) -> User:
    """The state as if these sessions, deleted later, had never been; their names are not remembered."""
    for event in events:
        user = deleted(user, event)
    return replace(user, deleted=())


def apart_from_session(user: User, event: SessionEvent) -> tuple[JournalEvent, ...]:
    """What stays of `event` when its session is deleted: wishes, plans and so on, as said of no session."""
    if isinstance(event, TrainingSet | PlanSet | ExerciseContributed):
        return (replace(event, session=NO_SESSION, command_nr=None),)
    if isinstance(event, ProfileTold):
        return decide_profile(user.profile, user.body, event.told)
    return ()


def _with_bests(bests: Mapping[str, Best], changed: Mapping[str, Best]) -> Mapping[str, Best]:
    """`bests` with those of `changed`; who has none left in an exercise has no entry."""
    after = {**bests, **changed}
    return {name: best for name, best in after.items() if best != NO_BEST}
