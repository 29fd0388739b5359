"""What is told of one user: what opens, what counts, and of each broken row where it is and what to do."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from domain.identifiers import UserId
from domain.user import User
from persistence import journal as journal_module
from persistence.inspection import Inspection, inspect, select_of
from persistence.journal import Journal
from persistence.keys import DataKeyStore
from persistence.ports import Delete, Insert, Store
from persistence.snapshots import SnapshotStore
from persistence.tables import DATA_KEY, JOURNAL, SNAPSHOT
from tests.persistence import rows
from tests.persistence.conftest import MASTER_KEY
from tests.persistence.histories import history, live, written
from tests.persistence.test_rebuild import ADA, break_event, break_key, lose_event, lose_key

EVENTS = 20


@pytest.fixture
def ada(store: Store) -> Store:
    """Twenty events of Ada's, and snapshots after 9 and 15."""
    live(store, ADA, history(random.Random(4), EVENTS))
    cipher = DataKeyStore(store, MASTER_KEY).cipher_of(ADA)
    for number in (9, 15):
        store.write(SnapshotStore.entries(ADA, cipher, number, User(), now_ms=5))
    return store


def inspected(store: Store, user: UserId = ADA) -> Inspection:
    return inspect(store, DataKeyStore(store, MASTER_KEY), user)


def break_snapshot(store: Store) -> None:
    (row, _) = store.read(SNAPSHOT, (ADA,))
    store.write([Insert(SNAPSHOT, row._replace(state=row.state[:-1]))])


def make_newer(store: Store) -> None:
    row = list(store.read(JOURNAL, (ADA, 0)))[4]
    store.write([Insert(JOURNAL, row._replace(event=b"\xff" + row.event[1:]))])


def delete_events(store: Store) -> None:
    Journal(store).delete_up_to(ADA, 12)
    break_snapshot(store)


EVENT_5 = (
    "SELECT * FROM journal WHERE persistence_id='ada' AND partition_nr=0 AND sequence_nr=5 AND writer_epoch=1"
)
EVENT_6 = EVENT_5.replace("sequence_nr=5", "sequence_nr=6")
SNAPSHOT_15 = "SELECT * FROM snapshot WHERE persistence_id='ada' AND sequence_nr=15"
KEY = "SELECT * FROM data_key WHERE user_id='ada'"


def test_of_a_sound_user_everything_is_told_and_nothing_is_wrong(ada: Store) -> None:
    assert inspected(ada) == Inspection(
        ADA,
        [],
        key_opens=True,
        snapshot_nrs=(15, 9),
        journal_rows=EVENTS,
        counting_rows=EVENTS,
        epochs=(1,),
        highest_nr=EVENTS,
    )


@pytest.mark.parametrize(
    ("break_it", "select", "wrong", "remedy", "is_sound"),
    [
        (lose_key, KEY, "no data key", "restore the user's row of data_key", False),
        (break_key, KEY, "does not open", "start the node with the master key", False),
        (break_event, EVENT_5, "event 5 (epoch 1) was altered", "restore the row from a backup", False),
        (make_newer, EVENT_5, "format version 255", "a newer muvr wrote it", False),
        (lose_event, EVENT_6, "events 5 to 5 are missing", "restore them from a backup", False),
        (break_snapshot, SNAPSHOT_15, "snapshot 15 was altered", "delete the row: the events", True),
        (delete_events, SNAPSHOT_15, "snapshot 15 was altered", "restore the row from a backup", False),
    ],
)
def test_each_broken_row_is_named_with_what_to_do(
    ada: Store, break_it: Callable[[Store], None], select: str, wrong: str, remedy: str, is_sound: bool
) -> None:
    break_it(ada)
    keys = list(ada.scan(DATA_KEY))
    found = inspected(ada)
    fault = found.faults[0]
    assert (fault.select, found.is_sound) == (select, is_sound)
    assert wrong in fault.wrong
    assert remedy in fault.remedy
    assert list(ada.scan(DATA_KEY)) == keys


def test_what_a_lost_owner_wrote_may_be_broken(ada: Store) -> None:
    (row,) = [each for each in ada.read(JOURNAL, (ADA, 0)) if each.sequence_nr == 7]
    ada.write([Insert(JOURNAL, row._replace(writer_epoch=0, event=b"\x01nonsense"))])
    found = inspected(ada)
    assert found.is_sound
    assert found.epochs == (0, 1)
    assert (found.journal_rows, found.counting_rows) == (EVENTS + 1, EVENTS)
    assert "nothing need be done" in found.faults[0].remedy


def test_a_lost_partition_does_not_hide_the_next(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "PARTITION_EVENTS", 4)
    store.write(written(store, ADA, history(random.Random(4), EVENTS)))
    store.write([Delete(JOURNAL, (ADA, 1))])
    found = inspected(store)
    assert (found.journal_rows, found.highest_nr) == (EVENTS - 4, EVENTS)
    assert [fault.wrong for fault in found.faults] == ["events 5 to 8 are missing before this row"]


def test_of_an_unknown_user_nothing_is_there(store: Store) -> None:
    found = inspected(store, UserId("eve"))
    assert (found.journal_rows, found.key_opens, found.snapshot_nrs) == (0, False, ())


def test_quotes_in_names_are_doubled() -> None:
    assert "persistence_id='o''neill'" in select_of(JOURNAL, rows.journal(1, of="o'neill"))
