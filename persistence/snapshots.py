"""Snapshots of users: the state after an event's number, encrypted like the events, newest first.

Only a state all of whose events are durable and were acknowledged under a valid lease is saved. So a
snapshot is a prefix of every later owner's history, however late the row itself arrives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from domain.errors import StoredValueCorrupt
from domain.identifiers import UserId
from domain.user import User
from persistence.blobs import BlobCodec, Upcaster, as_it_is, context_of
from persistence.keys import Cipher
from persistence.ports import Delete, Insert, Mutation, Slice, Store
from persistence.schema import Timestamp
from persistence.tables import SNAPSHOT, SnapshotRow

SNAPSHOTS_KEPT = 2  # the newest, and one to fall back to


def _by_time(state: list[Any]) -> list[Any]:
    """Up to version 2 the confirmed sets, the second field, were in the order in which they arrived."""
    sessions, history, *others = state
    return [sessions, sorted(history, key=lambda past: past[1:3]), *others]


STATE_UPCASTERS: dict[int, Upcaster] = {1: as_it_is, 2: _by_time, 3: as_it_is, 4: as_it_is}

_codec: BlobCodec[User] = BlobCodec(User, STATE_UPCASTERS)

Snapshot = tuple[int, User]  # the number of the last event, and the state after it


class SnapshotStore:
    def __init__(self, store: Store) -> None:
        self._store = store

    @staticmethod
    def entries(
        user: UserId, cipher: Cipher, sequence_nr: int, state: User, now_ms: int, *, previous_nr: int = 0
    ) -> list[Mutation]:
        """The mutations that save the state after event `sequence_nr` and delete all before `previous_nr`."""
        blob = _codec.seal(cipher, state, context_of(user, sequence_nr))
        saved = Insert(SNAPSHOT, SnapshotRow(user, sequence_nr, Timestamp(now_ms), blob))
        if not 1 < previous_nr < sequence_nr:
            return [saved]
        return [saved, Delete(SNAPSHOT, (user,), upper=(previous_nr - 1,))]

    def newest(
        self, user: UserId, cipher: Cipher, *, at_most: int | None = None, until_ms: int | None = None
    ) -> Snapshot | None:
        """The newest readable snapshot, at or below event `at_most`, written at or before `until_ms`."""
        upper = () if at_most is None else (at_most,)
        rows = self._store.read(SNAPSHOT, (user,), upper=upper)
        return _first(user, cipher, (row for row in rows if until_ms is None or row.written_at <= until_ms))

    def newest_of(self, ciphers: Mapping[UserId, Cipher]) -> dict[UserId, Snapshot | None]:
        """The newest readable snapshot of each user."""
        found = self._store.read_many(SNAPSHOT, [Slice((user,)) for user in ciphers], limit=SNAPSHOTS_KEPT)
        return {
            user: _first(user, cipher, rows)
            for (user, cipher), rows in zip(ciphers.items(), found, strict=True)
        }

    def delete(self, user: UserId, sequence_nr: int) -> None:
        """Delete the snapshot after that event, if there is one."""
        self._store.write([Delete(SNAPSHOT, (user,), (sequence_nr,), (sequence_nr,))])

    def delete_up_to(self, user: UserId, sequence_nr: int, *, until_ms: int | None = None) -> None:
        """Delete the snapshots at or below that event, of them only those written up to `until_ms`."""
        if until_ms is None:
            self._store.write([Delete(SNAPSHOT, (user,), upper=(sequence_nr,))])
            return
        rows = self._store.read(SNAPSHOT, (user,), upper=(sequence_nr,))
        numbers = [row.sequence_nr for row in rows if row.written_at <= until_ms]
        self._store.write([Delete(SNAPSHOT, (user,), (number,), (number,)) for number in numbers])


def _first(user: UserId, cipher: Cipher, rows: Iterable[SnapshotRow]) -> Snapshot | None:
    for row in rows:
        what = f"snapshot {row.sequence_nr} of user {user!r}"
        try:
            state = _codec.open(cipher, row.state, context_of(user, row.sequence_nr), what)
        except StoredValueCorrupt:
            continue  # the events behind it are the truth; an older snapshot only takes longer
        return row.sequence_nr, state
    return None
