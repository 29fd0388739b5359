"""Saves snapshots beside the group commit: nobody waits for one, and too many are not begun."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait

from domain.identifiers import UserId
from persistence.ports import Mutation, Store

log = logging.getLogger(__name__)

IN_FLIGHT_MAX = 64


class SnapshotWriter:
    """A snapshot that fails is logged: it makes the next recovery longer, no more."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._in_flight: dict[Future[None], frozenset[UserId]] = {}

    @property
    def is_full(self) -> bool:
        return len(self._in_flight) >= IN_FLIGHT_MAX

    @property
    def is_idle(self) -> bool:
        return not self._in_flight

    def is_saving(self, user: UserId) -> bool:
        return any(user in users for users in list(self._in_flight.values()))

    def save(self, users: Sequence[UserId], writes: Sequence[Mutation]) -> None:
        """Begin to write the snapshots of `users`."""
        future = self._store.submit(writes)
        self._in_flight[future] = frozenset(users)
        future.add_done_callback(lambda done: self._ended(users, done))

    def wait_for_room(self, seconds_max: float) -> None:
        """Wait until another may be saved, or so long."""
        if self.is_full:
            wait(list(self._in_flight), max(0.0, seconds_max), return_when=FIRST_COMPLETED)

    def wait_for_all(self, seconds_max: float) -> None:
        wait(list(self._in_flight), max(0.0, seconds_max))

    def _ended(self, users: Sequence[UserId], done: Future[None]) -> None:
        """Called in a thread of the store, or at once."""
        self._in_flight.pop(done, None)
        if (error := done.exception()) is not None:
            log.error("no snapshots of %d users, %s first: %s", len(users), users[0], error)
