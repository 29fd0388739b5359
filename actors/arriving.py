"""What came of a user on a day is noted once, for the night to find it."""

from __future__ import annotations

from collections.abc import Mapping

from domain.commands import AcceptFrame, Command, ConfirmLabel, session_of
from domain.identifiers import SessionId, UserId
from domain.user import Session
from persistence.arrivals import DAY_MS, arrival
from persistence.ports import Mutation


class Arrivals:
    """The sessions of a user that were noted on a day. There are as many as there are live users."""

    __slots__ = ("_day", "_noted")

    def __init__(self) -> None:
        self._day = 0
        self._noted: tuple[SessionId, ...] = ()

    def note(
        self, user: UserId, command: Command, sessions: Mapping[SessionId, Session], now_ms: int
    ) -> list[Mutation]:
        """What is to be written beside what `command` leads to, if that is the first of its session today.

        Also if it was taken before: it may not have been acknowledged, so that the note was not written.
        """
        if not isinstance(command, AcceptFrame | ConfirmLabel):
            return []
        if (day := now_ms // DAY_MS) != self._day:
            self._noted, self._day = (), day
        name = session_of(command)
        if name in self._noted or (session := sessions.get(name)) is None:
            return []
        self._noted = (*self._noted, name)
        return [arrival(user, name, (stream.stream for stream in session.streams), now_ms)]
