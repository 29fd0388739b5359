"""Pure: the rows that a user's events lead to, and how the rows that are stored differ from them.

Events that were deleted explain nothing any more. Then a snapshot says what state the others follow, and the
rows of sessions that were opened before it are kept as they are. Sensor rows are the truth themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from domain.errors import MuvrError, StoredValueCorrupt
from domain.events import JournalEvent, SessionDeleted, SessionEvent, SessionOpened
from domain.identifiers import UserId
from domain.user import evolve
from persistence.exercise_tables import CONTRIBUTED_EXERCISE
from persistence.keys import Cipher
from persistence.ports import Delete, Insert, Mutation
from persistence.profile_tables import PROFILE_TABLES
from persistence.projections import project
from persistence.schema import Key, Table
from persistence.snapshots import Snapshot
from persistence.tables import (
    LABEL,
    SESSION_BY_USER,
    SET_BY_SESSION,
    SUGGESTION_BY_SESSION,
    USER_BY_SHARD,
    JournalRow,
)

BY_SESSION: dict[Table[Any], str] = {  # to the column that says when
    SET_BY_SESSION: "start_at",
    SUGGESTION_BY_SESSION: "suggested_at",
    LABEL: "start_at",
}
BY_USER: tuple[Table[Any], ...] = (SESSION_BY_USER, *PROFILE_TABLES, CONTRIBUTED_EXERCISE)
READ_MODELS: tuple[Table[Any], ...] = (*BY_USER, *BY_SESSION, USER_BY_SHARD)

RowKey = tuple[Any, ...]  # the table's name and the row's key
Rows = dict[RowKey, tuple[Table[Any], NamedTuple]]


@dataclass(frozen=True)
class Difference:
    """A row that is not as the events have it.

    `stored` is None if the row is missing, `right` if no event explains it.
    """

    table: Table[Any]
    stored: NamedTuple | None
    right: NamedTuple | None

    @property
    def kind(self) -> str:
        if self.stored is None:
            return "missing"
        return "unexplained" if self.right is None else "different"

    @property
    def mutation(self) -> Mutation:
        """What makes it right."""
        if self.right is not None:
            return Insert(self.table, self.right)
        assert self.stored is not None
        *_, partition, clustering = keys_of(self.table, self.stored)
        return Delete(self.table, partition, clustering, clustering)

    @property
    def mark(self) -> int:
        """Equal for equal differences."""
        return hash((self.table.name, repr(self.stored), repr(self.right)))


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a user: compared, perhaps mended, or the `problem` why not.

    `kept` rows could not be judged, as the events behind them were deleted.
    """

    user: UserId
    events: int = 0
    rows: int = 0
    kept: int = 0
    differences: tuple[Difference, ...] = ()
    is_mended: bool = False
    problem: MuvrError | None = None


@dataclass
class Expected:
    """What the events of a user lead to. `opened_ms` has the sessions that were opened by them,
    `deleted` those that were deleted."""

    user: UserId
    cipher: Cipher
    start_nr: int  # of the event before the first that was projected; 0 if that is event 1
    last_nr: int
    last_epoch: int | None
    rows: Rows = field(default_factory=dict)
    sessions: set[str] = field(default_factory=set)
    opened_ms: dict[str, int] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)


def projected(
    user: UserId,
    cipher: Cipher,
    start: Snapshot,
    anchor: JournalRow | None,
    events: Iterable[tuple[JournalRow, JournalEvent]],
) -> Expected:
    number, state = start
    epoch = anchor.writer_epoch if anchor is not None else None
    expected = Expected(user, cipher, number, number, epoch)
    for row, event in events:
        check_follows(user, expected.last_nr, row.sequence_nr)
        if isinstance(event, SessionEvent | SessionDeleted):
            expected.sessions.add(event.session)
        if isinstance(event, SessionDeleted):
            expected.deleted.add(event.session)
        if isinstance(event, SessionOpened):
            expected.opened_ms.setdefault(event.session, event.at_ms)
        for change in project(user, state, event):
            apply(change, expected.rows)
        state = evolve(state, event)
        expected.last_nr, expected.last_epoch = row.sequence_nr, row.writer_epoch
    return expected


def apply(change: Insert | Delete, rows: Rows) -> None:
    """Do with `rows` what a store does with its own; a projection deletes a row, or a partition."""
    if isinstance(change, Insert):
        rows[keys_of(change.table, change.row)[0]] = change.table, change.row
    elif change.lower:
        rows.pop((change.table.name, *change.partition, *change.lower), None)
    else:
        partition = (change.table.name, *change.partition)
        for key in [key for key in rows if key[: len(partition)] == partition]:
            del rows[key]


def compare(expected: Expected, stored: Rows) -> Outcome:
    differences = [
        Difference(table, stored[key][1] if key in stored else None, row)
        for key, (table, row) in expected.rows.items()
        if key not in stored or stored[key][1] != row
    ]
    others = [(table, row) for key, (table, row) in stored.items() if key not in expected.rows]
    judged = [(table, row) for table, row in others if _would_be_known(expected, table, row)]
    differences += [Difference(table, row, None) for table, row in judged]
    return Outcome(
        user=expected.user,
        events=expected.last_nr - expected.start_nr,
        rows=len(stored),
        kept=len(others) - len(judged),
        differences=tuple(differences),
    )


def _would_be_known(expected: Expected, table: Table[Any], row: Any) -> bool:
    """Whether the event behind the row, if there was one, is among those that were not deleted."""
    if expected.start_nr == 0:
        return True
    if getattr(row, "session_id", None) in expected.deleted:
        return True
    if table not in BY_SESSION:
        return False
    opened_ms = expected.opened_ms.get(row.session_id)
    return opened_ms is not None and getattr(row, BY_SESSION[table]) >= opened_ms


def keys_of(table: Table[Any], row: NamedTuple) -> tuple[RowKey, Key, Key]:
    """The row's key in all tables, that of its partition and that within it."""
    key = tuple(getattr(row, name) for name in table.key)
    width = len(table.partition)
    return (table.name, *key), key[:width], key[width:]


def check_follows(user: UserId, before_nr: int, number: int) -> None:
    if number != before_nr + 1:
        raise StoredValueCorrupt(
            f"events {before_nr + 1} to {number - 1} of user {user!r} are missing",
            remedy="restore the journal from a backup",
        )
