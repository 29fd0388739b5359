"""The Thespian actor around one user's entity, living in a shard host's nested actor system."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from thespian.actors import Actor

from actors.effects import Classified, Take
from actors.user_entity import UserEntity
from domain.errors import MuvrError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wake:
    """First message: recover the user. Answered with Done or Failed."""

    recover: Callable[[], UserEntity]
    now_ms: Callable[[], int]


@dataclass(frozen=True)
class Snapshot:
    """Save the state, all of whose events are durable. Answered with Done or Failed."""


@dataclass(frozen=True)
class Done:
    """Answer to what has no other: Thespian cannot tell an answer of None from no answer."""


@dataclass(frozen=True)
class Failed:
    """The actor cannot go on: it must be stopped and recovered."""

    error: MuvrError


class SessionActor(Actor):
    """Answers Wake, Take, Classified and Snapshot.

    Thespian gives a message that raised to the actor a second time, so nothing may raise out of here.
    """

    _entity: UserEntity
    _now_ms: Callable[[], int]

    def receiveMessage(self, message: object, sender: object) -> None:  # noqa: N802
        try:
            answer = self._answer(message)
        except MuvrError as error:
            answer = Failed(error)
        except Exception as error:
            log.exception("a session actor failed on %s", type(message).__name__)
            answer = Failed(
                MuvrError(f"internal error: {error}", remedy="tell the operator; see the node's log")
            )
        self.send(sender, answer)

    def _answer(self, message: object) -> object:
        match message:
            case Take():
                return self._entity.take(message.commands, self._now_ms())
            case Classified():
                return self._entity.classified(message)
            case Snapshot():
                self._entity.save_snapshot()
            case Wake():
                self._now_ms = message.now_ms
                self._entity = message.recover()
        return Done()
