"""Whether a coach may look after a user, asked of each message of a coach's connection as the API asks."""

from __future__ import annotations

from collections.abc import Callable

from domain.identifiers import UserId
from persistence.access import AccessStore
from persistence.grants import GrantStore
from persistence.ports import Store


class Permits:
    """Blocks; used from a thread. `now_ms` is since 1970."""

    def __init__(self, store: Store, now_ms: Callable[[], int]) -> None:
        self._grants = GrantStore(store)
        self._accesses = AccessStore(store)
        self._now_ms = now_ms

    def __call__(self, user: UserId, coach: UserId, what: str) -> bool:
        """Whether `user` lets `coach`; if so that `coach` did `what` is durably written down before."""
        if not self._grants.is_given(user, coach):
            return False
        if user != coach:
            self._accesses.record(user, coach, "coach", what, "", self._now_ms())
        return True
