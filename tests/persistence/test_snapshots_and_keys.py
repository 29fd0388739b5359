"""Snapshots fall back to older ones; data keys are made once, and destroyed for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from domain.errors import StoredValueCorrupt
from domain.events import SessionClosed
from domain.identifiers import DeviceId, SessionId, UserId
from domain.user import User, positioned
from persistence.journal import Journal
from persistence.keys import Cipher, DataKeyStore
from persistence.ports import Insert, Store
from persistence.snapshots import SnapshotStore
from persistence.tables import JOURNAL, SNAPSHOT, SnapshotRow
from tests.domain.test_user import OPEN, SESSION, after
from tests.persistence.conftest import MASTER_KEY

ADA, BOB = UserId("ada"), UserId("bob")


def state(number: int) -> User:
    return positioned(after(OPEN), SESSION, OPEN.streams[0].stream, number)


@pytest.fixture
def snapshots(store: Store, cipher: Cipher) -> SnapshotStore:
    """Snapshots of Ada's after events 1, 5 and 9."""
    for number, previous_nr in ((1, 0), (5, 1), (9, 5)):
        save(store, cipher, number, state(number), previous_nr)
    return SnapshotStore(store)


def save(store: Store, cipher: Cipher, number: int, state: User, previous_nr: int) -> None:
    """At the time that is its number."""
    store.write(SnapshotStore.entries(ADA, cipher, number, state, number, previous_nr=previous_nr))


def damage(store: Store, number: int, change: Callable[[SnapshotRow], SnapshotRow]) -> None:
    (row,) = store.read(SNAPSHOT, (ADA,), lower=(number,), upper=(number,))
    store.write([Insert(SNAPSHOT, change(row))])


class TestSnapshots:
    """What Akka's persistence TCK asks of a snapshot store, by the same names."""

    def test_not_load_a_snapshot_given_an_unknown_persistence_id(
        self, snapshots: SnapshotStore, cipher: Cipher
    ) -> None:
        assert snapshots.newest(BOB, cipher) is None

    def test_load_the_most_recent_snapshot(self, snapshots: SnapshotStore, cipher: Cipher) -> None:
        assert snapshots.newest(ADA, cipher) == (9, state(9))

    def test_load_the_most_recent_snapshot_matching_an_upper_sequence_number_bound(
        self, snapshots: SnapshotStore, cipher: Cipher
    ) -> None:
        assert snapshots.newest(ADA, cipher, at_most=8) == (5, state(5))
        assert snapshots.newest(ADA, cipher, at_most=4) is None

    def test_load_the_most_recent_snapshot_matching_upper_sequence_number_and_timestamp_bounds(
        self, snapshots: SnapshotStore, cipher: Cipher
    ) -> None:
        assert snapshots.newest(ADA, cipher, at_most=9, until_ms=8) == (5, state(5))
        assert snapshots.newest(ADA, cipher, until_ms=8) == (5, state(5))
        assert snapshots.newest(ADA, cipher, at_most=8, until_ms=4) is None

    def test_delete_a_single_snapshot_identified_by_its_sequence_number(
        self, snapshots: SnapshotStore, cipher: Cipher
    ) -> None:
        snapshots.delete(ADA, 9)
        assert snapshots.newest(ADA, cipher) == (5, state(5))
        snapshots.delete(ADA, 7)
        assert snapshots.newest(ADA, cipher) == (5, state(5))

    @pytest.mark.parametrize(
        ("number", "until_ms", "left"),
        [(5, None, 9), (9, 5, 9), (9, None, None), (9, 9, None), (4, 9, 9), (9, 4, 9)],
    )
    def test_delete_all_snapshots_matching_upper_sequence_number_and_timestamp_bounds(
        self, snapshots: SnapshotStore, cipher: Cipher, number: int, until_ms: int | None, left: int | None
    ) -> None:
        snapshots.delete_up_to(ADA, number, until_ms=until_ms)
        found = snapshots.newest(ADA, cipher)
        assert (found and found[0]) == left

    def test_not_delete_snapshots_with_non_matching_bounds(
        self, snapshots: SnapshotStore, store: Store
    ) -> None:
        snapshots.delete_up_to(ADA, 9, until_ms=0)
        assert [row.sequence_nr for row in store.read(SNAPSHOT, (ADA,))] == [9, 5]

    def test_save_and_overwrite_a_snapshot_with_the_same_sequence_number(
        self, snapshots: SnapshotStore, store: Store, cipher: Cipher
    ) -> None:
        save(store, cipher, 9, state(77), previous_nr=5)
        assert snapshots.newest(ADA, cipher) == (9, state(77))

    def test_save_bigger_size_snapshots(self, snapshots: SnapshotStore, store: Store, cipher: Cipher) -> None:
        big = state(1)
        session = msgspec.structs.replace(big.sessions[SESSION], device=DeviceId("d" * 1_000_000))
        big = msgspec.structs.replace(big, sessions={SESSION: session})
        save(store, cipher, 10, big, previous_nr=9)
        assert snapshots.newest(ADA, cipher) == (10, big)


def test_the_newest_of_many_users_is_found(snapshots: SnapshotStore, cipher: Cipher) -> None:
    assert snapshots.newest_of({ADA: cipher, BOB: cipher}) == {ADA: (9, state(9)), BOB: None}


def test_two_snapshots_are_kept(snapshots: SnapshotStore, store: Store, cipher: Cipher) -> None:
    assert [row.sequence_nr for row in store.read(SNAPSHOT, (ADA,))] == [9, 5]
    save(store, cipher, 9, state(10), previous_nr=9)
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
    (entry,) = Journal.entries(
        ADA, cipher, [event], first_nr=9, writer_epoch=0, previous_epoch=None, now_ms=0
    )
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
    store.write(
        Journal.entries(ADA, cipher, [event], first_nr=1, writer_epoch=0, previous_epoch=None, now_ms=0)
    )
    keys.destroy(ADA)
    with pytest.raises(StoredValueCorrupt, match="another key"):
        list(Journal(store).replay(ADA, keys.cipher_of(ADA)))
    assert snapshots.newest(ADA, keys.cipher_of(ADA)) is None
    assert len(list(store.scan(JOURNAL))) == 1
