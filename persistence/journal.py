"""Journal of users: their events by number, encrypted, upcast when read, and which rows of them count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from domain.events import JournalEvent
from domain.identifiers import UserId
from persistence.blobs import BlobCodec, Upcaster, context_of
from persistence.keys import Cipher
from persistence.ports import Delete, Insert, Mutation, Slice, Store, Then
from persistence.schema import Key, Timestamp
from persistence.tables import JOURNAL, JournalRow

PARTITION_EVENTS = 10_000  # events per partition: about 2 MB
TAIL_ROWS_MAX = 512  # per user that many are read together; a longer tail is read on its own
TAIL_ROUNDING = 32  # tails begin at multiples of it, so that those of many users share a query
_DELETED_NR = 0  # below every event: its row says up to which number events were deleted

EVENT_UPCASTERS: dict[int, Upcaster] = {}

_codec: BlobCodec[JournalEvent] = BlobCodec(JournalEvent, EVENT_UPCASTERS)

Numbered = tuple[int, JournalEvent]


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
    ) -> list[Mutation]:
        """The mutations that append `events` as numbers `first_nr`, `first_nr` + 1, ...

        None is ever durable before its predecessor, also where they are in different partitions.
        """
        entries: list[Mutation] = []
        for number, event in enumerate(events, start=first_nr):
            blob = _codec.seal(cipher, event, context_of(user, number))
            partition_nr = _partition_of(number)
            if partition_nr != _partition_of(number - 1) and number > 1:
                entries.append(Then())
            row = JournalRow(user, partition_nr, number, writer_epoch, Timestamp(now_ms), blob)
            entries.append(Insert(JOURNAL, row))
        return entries

    def replay(
        self,
        user: UserId,
        cipher: Cipher,
        *,
        lower: int = 1,
        upper: int | None = None,
        limit: int | None = None,
    ) -> Iterator[Numbered]:
        """Events with numbers in [lower, upper], both inclusive, in order, at most `limit`.

        Of rows with one number the highest epoch counts; rows of an epoch below one already seen at a lower
        number were written by an owner that had lost its lease, and are dropped. `lower` must follow a number
        that counts, as a snapshot's does.
        Raises StoredValueCorrupt naming the row.
        """
        for count, row in enumerate(self._valid_rows(user, lower, upper)):
            if limit is not None and count >= limit:
                return
            yield row.sequence_nr, _opened(user, cipher, row)

    def tails(self, after: Mapping[UserId, tuple[Cipher, int]]) -> dict[UserId, Iterator[Numbered]]:
        """For each user the events after a number that counts, or after 0; what `replay` gives, for many.

        The rows are read now, together; they are opened, and a longer tail is read, when iterated.
        """
        slices = [
            Slice((user, _partition_of(number)), (number - number % TAIL_ROUNDING,))
            for user, (_, number) in after.items()
        ]
        found = self._store.read_many(JOURNAL, slices, limit=TAIL_ROWS_MAX)
        return {
            user: self._tail(user, cipher, number, rows)
            for (user, (cipher, number)), rows in zip(after.items(), found, strict=True)
        }

    def _tail(
        self, user: UserId, cipher: Cipher, number: int, rows: Sequence[JournalRow]
    ) -> Iterator[Numbered]:
        """The events of `rows` after `number`, if these are all there are and none was deleted."""
        partition_ends = bool(rows) and _partition_of(rows[-1].sequence_nr + 1) > rows[-1].partition_nr
        was_deleted = bool(rows) and rows[0].sequence_nr == _DELETED_NR
        at_number = max((row.writer_epoch for row in rows if row.sequence_nr == number), default=None)
        is_anchored = number == 0 or at_number is not None
        if len(rows) == TAIL_ROWS_MAX or partition_ends or was_deleted or not is_anchored:
            return self.replay(user, cipher, lower=number + 1)
        new = (row for row in rows if row.sequence_nr > number)
        return ((row.sequence_nr, _opened(user, cipher, row)) for row in _counting(new, at_number or 0))

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
        self._store.write([Insert(JOURNAL, mark), Then(), *deletes])

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
        yield from _counting(self._rows(user, lower, upper), epoch_seen)

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


def _counting(rows: Iterable[JournalRow], epoch_seen: int) -> Iterator[JournalRow]:
    """Of `rows` in order, those that count, after one of epoch `epoch_seen`."""
    pending: JournalRow | None = None
    for row in rows:
        if pending is not None and row.sequence_nr != pending.sequence_nr:
            epoch_seen = pending.writer_epoch
            yield pending
            pending = None
        if row.writer_epoch >= epoch_seen:
            pending = row  # epochs ascend within a number: the last one is the highest
    if pending is not None:
        yield pending


def _opened(user: UserId, cipher: Cipher, row: JournalRow) -> JournalEvent:
    what = f"event {row.sequence_nr} (epoch {row.writer_epoch}) of user {user!r}"
    return _codec.open(cipher, row.event, context_of(user, row.sequence_nr), what)


def _partition_of(sequence_nr: int) -> int:
    """0 begins with number 0, which no event has, so that it is where the first events are."""
    return max(0, sequence_nr - 1) // PARTITION_EVENTS
