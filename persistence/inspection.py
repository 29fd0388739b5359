"""Everything that is stored of one user's truth, row by row: what can be read, what not, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from domain.errors import StoredValueCorrupt
from domain.events import JournalEvent
from domain.identifiers import UserId
from domain.user import User
from persistence.blobs import BlobCodec, context_of
from persistence.chain import counting
from persistence.journal import EVENT_UPCASTERS, Journal
from persistence.keys import Cipher, DataKeyStore
from persistence.ports import Store
from persistence.rebuild import lost_key
from persistence.schema import Table, Value
from persistence.snapshots import STATE_UPCASTERS
from persistence.tables import DATA_KEY, JOURNAL, SNAPSHOT, JournalRow

_events: BlobCodec[JournalEvent] = BlobCodec(JournalEvent, EVENT_UPCASTERS)
_states: BlobCodec[User] = BlobCodec(User, STATE_UPCASTERS)

EMPTY_PARTITIONS = 3  # one after the other, behind which no other is looked for

_DELETE_SNAPSHOT = "delete the row: the events are the truth, and a snapshot only spares reading them"
_KEEP_SNAPSHOT = "restore the row from a backup: the events before it were deleted"
_RESTORE_EVENT = "restore the row from a backup; the user is refused until then"
_STALE_EVENT = "nothing need be done: an owner that had lost its lease wrote it, and it does not count"


@dataclass(frozen=True)
class Fault:
    """`select` shows the row to whoever looks for it with cqlsh, or with sqlite3 in the keyspace's file."""

    wrong: str
    remedy: str
    select: str
    is_harmless: bool = False


@dataclass
class Inspection:
    user: UserId
    faults: list[Fault]
    key_opens: bool = False
    snapshot_nrs: tuple[int, ...] = ()  # of those that can be read
    journal_rows: int = 0
    counting_rows: int = 0
    epochs: tuple[int, ...] = ()
    deleted_nr: int = 0
    highest_nr: int = 0

    @property
    def is_sound(self) -> bool:
        return all(fault.is_harmless for fault in self.faults)


def inspect(store: Store, keys: DataKeyStore, user: UserId) -> Inspection:
    """Reads all of the user's journal and snapshots, and writes nothing."""
    found = Inspection(user, [])
    cipher = _cipher(store, keys, found)
    found.deleted_nr = Journal(store).deleted_nr(user)
    rows = [row for row in _journal_rows(store, user) if row.sequence_nr > 0]
    found.journal_rows = len(rows)
    found.epochs = tuple(sorted({row.writer_epoch for row in rows}))
    found.highest_nr = max((row.sequence_nr for row in rows), default=found.deleted_nr)
    counted = _counting(rows, found)
    found.counting_rows = len(counted)
    _find_gaps(counted, found)
    if cipher is not None:
        _open_events(cipher, rows, counted, found)
        _open_snapshots(store, cipher, found)
    return found


def select_of(table: Table[Any], row: NamedTuple) -> str:
    """The row's primary key, as CQL and SQL have it."""
    return _select(table, {name: getattr(row, name) for name in table.key})


def _select(table: Table[Any], key: dict[str, Value]) -> str:
    where = " AND ".join(f"{name}={_literal(value)}" for name, value in key.items())
    return f"SELECT * FROM {table.name} WHERE {where}"


def _literal(value: Value) -> str:
    return "'{}'".format(value.replace("'", "''")) if isinstance(value, str) else str(value)


def _cipher(store: Store, keys: DataKeyStore, found: Inspection) -> Cipher | None:
    """DataKeyStore would make a key for who has none."""
    select = _select(DATA_KEY, {"user_id": found.user})
    try:
        if next(store.read(DATA_KEY, (found.user,)), None) is None:
            raise lost_key(found.user)
        cipher = keys.cipher_of(found.user)
    except StoredValueCorrupt as error:
        found.faults.append(Fault(error.wrong, error.remedy, select))
        return None
    found.key_opens = True
    return cipher


def _journal_rows(store: Store, user: UserId) -> Iterator[JournalRow]:
    """All rows; a partition that was lost does not hide those behind it."""
    partition_nr, empty = 0, 0
    while empty < EMPTY_PARTITIONS:
        rows = store.read(JOURNAL, (user, partition_nr))
        empty += 1
        for row in rows:
            empty = 0
            yield row
        partition_nr += 1


def _counting(rows: list[JournalRow], found: Inspection) -> list[JournalRow]:
    try:
        return list(counting(rows, 0))
    except StoredValueCorrupt as error:
        found.faults.append(
            Fault(error.wrong, error.remedy, _select(JOURNAL, {"persistence_id": found.user}))
        )
        return rows


def _find_gaps(rows: list[JournalRow], found: Inspection) -> None:
    before_nr = found.deleted_nr
    for row in rows:
        if row.sequence_nr > before_nr + 1:
            wrong = f"events {before_nr + 1} to {row.sequence_nr - 1} are missing before this row"
            found.faults.append(Fault(wrong, "restore them from a backup", select_of(JOURNAL, row)))
        before_nr = row.sequence_nr


def _open_events(
    cipher: Cipher, rows: list[JournalRow], counted: list[JournalRow], found: Inspection
) -> None:
    marks = {(row.sequence_nr, row.writer_epoch) for row in counted}
    for row in rows:
        what = f"event {row.sequence_nr} (epoch {row.writer_epoch})"
        try:
            _events.open(cipher, row.event, context_of(found.user, row.sequence_nr), what)
        except StoredValueCorrupt as error:
            counts = (row.sequence_nr, row.writer_epoch) in marks
            remedy = (error.remedy if error.expected else _RESTORE_EVENT) if counts else _STALE_EVENT
            found.faults.append(Fault(error.wrong, remedy, select_of(JOURNAL, row), is_harmless=not counts))


def _open_snapshots(store: Store, cipher: Cipher, found: Inspection) -> None:
    readable: list[int] = []
    for row in store.read(SNAPSHOT, (found.user,)):
        what = f"snapshot {row.sequence_nr}"
        try:
            _states.open(cipher, row.state, context_of(found.user, row.sequence_nr), what)
            readable.append(row.sequence_nr)
        except StoredValueCorrupt as error:
            remedy = _KEEP_SNAPSHOT if found.deleted_nr else _DELETE_SNAPSHOT
            is_harmless = not found.deleted_nr
            found.faults.append(Fault(error.wrong, remedy, select_of(SNAPSHOT, row), is_harmless))
    found.snapshot_nrs = tuple(readable)
    if found.deleted_nr > max(readable, default=0):
        wrong = f"events 1 to {found.deleted_nr} were deleted, and no snapshot has what they led to"
        select = _select(SNAPSHOT, {"persistence_id": found.user})
        found.faults.append(Fault(wrong, "restore the user's snapshots from a backup", select))
