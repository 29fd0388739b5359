"""Who else looked at a user's data: rows are added, and deleted with the user or by age, never changed."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from persistence.ports import Delete, Insert, Store
from persistence.privacy_tables import ACCESS, AccessRow
from persistence.schema import Timestamp

EVERYONE = "*"  # whose rows are of looks at all users at once; no user has that name
WORDS_MAX = 200


class AccessStore:
    def __init__(self, store: Store) -> None:
        self._store = store

    def record(self, user: str, who: str, scope: str, what: str, why: str, now_ms: int) -> None:
        """Add a row; it is durable when this returns, so call it before anything is shown.

        `scope` is the right under which `who` looked, `what` the route or command, `why` the reason given.
        """
        row = AccessRow(
            user, Timestamp(now_ms), secrets.token_hex(8), who, scope, what[:WORDS_MAX], why[:WORDS_MAX]
        )
        self._store.write([Insert(ACCESS, row)])

    def of(self, user: str, *, until_ms: int | None = None, limit: int | None = None) -> Iterator[AccessRow]:
        """Looks at the user and those at everyone, newest first, up to and including `until_ms`."""
        upper = () if until_ms is None else (until_ms,)
        own = self._store.read(ACCESS, (user,), upper=upper, limit=limit)
        every = self._store.read(ACCESS, (EVERYONE,), upper=upper, limit=limit)
        merged = sorted([*own, *every], key=lambda row: (-row.accessed_at, row.access_id))
        return iter(merged[:limit])

    @staticmethod
    def forgotten(user: str, before_ms: int) -> Delete:
        """What deletes the user's rows from before that time."""
        return Delete(ACCESS, (user,), upper=(before_ms - 1,))
