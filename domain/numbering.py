"""What a device numbers is taken in order, and once."""

from __future__ import annotations

from collections.abc import Mapping

from domain.errors import OutOfOrder
from domain.identifiers import StreamId


def is_next(next_nrs: Mapping[StreamId, int], stream: StreamId, number: int) -> bool:
    """True if `number` is next, False if it was taken before; raises OutOfOrder if it comes too early."""
    expected = next_nrs.get(stream, 0)
    if number > expected:
        raise OutOfOrder(stream, number, expected)
    return number == expected
