"""What a device numbers is taken in order, and once."""

from __future__ import annotations

from collections.abc import Mapping

from domain.errors import OutOfOrder
from domain.identifiers import SessionId, StreamId
from domain.state import User


def is_next(next_nrs: Mapping[StreamId, int], stream: StreamId, number: int) -> bool:
    """True if `number` is next, False if it was taken before; raises OutOfOrder if it comes too early."""
    expected = next_nrs.get(stream, 0)
    if number > expected:
        raise OutOfOrder(stream, number, expected)
    return number == expected


def next_nr(user: User, session: SessionId, stream: StreamId, taken_nr: int = -1) -> int:
    """What the server expects next of a stream: the cumulative acknowledgement.

    Of a forgotten session everything is stored, so it is what follows the command that was taken, `taken_nr`.
    """
    if (known := user.sessions.get(session)) is not None:
        return known.next_nrs.get(stream, 0)
    return taken_nr + 1 if session in user.forgotten else 0
