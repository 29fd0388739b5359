"""What a connection asks its server to do, and how what is refused is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

import msgspec

from domain.commands import Command
from domain.errors import InvalidInput, MuvrError, NotAuthorised, TokenOver, TooOften
from domain.identifiers import UserId, check_identifier
from gateway.access import MESSAGES
from gateway.auth import Claims
from gateway.devices import care_messages, protocol

CLOSE_POLICY = 1008  # RFC 6455: policy violation
CLOSE_MOVED = 1012  # IANA's WebSocket close code registry: service restart, connect again

# Who may send what, by the message's class: this is asked of every frame.
RULES = {kind: MESSAGES[str(kind.__struct_config__.tag)] for kind in get_args(protocol.DeviceMessage)}


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a coach's connection wants to forward if the `user` lets the `coach`; `what` names the message."""

    user: UserId
    coach: UserId
    what: str
    command: Command


@dataclass(slots=True)
class Output:
    """What to do after some bytes came: note who joined or left, send, forward, ask whether a wish may be;
    close if `close_code` is set.

    `joined` are users whose live view the connection gets from now on, `left` those whose it gets no more.
    `is_fault` says that it is closed for something that no device does.
    Nothing more is to be read for `pause_s`.
    """

    joined: list[UserId] = field(default_factory=list)
    left: list[UserId] = field(default_factory=list)
    send: list[protocol.ServerMessage] = field(default_factory=list)
    forward: list[tuple[UserId, Command]] = field(default_factory=list)
    wishes: list[Wish] = field(default_factory=list)
    close_code: int | None = None
    close_reason: str = ""
    is_fault: bool = False
    pause_s: float = 0.0


def not_theirs(user: UserId) -> NotAuthorised:
    """Says the same whether there is such a user or not."""
    return NotAuthorised(
        f"the token does not reach {user}'s things", expected="a user who lets this coach look after them"
    )


def user_of(claims: Claims, named: str | None) -> UserId:
    """Whom a message is of: `named`, if the token allows it, or the token's own user."""
    if named is None:
        if claims.is_of_many:
            raise InvalidInput("no user", expected="`user` in every message of a gateway, or of a coach")
        return claims.user
    user = UserId(check_identifier("user", named))
    if not (claims.is_of_many or claims.allows(user)):
        raise NotAuthorised(f"the token is not of user {user!r}", remedy="get a token of that user")
    return user


def check_scope(claims: Claims, message: protocol.DeviceMessage) -> None:
    """Raise NotAuthorised unless the table has the token's scope for the message."""
    rule = RULES[type(message)]
    if claims.scope not in rule:
        raise NotAuthorised(
            f"the token's scope is {claims.scope!r}",
            expected=f"scope {' or '.join(rule)} for this message",
            remedy="get a token of that scope",
        )


def too_much() -> TooOften:
    return TooOften(
        "too many messages of one user", expected="its credit, and the rate", remedy="wait, then send again"
    )


def cut_off(output: Output, error: MuvrError) -> None:
    output.close_code = CLOSE_POLICY
    output.close_reason = str(error)
    output.is_fault = not isinstance(error, TokenOver)


def refused(
    claims: Claims, message: protocol.SessionMessage | care_messages.TimedMessage, error: MuvrError
) -> protocol.Error:
    user = message.user if claims.is_of_many else claims.user
    told = msgspec.structs.replace(protocol.error_message(error), user=None if user is None else user[:64])
    if isinstance(message, care_messages.TimedMessage):
        return told
    return msgspec.structs.replace(
        told,
        session=message.session[:64],
        stream=message.stream[:64] if isinstance(message, protocol.Frame) else "",
        nr=message.nr,
    )
