"""What is found of a user: the state that it leads to, or what is wrong, for whoever has to mend it."""

from __future__ import annotations

from dataclasses import dataclass

from domain.errors import NotOwner, StoredValueCorrupt
from domain.events import JournalEvent, SessionDeleted
from domain.identifiers import UserId
from domain.user import User, evolve, shared
from persistence.arrivals import arrival
from persistence.journal import Tail
from persistence.keys import Cipher
from persistence.ports import Mutation
from persistence.projections import project
from persistence.snapshots import Snapshot
from persistence.tables import JournalRow


@dataclass(frozen=True)
class History:
    """What is stored of a user: the newest snapshot, and the events after it."""

    cipher: Cipher
    snapshot: Snapshot | None
    tail: Tail


@dataclass(frozen=True)
class Replayed:
    """The `state` after event `sequence_nr`. `last_row` is that event's, None if its writer goes on.

    `owed` are events with the states before them whose changes may not all have been written: a deletion's
    come after it, and what follows it may touch the same rows.
    """

    state: User
    sequence_nr: int
    last_row: JournalRow | None
    last_epoch: int
    owed: tuple[tuple[User, JournalEvent], ...]


def replayed(user: UserId, history: History, writer_epoch: int) -> Replayed:
    """Where a writer of that epoch goes on; raises StoredValueCorrupt, and NotOwner if a later one wrote."""
    sequence_nr, state = history.snapshot or (0, User())
    state, row = shared(state), history.tail.anchor
    owed: list[tuple[User, JournalEvent]] = []
    for row, event in history.tail.events:
        if row.sequence_nr != sequence_nr + 1:
            raise _missing(user, sequence_nr + 1, row.sequence_nr - 1)
        if owed or isinstance(event, SessionDeleted):
            owed.append((state, event))
        sequence_nr, state = row.sequence_nr, evolve(state, event)
    last_epoch = 0 if row is None else row.writer_epoch
    if last_epoch > writer_epoch:
        raise _superseded(user, last_epoch, writer_epoch)
    return Replayed(state, sequence_nr, None if last_epoch == writer_epoch else row, last_epoch, tuple(owed))


def changes_of(user: UserId, before: User, event: JournalEvent, now_ms: int) -> list[Mutation]:
    """What an event does to rows; the night is told of a session that is gone, to cut it anew."""
    changes: list[Mutation] = [*project(user, before, event)]
    if isinstance(event, SessionDeleted):
        changes.append(arrival(user, event.session, event.streams, now_ms))
    return changes


def _superseded(user: UserId, last_epoch: int, writer_epoch: int) -> NotOwner:
    """What this writer added would not count beside what is there."""
    return NotOwner(
        f"the journal of user {user!r} was written under epoch {last_epoch}, "
        f"this node has epoch {writer_epoch}",
        expected="an epoch above those of all writers before",
        remedy="another node serves the user; if none does, muvr_keys is older than the journal: "
        "restore both from one backup",
    )


def _missing(user: UserId, first_nr: int, last_nr: int) -> StoredValueCorrupt:
    return StoredValueCorrupt(
        f"events {first_nr} to {last_nr} of user {user!r} are missing",
        remedy="restore the journal from a backup",
    )
