"""Tokens that are good no more though they have not expired: a token, a login's or all of a user's so far."""

from __future__ import annotations

from collections.abc import Mapping

from persistence.api_tables import REVOCATION, RevocationRow
from persistence.ports import Delete, Insert, Store
from persistence.schema import Timestamp

TOKEN, LOGIN, USER = "token", "login", "user"  # kinds of what is revoked

_REALM = "muvr"


class RevocationStore:
    def __init__(self, store: Store) -> None:
        self._store = store

    def revoke(self, kind: str, name: str, now_ms: int, until_ms: int) -> None:
        """What has that name is good no more; of a USER, what was issued up to now.

        By `until_ms` all of it has expired.
        """
        row = RevocationRow(_REALM, f"{kind}:{name}", Timestamp(now_ms), Timestamp(until_ms))
        self._store.write([Insert(REVOCATION, row)])

    def all(self) -> Mapping[str, int]:
        """Up to when what is called `kind:name` was revoked, ms since 1970."""
        return {row.name: row.revoked_at for row in self._store.read(REVOCATION, (_REALM,))}

    def purge(self, now_ms: int) -> None:
        """Forget those of tokens that have expired."""
        over = [row for row in self._store.read(REVOCATION, (_REALM,)) if row.until < now_ms]
        if over:
            self._store.write([Delete(REVOCATION, (_REALM,), (row.name,), (row.name,)) for row in over])
