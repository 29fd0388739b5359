"""The Thespian actor around one user's entity, living in a shard host's nested actor system."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from thespian.actors import Actor, ActorAddress

from actors.effects import Classified, Question, Snapshot, Take
from actors.user_entity import UserEntity
from domain.errors import MuvrError

log = logging.getLogger(__name__)


class Wake(msgspec.Struct, frozen=True):
    """First message: the user, as recovered. No answer."""

    entity: UserEntity


class Forget(msgspec.Struct, frozen=True):
    """Let go of the user, whatever is not durable with it; the actor may be woken for another. No answer."""


class Round(msgspec.Struct, frozen=True):
    """To the crier: give each question to its actor. No answer."""

    questions: Sequence[tuple[ActorAddress, Question]]


class SessionActor(Actor):
    """Takes Wake, Forget and, between them, questions.

    Thespian gives a message that raised to the actor a second time, so nothing may raise out of here.
    """

    _entity: UserEntity | None = None

    def receiveMessage(self, message: object, sender: object) -> None:  # noqa: N802
        if isinstance(message, Question):
            try:
                message.answer = self._answer(message)
            except Exception as error:
                if not isinstance(error, MuvrError):
                    log.exception("a session actor failed on %s", type(message).__name__)
                message.answer = internal_error(error)
        elif isinstance(message, Wake):
            self._entity = message.entity
        elif isinstance(message, Forget):
            self._entity = None

    @property
    def _receive(self) -> Callable[[object, object], None]:
        """What Thespian calls; the method that it binds to each actor looks a logger up for each message."""
        return self.receiveMessage

    @_receive.setter
    def _receive(self, bound: object) -> None:
        """Each actor would keep 80 bytes for it."""

    def _answer(self, question: Question) -> Any:
        assert self._entity is not None, "woken first"
        if isinstance(question, Take):
            return self._entity.take(question.commands, question.now_ms)
        if isinstance(question, Classified):
            return self._entity.classified(question)
        assert isinstance(question, Snapshot)
        return self._entity.snapshot()


class Crier(Actor):
    """Gives the questions of a round to their actors: one `tell` for all of them costs half."""

    def receiveMessage(self, message: object, sender: object) -> None:  # noqa: N802
        if isinstance(message, Round):
            for address, question in message.questions:
                self.send(address, question)


def internal_error(error: Exception) -> MuvrError:
    """`error` in words for those who are not to blame for it."""
    if isinstance(error, MuvrError):
        return error
    return MuvrError(f"internal error: {error!r}", remedy="tell the operator; see the node's log")
