"""How a node's actors take messages: once, and the ones that concern them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from thespian.actors import ActorAddress, ActorTypeDispatcher

log = logging.getLogger(__name__)

ActorT = TypeVar("ActorT", bound=ActorTypeDispatcher)
MessageT = TypeVar("MessageT")
AnswerT = TypeVar("AnswerT")


def handled_once(
    handler: Callable[[ActorT, MessageT, ActorAddress], AnswerT],
) -> Callable[[ActorT, MessageT, ActorAddress], AnswerT | None]:
    """Log what `handler` raises: Thespian would run it again with the same message.

    Whoever waits for an answer must get it from `handler` also when things go wrong.
    """

    @wraps(handler)
    def guarded(actor: ActorT, message: MessageT, sender: ActorAddress) -> AnswerT | None:
        try:
            return handler(actor, message, sender)
        except Exception:
            log.exception("%s failed at %s", type(actor).__name__, type(message).__name__)
            return None

    return guarded
