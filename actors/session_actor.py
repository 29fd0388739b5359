"""The Thespian actor around one user's entity, living in a shard host's nested actor system."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from thespian.actors import Actor, ActorExitRequest

from actors.effects import Classified, Take
from actors.user_entity import UserEntity
from domain.errors import MuvrError
from persistence.ports import Mutation

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wake:
    """First message: the user, as recovered. Answered with Done."""

    entity: UserEntity
    now_ms: Callable[[], int]


@dataclass(frozen=True)
class Snapshot:
    """What saves the state, all of whose events are durable? Answered with Saving or Failed."""


@dataclass(frozen=True)
class Saving:
    """Mutations that save the state; none if it is saved."""

    writes: list[Mutation]


@dataclass(frozen=True)
class Forget:
    """Let go of the user, whatever is not durable with it; the actor may be woken for another. Done."""


@dataclass(frozen=True)
class Done:
    """Answer to what has no other: Thespian cannot tell an answer of None from no answer."""


@dataclass(frozen=True)
class Failed:
    """The actor cannot go on: it must forget its user, who is recovered when next heard of."""

    error: MuvrError


class SessionActor(Actor):
    """Answers Wake, Take, Classified, Snapshot and Forget.

    Thespian gives a message that raised to the actor a second time, so nothing may raise out of here.
    """

    _entity: UserEntity | None = None
    _now_ms: Callable[[], int]

    def receiveMessage(self, message: object, sender: object) -> None:  # noqa: N802
        if isinstance(message, ActorExitRequest):
            return  # an answer would be taken for that of the next question, perhaps another user's
        try:
            answer = self._answer(message)
        except Exception as error:
            if not isinstance(error, MuvrError):
                log.exception("a session actor failed on %s", type(message).__name__)
            answer = Failed(internal_error(error))
        self.send(sender, answer)

    def _answer(self, message: object) -> object:
        if isinstance(message, Wake):
            self._now_ms = message.now_ms
            self._entity = message.entity
            return Done()
        if isinstance(message, Forget):
            self._entity = None
            return Done()
        assert self._entity is not None, "woken first"
        match message:
            case Take():
                return self._entity.take(message.commands, self._now_ms())
            case Classified():
                return self._entity.classified(message)
            case Snapshot():
                return Saving(self._entity.snapshot())
        return Done()


def internal_error(error: Exception) -> MuvrError:
    """`error` in words for those who are not to blame for it."""
    if isinstance(error, MuvrError):
        return error
    return MuvrError(f"internal error: {error!r}", remedy="tell the operator; see the node's log")
