"""Snapshots fall back to older ones; data keys are made once, and destroyed for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from domain.errors import StoredValueCorrupt
from domain.events import SessionClosed
from domain.identifiers import SessionId, UserId
from domain.user import User, positioned
from persistence.journal import Journal, SnapshotStore
from persistence.keys import Cipher, DataKeyStore
from persistence.ports import Insert, Store
from persistence.tables import JOURNAL, SNAPSHOT, SnapshotRow
from tests.domain.test_user import OPEN, SESSION, after
from tests.persistence.conftest import MASTER_KEY

ADA, BOB = UserId("ada"), UserId("bob")


def state(number: int) -> User:
    return positioned(after(OPEN), SESSION, OPEN.streams[0].stream, number)


@pytest.fixture
def snapshots(store: Store, cipher: Cipher) -> SnapshotStore:
    """Snapshots of Ada's after events 1, 5 and 9."""
    made = SnapshotStore(store)
    for number in (1, 5, 9):
        made.save(ADA, cipher, number, state(number), now_ms=number)
    return made


def damage(store: Store, number: int, change: Callable[[SnapshotRow], SnapshotRow]) -> None:
    (row,) = store.read(SNAPSHOT, (ADA,), lower=(number,), upper=(number,))
    store.write([Insert(SNAPSHOT, change(row))])


def test_the_newest_snapshot_is_found(snapshots: SnapshotStore, cipher: Cipher) -> None:
    assert snapshots.newest(ADA, cipher) == (9, state(9))
    assert snapshots.newest(BOB, cipher) is None


@pytest.mark.parametrize(("at_most", "expected"), [(9, 9), (8, 5), (5, 5), (4, None), (0, None)])
def test_a_snapshot_at_or_below_a_number_is_found(
    snapshots: SnapshotStore, cipher: Cipher, at_most: int, expected: int | None
) -> None:
    found = snapshots.newest(ADA, cipher, at_most=at_most)
    assert (found and found[0]) == expected


def test_two_snapshots_are_kept(snapshots: SnapshotStore, store: Store, cipher: Cipher) -> None:
    assert [row.sequence_nr for row in store.read(SNAPSHOT, (ADA,))] == [9, 5]
    snapshots.save(ADA, cipher, 9, state(10), now_ms=10)
    assert [row.sequence_nr for row in store.read(SNAPSHOT, (ADA,))] == [9, 5]
    assert snapshots.newest(ADA, cipher) == (9, state(10))


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row._replace(state=b""),
        lambda row: row._replace(state=row.state[:-1]),
        lambda row: row._replace(state=row.state[:20] + bytes([row.state[20] ^ 1]) + row.state[21:]),
        lambda row: row._replace(state=bytes([99]) + row.state[1:]),
    ],
)
def test_a_corrupt_snapshot_is_passed_over(
    snapshots: SnapshotStore, store: Store, cipher: Cipher, change: Callable[[SnapshotRow], SnapshotRow]
) -> None:
    damage(store, 9, change)
    assert snapshots.newest(ADA, cipher) == (5, state(5))
    damage(store, 5, change)
    assert snapshots.newest(ADA, cipher) is None


def test_a_snapshot_moved_to_another_row_is_passed_over(
    snapshots: SnapshotStore, store: Store, cipher: Cipher
) -> None:
    damage(store, 9, lambda row: row._replace(sequence_nr=12))
    assert snapshots.newest(ADA, cipher) == (9, state(9))


def test_an_event_moved_into_a_snapshot_is_passed_over(
    snapshots: SnapshotStore, store: Store, cipher: Cipher
) -> None:
    event = SessionClosed(session=SessionId("s"), command_nr=1, at_ms=1)
    (entry,) = Journal.entries(ADA, cipher, [event], first_nr=9, writer_epoch=0, now_ms=0)
    damage(store, 9, lambda row: row._replace(state=entry.row.event))  # type: ignore[attr-defined]
    assert snapshots.newest(ADA, cipher) == (5, state(5))


def test_a_key_is_made_once(keys: DataKeyStore, store: Store) -> None:
    blob = keys.cipher_of(ADA).seal(b"plain", b"row")
    assert keys.cipher_of(ADA).open(blob, b"row") == b"plain"
    assert DataKeyStore(store, MASTER_KEY).cipher_of(ADA).open(blob, b"row") == b"plain"


def test_another_master_key_is_told(keys: DataKeyStore, store: Store) -> None:
    keys.cipher_of(ADA)
    with pytest.raises(StoredValueCorrupt, match="master key"):
        DataKeyStore(store, bytes(32)).cipher_of(ADA)


def test_of_racing_creators_one_key_counts(store: Store) -> None:
    barrier = threading.Barrier(4)

    def race(_: int) -> bytes:
        barrier.wait()
        return DataKeyStore(store, MASTER_KEY).cipher_of(ADA).seal(b"plain", b"row")

    with ThreadPoolExecutor(4) as pool:
        blobs = list(pool.map(race, range(4)))
    cipher = DataKeyStore(store, MASTER_KEY).cipher_of(ADA)
    assert [cipher.open(blob, b"row") for blob in blobs] == [b"plain"] * 4


def test_a_destroyed_key_makes_journal_and_snapshots_unreadable(
    keys: DataKeyStore, store: Store, snapshots: SnapshotStore, cipher: Cipher
) -> None:
    event = SessionClosed(session=SessionId("s"), command_nr=1, at_ms=1)
    store.write(Journal.entries(ADA, cipher, [event], first_nr=1, writer_epoch=0, now_ms=0))
    keys.destroy(ADA)
    with pytest.raises(StoredValueCorrupt, match="another key"):
        list(Journal(store).replay(ADA, keys.cipher_of(ADA)))
    assert snapshots.newest(ADA, keys.cipher_of(ADA)) is None
    assert len(list(store.scan(JOURNAL))) == 1
