"""What a device has recorded and the server has not acknowledged yet.

Messages of a (session, stream) are numbered from 0 and taken in order; acknowledgements are cumulative.
After a break, or when the server asks for an earlier number, everything unacknowledged is sent again.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from domain.errors import InvalidInput

Key = tuple[str, str]  # session, stream


@dataclass(frozen=True)
class _Entry:
    key: Key
    number: int
    data: bytes
    is_last: bool  # of its session: sent once everything else of it is acknowledged


class Outbox:
    """Unacknowledged messages in the order in which they were recorded, at most `entries_max`."""

    def __init__(self, entries_max: int = 100_000) -> None:
        self._entries_max = entries_max
        self._in_flight: list[_Entry] = []  # sent on this connection, at most the server's credit
        self._waiting: deque[_Entry] = deque()
        self._next: dict[Key, int] = {}
        self._sent: dict[Key, int] = {}  # the number below which everything was sent, on any connection
        self._acknowledged: dict[Key, int] = {}
        self._rewound: dict[Key, int] = {}
        self._dropped: set[str] = set()
        self._count = 0

    def __len__(self) -> int:
        """Messages that are not acknowledged."""
        return self._count

    def next_number(self, session: str, stream: str) -> int:
        """The number of the next message of a stream."""
        return self._next.get((session, stream), 0)

    def acknowledged(self, session: str, stream: str) -> int:
        """The number below which the server has acknowledged everything."""
        return self._acknowledged.get((session, stream), 0)

    def add(self, session: str, stream: str, data: bytes, *, is_last: bool = False) -> None:
        """Append the message with the stream's next number; raises InvalidInput when the outbox is full.

        The last message of a session is sent once all others of it are acknowledged, so that the server may
        take whatever comes for a closed session for something that it has.

        Of a session that was dropped nothing is kept: its streams have a hole that the server never fills.
        """
        if session in self._dropped:
            return
        if len(self) >= self._entries_max:
            raise InvalidInput(
                f"{len(self)} messages wait for the server",
                expected=f"at most {self._entries_max}",
                remedy="connect, or record less",
            )
        key = (session, stream)
        number = self._next.get(key, 0)
        self._next[key] = number + 1
        self._count += 1
        self._waiting.append(_Entry(key, number, data, is_last))

    def take(self, credit: int) -> list[bytes]:
        """Messages to send now so that at most `credit` are unanswered."""
        batch = []
        while self._waiting and len(self._in_flight) < credit:
            if self._must_wait(self._waiting[0]):
                break
            entry = self._waiting.popleft()
            if not self._is_acknowledged(entry):
                self._in_flight.append(entry)
                self._sent[entry.key] = max(entry.number + 1, self._sent.get(entry.key, 0))
                batch.append(entry.data)
        return batch

    def acknowledge(self, session: str, stream: str, next_number: int) -> None:
        """The server has everything of the stream below `next_number`, but for what it was never sent."""
        key = (session, stream)
        acknowledged = min(next_number, self._sent.get(key, 0))
        if session not in self._dropped and acknowledged > self._acknowledged.get(key, 0):
            self._count -= acknowledged - self._acknowledged.get(key, 0)
            self._acknowledged[key] = acknowledged
            self._rewound.pop(key, None)
            self._in_flight = [entry for entry in self._in_flight if not self._is_acknowledged(entry)]

    def rewind(self) -> None:
        """Send everything unacknowledged again: after a reconnection, or when a write failed."""
        self._waiting.extendleft(reversed(self._in_flight))
        self._in_flight = []
        self._rewound.clear()

    def rewind_to(self, session: str, stream: str, number: int) -> None:
        """The server expects `number` next: send that stream again, and no other.

        Said once per message on the way, obeyed once.
        """
        key = (session, stream)
        if self._rewound.get(key) != number and key in self._next:
            again = [entry for entry in self._in_flight if entry.key == key]
            self._in_flight = [entry for entry in self._in_flight if entry.key != key]
            self._waiting.extendleft(reversed(again))
            self._rewound[key] = number

    def drop_session(self, session: str) -> None:
        """Forget a session that the server will never take, and what is recorded of it from now on."""
        keys = [key for key in self._next if key[0] == session]
        if not keys or session in self._dropped:
            return
        self._dropped.add(session)
        self._count -= sum(self._next[key] - self._acknowledged.get(key, 0) for key in keys)
        self._in_flight = [entry for entry in self._in_flight if entry.key[0] != session]
        self._waiting = deque(entry for entry in self._waiting if entry.key[0] != session)

    def is_dropped(self, session: str) -> bool:
        return session in self._dropped

    def _must_wait(self, entry: _Entry) -> bool:
        return entry.is_last and any(other.key[0] == entry.key[0] for other in self._in_flight)

    def _is_acknowledged(self, entry: _Entry) -> bool:
        return entry.number < self._acknowledged.get(entry.key, 0)
