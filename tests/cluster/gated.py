"""A store in Cassandra of which messages can be held back on their way, dated when they were submitted."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from persistence.cassandra.settings import parse_location
from persistence.cassandra.store import CassandraStore
from persistence.cassandra.timestamps import Timestamps


class GatedStore(CassandraStore):
    """`off_ms` is how far the wall clock of its process is ahead of the real one.

    While `is_held`, what is to be sent waits; `let_through` sends it, in the order of `order`.
    """

    def __init__(self, location: str, now_ms: Callable[[], int]) -> None:
        super().__init__(parse_location(location), Timestamps(lambda: now_ms() * 1000))
        self._really_send = self._writer._send
        self._writer._send = self._gate
        self._held: list[Callable[[], Any]] = []
        self.is_held = False

    @property
    def held_count(self) -> int:
        return len(self._held)

    def let_through(self, order: Callable[[list[Any]], None] = lambda held: None) -> None:
        held, self._held = self._held, []
        order(held)
        for send in held:
            send()

    def _gate(self, *arguments: Any) -> None:
        if self.is_held:
            self._held.append(partial(self._really_send, *arguments))
        else:
            self._really_send(*arguments)
