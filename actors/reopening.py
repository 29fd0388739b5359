"""Sessions whose `open` failed in the server: what follows it must not be refused for good.

A device sends ahead of its acknowledgements. If the batch with a session's `open` is not written, frames of
the next batch meet a session that nobody knows, and the refusal of an unknown session is one after which a
device drops what it recorded. Such a device is told to begin again with `open` instead.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from domain.commands import COMMANDS, Command, OpenSession
from domain.errors import OutOfOrder
from domain.identifiers import SessionId, UserId
from domain.replies import Acknowledged, Refused, Reply

SESSIONS_MAX = 10_000  # the oldest are forgotten first


class Reopening:
    def __init__(self) -> None:
        self._sessions: dict[tuple[UserId, SessionId], None] = {}

    def refused(self, user: UserId, commands: Iterable[Command]) -> None:
        """These commands were refused because the server failed."""
        for command in commands:
            if isinstance(command, OpenSession):
                self._sessions[user, command.session] = None
        while len(self._sessions) > SESSIONS_MAX:
            del self._sessions[next(iter(self._sessions))]

    def correct(self, user: UserId, reply: Reply) -> Reply:
        """`reply`, or if it is a refusal for want of `open`, the demand for it."""
        match reply:
            case Acknowledged():
                self._sessions.pop((user, reply.session), None)
            case Refused(retry=False) if (user, reply.session) in self._sessions:
                return msgspec.structs.replace(
                    reply,
                    stream=COMMANDS,
                    code=OutOfOrder.code,
                    expected="the session's `open` first",
                    remedy="send again from there",
                    retry=True,
                    expected_nr=0,
                )
        return reply
