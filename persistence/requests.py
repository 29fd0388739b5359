"""Requests of the API that carry a key of their client's, so that none is done twice."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from domain.errors import InvalidInput, StoreError
from persistence.api_tables import API_REQUEST, RequestRow
from persistence.ports import Delete, Store
from persistence.schema import Timestamp

KEPT_MS = 24 * 3_600_000
ANSWER_BYTES_MAX = 64 * 1024
NOBODY = "-"  # whose partition a request is in that is about no user
_PURGED_TOGETHER = 500


class RequestKey(NamedTuple):
    """Whom a request is about, who sends it, and the key that they gave it."""

    user: str
    caller: str
    key: str


class KeyReused(InvalidInput):
    code = "key_reused"


class RequestStore:
    """Blocks; used from the threads that read."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, key: RequestKey, content: bytes, now_ms: int) -> RequestRow:
        """The row of a request, as of when it first came. Its answer is None while it was not done.

        Whoever does it says that it was said at `said_at`, so that doing it again changes nothing. Raises
        KeyReused if the key was another request's.
        """
        digest = hashlib.sha256(content).hexdigest()
        row = RequestRow(*key, digest, Timestamp(now_ms), None, None, None)
        (is_new,) = self._store.insert_if_absent(API_REQUEST, [row])
        found = row if is_new else self._found(key)
        if found.digest != digest:
            raise KeyReused(
                "the Idempotency-Key was used for another request",
                expected="a new key for each request, and the same one only to send that again",
                remedy="choose a new key",
            )
        return found

    def done(self, begun: RequestRow, status: int, tag: str | None, answer: bytes) -> None:
        """Remember what was answered; too long an answer is made anew when it is asked for again."""
        if len(answer) <= ANSWER_BYTES_MAX:
            done = begun._replace(status=status, tag=tag, answer=answer.decode())
            self._store.compare_and_set(API_REQUEST, begun, done)

    def purge(self, now_ms: int) -> None:
        """Forget requests that are older than KEPT_MS."""
        deletes: list[Delete] = []
        for row in self._store.scan(API_REQUEST):
            if row.said_at < now_ms - KEPT_MS:
                deletes.append(Delete(API_REQUEST, (row.user_id, row.caller, row.request_key)))
        for first in range(0, len(deletes), _PURGED_TOGETHER):
            self._store.write(deletes[first : first + _PURGED_TOGETHER])

    def _found(self, key: RequestKey) -> RequestRow:
        row = next(self._store.read(API_REQUEST, key), None)
        if row is None:
            raise StoreError("a request was forgotten while it was looked for", remedy="send it again")
        return row
