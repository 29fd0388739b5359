"""The journal: what Akka's persistence TCK asks of one, by the same names, and epochs."""

from __future__ import annotations

import pytest

from domain.errors import StoredValueCorrupt
from domain.events import JournalEvent, SessionClosed
from domain.identifiers import SessionId, UserId
from persistence import journal as journal_module
from persistence.journal import Journal
from persistence.keys import Cipher, DataKeyStore
from persistence.ports import Insert, Store
from persistence.tables import JOURNAL

ADA = UserId("ada")


def event(number: int, epoch: int = 0) -> JournalEvent:
    return SessionClosed(session=SessionId("s"), command_nr=epoch, at_ms=number)


@pytest.fixture
def journal(store: Store) -> Journal:
    return Journal(store)


@pytest.fixture(params=[10_000, 3, 1])
def partition_events(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """So many events per partition: all in one, several, each in its own."""
    monkeypatch.setattr(journal_module, "PARTITION_EVENTS", request.param)
    return int(request.param)


def append(store: Store, cipher: Cipher, first: int, last: int, *, epoch: int = 0) -> None:
    events = [event(number, epoch) for number in range(first, last + 1)]
    store.write(
        Journal.entries(
            ADA, cipher, events, first_nr=first, writer_epoch=epoch, previous_epoch=None, now_ms=5
        )
    )


@pytest.fixture
def five(store: Store, cipher: Cipher, partition_events: int) -> None:
    """Five events of Ada's."""
    append(store, cipher, 1, 5)


def numbers(journal: Journal, cipher: Cipher, **bounds: int | None) -> list[int]:
    replayed = list(journal.replay(ADA, cipher, **bounds))  # type: ignore[arg-type]
    assert all(isinstance(e, SessionClosed) and e.at_ms == number for number, e in replayed)
    return [number for number, _ in replayed]


@pytest.mark.usefixtures("five")
class TestReplay:
    def test_replay_all_messages(self, journal: Journal, cipher: Cipher) -> None:
        assert numbers(journal, cipher) == [1, 2, 3, 4, 5]

    def test_replay_messages_using_a_lower_sequence_number_bound(
        self, journal: Journal, cipher: Cipher
    ) -> None:
        assert numbers(journal, cipher, lower=3) == [3, 4, 5]
        assert numbers(journal, cipher, lower=0) == [1, 2, 3, 4, 5]

    def test_replay_messages_using_an_upper_sequence_number_bound(
        self, journal: Journal, cipher: Cipher
    ) -> None:
        assert numbers(journal, cipher, upper=2) == [1, 2]

    def test_replay_messages_using_a_count_limit(self, journal: Journal, cipher: Cipher) -> None:
        assert numbers(journal, cipher, limit=2) == [1, 2]

    def test_replay_messages_using_lower_and_upper_bounds(self, journal: Journal, cipher: Cipher) -> None:
        assert numbers(journal, cipher, lower=2, upper=4) == [2, 3, 4]

    def test_replay_messages_using_bounds_and_a_count_limit(self, journal: Journal, cipher: Cipher) -> None:
        assert numbers(journal, cipher, lower=2, upper=5, limit=2) == [2, 3]

    def test_replay_a_single_message_if_lower_equals_upper(self, journal: Journal, cipher: Cipher) -> None:
        assert numbers(journal, cipher, lower=3, upper=3) == [3]

    def test_replay_a_single_message_if_the_limit_is_1(self, journal: Journal, cipher: Cipher) -> None:
        assert numbers(journal, cipher, limit=1) == [1]

    def test_not_replay_messages_if_the_limit_is_0(self, journal: Journal, cipher: Cipher) -> None:
        assert numbers(journal, cipher, limit=0) == []

    def test_not_replay_messages_if_lower_is_above_upper(self, journal: Journal, cipher: Cipher) -> None:
        assert numbers(journal, cipher, lower=3, upper=2) == []
        assert numbers(journal, cipher, lower=6) == []

    def test_not_replay_messages_if_the_persistent_actor_has_not_written(
        self, journal: Journal, cipher: Cipher
    ) -> None:
        assert list(journal.replay(UserId("eve"), cipher)) == []
        assert journal.highest_nr(UserId("eve")) == 0

    def test_return_a_highest_sequence_number_above_0_without_a_replay(self, journal: Journal) -> None:
        assert journal.highest_nr(ADA) == 5
        assert journal.highest_nr(ADA, from_nr=3) == 5
        assert journal.highest_nr(ADA, from_nr=5) == 5


@pytest.mark.usefixtures("five")
class TestDeletion:
    @pytest.mark.parametrize("number", [0, 1, 3, 4])
    def test_not_replay_permanently_deleted_messages(
        self, journal: Journal, cipher: Cipher, number: int
    ) -> None:
        journal.delete_up_to(ADA, number)
        left = list(range(number + 1, 6))
        assert numbers(journal, cipher) == left
        assert numbers(journal, cipher, lower=0, upper=4) == left[:-1]
        assert numbers(journal, cipher, lower=5) == [5]

    @pytest.mark.parametrize("number", [5, 6, 2**63 - 1])
    def test_not_reset_the_highest_sequence_number_after_deletion(
        self, journal: Journal, cipher: Cipher, number: int
    ) -> None:
        journal.delete_up_to(ADA, number)
        assert numbers(journal, cipher) == []
        assert journal.highest_nr(ADA) == 5

    def test_deleting_again_and_writing_on(self, journal: Journal, store: Store, cipher: Cipher) -> None:
        journal.delete_up_to(ADA, 5)
        journal.delete_up_to(ADA, 2)
        append(store, cipher, 6, 9)
        assert numbers(journal, cipher) == [6, 7, 8, 9]
        journal.delete_up_to(ADA, 7)
        assert numbers(journal, cipher) == [8, 9]
        assert journal.highest_nr(ADA) == 9

    def test_deletion_leaves_no_event_behind(self, journal: Journal, store: Store) -> None:
        journal.delete_up_to(ADA, 4)
        assert [row.sequence_nr for row in store.scan(JOURNAL)] == [0, 5]

    def test_a_stale_owner_stays_ignored_after_deletion(
        self, journal: Journal, store: Store, cipher: Cipher
    ) -> None:
        append(store, cipher, 6, 7, epoch=2)
        append(store, cipher, 8, 8, epoch=1)
        journal.delete_up_to(ADA, 7)
        assert numbers(journal, cipher) == []


def test_of_equal_numbers_the_highest_epoch_counts(
    journal: Journal, store: Store, cipher: Cipher, partition_events: int
) -> None:
    append(store, cipher, 1, 4, epoch=1)
    append(store, cipher, 3, 5, epoch=2)
    epochs = [e.command_nr for _, e in journal.replay(ADA, cipher) if isinstance(e, SessionClosed)]
    assert epochs == [1, 1, 2, 2, 2]


@pytest.mark.parametrize("lower", [1, 2, 3, 4])
def test_rows_of_an_owner_that_lost_its_lease_are_dropped(
    journal: Journal, store: Store, cipher: Cipher, partition_events: int, lower: int
) -> None:
    """Also where a snapshot spares the reader the events before: the new owner wrote 3 with epoch 2."""
    append(store, cipher, 1, 6, epoch=1)
    append(store, cipher, 3, 3, epoch=2)
    assert numbers(journal, cipher, lower=lower) == [number for number in (1, 2, 3) if number >= lower]


def test_users_have_journals_of_their_own(
    journal: Journal, store: Store, cipher: Cipher, keys: DataKeyStore
) -> None:
    append(store, cipher, 1, 3)
    bob = UserId("bob")
    store.write(
        Journal.entries(
            bob, keys.cipher_of(bob), [event(1)], first_nr=1, writer_epoch=0, previous_epoch=None, now_ms=5
        )
    )
    journal.delete_up_to(ADA, 3)
    assert list(journal.replay(bob, keys.cipher_of(bob))) == [(1, event(1))]


def test_an_event_of_another_row_or_user_is_told(journal: Journal, store: Store, cipher: Cipher) -> None:
    append(store, cipher, 1, 2)
    first, second = store.read(JOURNAL, (ADA, 0))
    store.write([Insert(JOURNAL, first._replace(event=second.event))])
    with pytest.raises(StoredValueCorrupt, match=r"event 1 \(epoch 0\) of user 'ada'"):
        list(journal.replay(ADA, cipher))
    store.write([Insert(JOURNAL, second._replace(persistence_id="bob"))])
    assert numbers(journal, cipher, lower=2) == [2]
    with pytest.raises(StoredValueCorrupt, match="'bob'"):
        list(journal.replay(UserId("bob"), cipher, lower=2))
