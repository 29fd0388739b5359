"""Journal of users: their events by number, encrypted, upcast when read, and which rows of them count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from domain.events import JournalEvent
from domain.identifiers import UserId
from persistence.blobs import BlobCodec, Upcaster, as_it_is, context_of
from persistence.chain import counting
from persistence.keys import Cipher
from persistence.ports import Delete, Insert, Mutation, Slice, Store, Then
from persistence.schema import Key, Timestamp
from persistence.tables import JOURNAL, JournalRow

PARTITION_EVENTS = 10_000  # events per partition: about 2 MB
TAIL_ROWS_MAX = 512  # per user that many are read together; a longer tail is read on its own
TAIL_ROUNDING = 32  # tails begin at multiples of it, so that those of many users share a query
_DELETED_NR = 0  # below every event: its row says up to which number events were deleted


def _from_version_1(event: list[Any]) -> list[Any]:
    """A suggestion was taken or not; what follows in version 2 has defaults."""
    if event[0] != "answered":
        return event
    tag, session, suggested_ms, taken = event
    return [tag, session, suggested_ms, "taken" if taken else "refused"]


EVENT_UPCASTERS: dict[int, Upcaster] = {1: _from_version_1, 2: as_it_is, 3: as_it_is, 4: as_it_is}

_codec: BlobCodec[JournalEvent] = BlobCodec(JournalEvent, EVENT_UPCASTERS)

Numbered = tuple[int, JournalEvent]


class Tail(NamedTuple):
    """The events after a number, and the row of the number itself, if there is one."""

    anchor: JournalRow | None
    events: Iterator[tuple[JournalRow, JournalEvent]]


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
        previous_epoch: int | None,
        now_ms: int,
    ) -> list[Mutation]:
        """The mutations that append `events` as numbers `first_nr`, `first_nr` + 1, ...

        `previous_epoch` is that of event `first_nr` - 1, 0 if there is none. No event is durable before its
        predecessor, also where they are in different partitions.
        """
        entries: list[Mutation] = []
        for number, event in enumerate(events, start=first_nr):
            blob = _codec.seal(cipher, event, context_of(user, number))
            partition_nr, index = divmod(number - 1, PARTITION_EVENTS)
            if index == 0 and partition_nr:
                entries.append(Then())
            at = Timestamp(now_ms)
            row = JournalRow(user, partition_nr, number, writer_epoch, at, blob, previous_epoch)
            entries.append(Insert(JOURNAL, row))
            previous_epoch = writer_epoch
        return entries

    @staticmethod
    def pin(row: JournalRow, writer_epoch: int) -> Insert:
        """The mutation that writes the last event found again, so that nothing late can replace it."""
        return Insert(JOURNAL, row._replace(writer_epoch=writer_epoch))

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

        Rows of owners that had lost their lease are dropped, see persistence/chain.py. `lower` must follow a
        number that counts, as a snapshot's does. Raises StoredValueCorrupt naming the row.
        """
        for count, (row, event) in enumerate(self.rows(user, cipher, lower=lower, upper=upper)):
            if limit is not None and count >= limit:
                return
            yield row.sequence_nr, event

    def rows(
        self, user: UserId, cipher: Cipher, *, lower: int = 1, upper: int | None = None
    ) -> Iterator[tuple[JournalRow, JournalEvent]]:
        """As `replay`, with the rows."""
        return _all_opened(user, cipher, self._valid_rows(user, lower, upper))

    def tails(self, after: Mapping[UserId, tuple[Cipher, int]]) -> dict[UserId, Tail]:
        """For each user the events after a number that counts, or after 0; as `replay`, but for many.

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

    def _tail(self, user: UserId, cipher: Cipher, number: int, rows: Sequence[JournalRow]) -> Tail:
        """From `rows`, if these are all there are and none was deleted."""
        partition_ends = bool(rows) and _partition_of(rows[-1].sequence_nr + 1) > rows[-1].partition_nr
        was_deleted = bool(rows) and rows[0].sequence_nr == _DELETED_NR
        at_number = [row for row in rows if row.sequence_nr == number]  # the highest epoch last
        is_anchored = number == 0 or bool(at_number)
        if len(rows) == TAIL_ROWS_MAX or partition_ends or was_deleted or not is_anchored:
            counted = self._valid_rows(user, number + 1, None)
            return Tail(self._at(user, number), _all_opened(user, cipher, counted))
        anchor = at_number[-1] if at_number else None
        new = (row for row in rows if row.sequence_nr > number)
        counted = counting(new, anchor.writer_epoch if anchor is not None else 0)
        return Tail(anchor, _all_opened(user, cipher, counted))

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
        partitions = range(_partition_of(deleted + 1), _partition_of(number) + 1)
        deletes = [
            Delete(JOURNAL, (user, nr), lower=(_DELETED_NR + 1,), upper=(number,)) for nr in partitions
        ]
        self._store.write([deletion_mark(user, number, epoch), Then(), *deletes])

    def deleted_nr(self, user: UserId) -> int:
        """Up to which number events were deleted; 0 if none were."""
        return self._deleted(user)[0]

    def _deleted(self, user: UserId) -> tuple[int, int]:
        """The highest deleted number and its epoch, or zeros."""
        mark = self._last(user, 0, upper=(_DELETED_NR,))
        return (int(mark.event), mark.writer_epoch) if mark is not None else (0, 0)

    def _at(self, user: UserId, number: int) -> JournalRow | None:
        """The row of the highest epoch of that number."""
        if number == 0:
            return None
        return self._last(user, _partition_of(number), lower=(number,), upper=(number,))

    def _epoch_at(self, user: UserId, number: int) -> int:
        row = self._at(user, number)
        return row.writer_epoch if row is not None else 0

    def _last(self, user: UserId, partition_nr: int, **bounds: Key) -> JournalRow | None:
        rows = self._store.read(JOURNAL, (user, partition_nr), **bounds, backwards=True, limit=1)
        return next(rows, None)

    def _valid_rows(self, user: UserId, lower: int, upper: int | None) -> Iterator[JournalRow]:
        deleted, epoch_seen = self._deleted(user)
        lower = max(lower, deleted + 1)
        if lower > deleted + 1:
            epoch_seen = max(epoch_seen, self._epoch_at(user, lower - 1))
        yield from counting(self._rows(user, lower, upper), epoch_seen)

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


def opened_event(user: UserId, cipher: Cipher, row: JournalRow) -> JournalEvent:
    """What a row says; raises StoredValueCorrupt that names it."""
    number = row.sequence_nr
    what = "event %d (epoch %d) of user %r"
    return _codec.open(cipher, row.event, context_of(user, number), what, number, row.writer_epoch, user)


def deletion_mark(user: UserId, number: int, epoch: int) -> Insert:
    """What says that the events up to `number`, which was written under `epoch`, were deleted."""
    mark = JournalRow(user, 0, _DELETED_NR, epoch, Timestamp(0), str(number).encode(), None)
    return Insert(JOURNAL, mark)


def _all_opened(
    user: UserId, cipher: Cipher, rows: Iterable[JournalRow]
) -> Iterator[tuple[JournalRow, JournalEvent]]:
    return ((row, opened_event(user, cipher, row)) for row in rows)


def _partition_of(sequence_nr: int) -> int:
    """0 begins with number 0, which no event has, so that it is where the first events are."""
    return max(0, sequence_nr - 1) // PARTITION_EVENTS
