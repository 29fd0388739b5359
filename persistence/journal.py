"""Journal and snapshots of users: encrypted, versioned MessagePack, upcast when read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag

from domain.errors import StoredValueCorrupt
from domain.events import JournalEvent
from domain.identifiers import UserId
from domain.user import User
from persistence.keys import Cipher
from persistence.ports import Delete, Insert, Store
from persistence.schema import Key, Timestamp
from persistence.tables import JOURNAL, SNAPSHOT, JournalRow, SnapshotRow

PARTITION_EVENTS = 10_000  # events per partition: about 2 MB
SNAPSHOTS_KEPT = 2  # the newest, and one to fall back to
FORMAT_VERSION = 1
_DELETED_NR = 0  # below every event: its row says up to which number events were deleted

# From a format version to the next: (version, value as plain lists and maps) -> value of version + 1.
Upcaster = Callable[[Any], Any]
EVENT_UPCASTERS: dict[int, Upcaster] = {}
STATE_UPCASTERS: dict[int, Upcaster] = {}

ValueT = TypeVar("ValueT")

_encode = msgspec.msgpack.Encoder().encode
_decode_any = msgspec.msgpack.Decoder().decode
_decode_event = msgspec.msgpack.Decoder(JournalEvent).decode
_decode_state = msgspec.msgpack.Decoder(User).decode


class Journal:
    """The events of users by sequence number, from 1. One writer per user at a time, marked by its epoch."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @staticmethod
    def entries(
        user: UserId,
        cipher: Cipher,
        events: Sequence[JournalEvent],
        *,
        first_nr: int,
        writer_epoch: int,
        now_ms: int,
    ) -> list[Insert]:
        """The mutations that append `events` as numbers `first_nr`, `first_nr` + 1, ..."""
        return [
            Insert(
                JOURNAL,
                JournalRow(
                    user,
                    _partition_of(number),
                    number,
                    writer_epoch,
                    Timestamp(now_ms),
                    _seal(cipher, event, _context(user, number)),
                ),
            )
            for number, event in enumerate(events, start=first_nr)
        ]

    def replay(
        self,
        user: UserId,
        cipher: Cipher,
        *,
        lower: int = 1,
        upper: int | None = None,
        limit: int | None = None,
    ) -> Iterator[tuple[int, JournalEvent]]:
        """Events with numbers in [lower, upper], both inclusive, in order, at most `limit`.

        Of rows with one number the highest epoch counts; rows of an epoch below one already seen at a lower
        number were written by an owner that had lost its lease, and are dropped. `lower` must follow a number
        that counts, as a snapshot's does.
        Raises StoredValueCorrupt naming the row.
        """
        for count, row in enumerate(self._valid_rows(user, lower, upper)):
            if limit is not None and count >= limit:
                return
            what = f"event {row.sequence_nr} (epoch {row.writer_epoch}) of user {user!r}"
            context = _context(user, row.sequence_nr)
            yield (
                row.sequence_nr,
                _open(cipher, row.event, context, what, _decode_event, JournalEvent, EVENT_UPCASTERS),
            )

    def highest_nr(self, user: UserId, *, from_nr: int = 0) -> int:
        """The highest sequence number that is stored, or `from_nr` if none is above it."""
        highest = max(from_nr, self._deleted(user)[0])
        while True:
            row = self._last(user, _partition_of(highest + 1))
            if row is None or row.sequence_nr <= highest:
                return highest
            highest = row.sequence_nr

    def delete_up_to(self, user: UserId, number: int) -> None:
        """Delete the events with numbers up to `number`, inclusive, partition by partition.

        A row of number 0 remembers how far, so that no number is ever given twice.
        """
        deleted, _ = self._deleted(user)
        number = min(number, self.highest_nr(user))
        if number <= deleted:
            return
        epoch = self._epoch_at(user, number)
        mark = JournalRow(user, 0, _DELETED_NR, epoch, Timestamp(0), str(number).encode())
        partitions = range(_partition_of(deleted + 1), _partition_of(number) + 1)
        deletes = [
            Delete(JOURNAL, (user, nr), lower=(_DELETED_NR + 1,), upper=(number,)) for nr in partitions
        ]
        self._store.write([Insert(JOURNAL, mark), *deletes])

    def _deleted(self, user: UserId) -> tuple[int, int]:
        """The highest deleted number and its epoch, or zeros."""
        mark = self._last(user, 0, upper=(_DELETED_NR,))
        return (int(mark.event), mark.writer_epoch) if mark is not None else (0, 0)

    def _epoch_at(self, user: UserId, number: int) -> int:
        row = self._last(user, _partition_of(number), lower=(number,), upper=(number,))
        return row.writer_epoch if row is not None else 0

    def _last(self, user: UserId, partition_nr: int, **bounds: Key) -> JournalRow | None:
        rows = self._store.read(JOURNAL, (user, partition_nr), **bounds, backwards=True, limit=1)
        return next(rows, None)

    def _valid_rows(self, user: UserId, lower: int, upper: int | None) -> Iterator[JournalRow]:
        deleted, epoch_seen = self._deleted(user)
        lower = max(lower, deleted + 1)
        if lower > deleted + 1:
            epoch_seen = max(epoch_seen, self._epoch_at(user, lower - 1))
        pending: JournalRow | None = None
        for row in self._rows(user, lower, upper):
            if pending is not None and row.sequence_nr != pending.sequence_nr:
                epoch_seen = pending.writer_epoch
                yield pending
                pending = None
            if row.writer_epoch >= epoch_seen:
                pending = row  # epochs ascend within a number: the last one is the highest
        if pending is not None:
            yield pending

    def _rows(self, user: UserId, lower: int, upper: int | None) -> Iterator[JournalRow]:
        partition_nr = _partition_of(lower)
        while upper is None or partition_nr <= _partition_of(upper):
            found = False
            bounds: dict[str, Any] = {"lower": (lower,)} | ({"upper": (upper,)} if upper is not None else {})
            for row in self._store.read(JOURNAL, (user, partition_nr), **bounds):
                found = True
                yield row
            if not found:
                return
            partition_nr += 1


class SnapshotStore:
    """The state of users after an event's number, newest first."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def save(self, user: UserId, cipher: Cipher, sequence_nr: int, state: User, now_ms: int) -> None:
        """Store the state after event `sequence_nr`; all but the newest two are deleted."""
        blob = _seal(cipher, state, _context(user, sequence_nr))
        self._store.write([Insert(SNAPSHOT, SnapshotRow(user, sequence_nr, Timestamp(now_ms), blob))])
        rows = list(self._store.read(SNAPSHOT, (user,), limit=SNAPSHOTS_KEPT + 1))
        if len(rows) > SNAPSHOTS_KEPT:
            self._store.write([Delete(SNAPSHOT, (user,), upper=(rows[-1].sequence_nr,))])

    def newest(self, user: UserId, cipher: Cipher, *, at_most: int | None = None) -> tuple[int, User] | None:
        """The newest readable snapshot, at or below event `at_most`."""
        upper = () if at_most is None else (at_most,)
        for row in self._store.read(SNAPSHOT, (user,), upper=upper):
            what = f"snapshot {row.sequence_nr} of user {user!r}"
            context = _context(user, row.sequence_nr)
            try:
                state = _open(cipher, row.state, context, what, _decode_state, User, STATE_UPCASTERS)
            except StoredValueCorrupt:
                continue  # the events behind it are the truth; an older snapshot only takes longer
            return row.sequence_nr, state
        return None


def _partition_of(sequence_nr: int) -> int:
    return (sequence_nr - 1) // PARTITION_EVENTS


def _context(user: UserId, sequence_nr: int) -> bytes:
    return f"{user}/{sequence_nr}".encode()


def _seal(cipher: Cipher, value: JournalEvent | User, context: bytes) -> bytes:
    return bytes([FORMAT_VERSION]) + cipher.seal(_encode(value), context)


def _open(
    cipher: Cipher,
    blob: bytes,
    context: bytes,
    what: str,
    decode: Callable[[bytes], ValueT],
    kind: Any,
    upcasters: dict[int, Upcaster],
) -> ValueT:
    if not blob or blob[0] > FORMAT_VERSION:
        raise StoredValueCorrupt(
            f"{what} has format version {blob[0] if blob else 'none'}",
            expected=f"at most {FORMAT_VERSION}",
            remedy="a newer muvr wrote it: run that version",
        )
    try:
        plain = cipher.open(blob[1:], context)
        if blob[0] == FORMAT_VERSION:
            return decode(plain)
        value = _decode_any(plain)
        for version in range(blob[0], FORMAT_VERSION):
            value = upcasters[version](value)
        return msgspec.convert(value, kind)  # type: ignore[no-any-return]
    except InvalidTag:
        raise StoredValueCorrupt(
            f"{what} was altered or sealed under another key",
            remedy="restore the row, or the user's data key, from a backup",
        ) from None
    except (msgspec.MsgspecError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise StoredValueCorrupt(
            f"{what} cannot be decoded ({error})", remedy="restore the row from a backup"
        ) from error
