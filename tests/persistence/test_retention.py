"""What is older than it is to be kept is deleted and nothing else, and a dry run says what that would be."""

from __future__ import annotations

import random
from typing import Any

import pytest

from domain.errors import ConfigurationError
from domain.events import SessionClosed
from domain.identifiers import UserId
from domain.user import User, evolve
from persistence.access import EVERYONE, AccessStore
from persistence.journal import Journal
from persistence.keys import DataKeyStore
from persistence.ports import Store
from persistence.privacy_tables import ACCESS
from persistence.retention import DAY_MS, Policy, Removal, Retention
from persistence.snapshots import SnapshotStore
from persistence.sqlite import SqliteStore
from persistence.tables import SENSOR, TABLES, WINDOW
from tests.persistence.conftest import MASTER_KEY
from tests.persistence.whole_users import FRAMES, PSEUDONYM_KEY, STREAMS, sessions_of, whole_user

ADA, BOB = UserId("ada"), UserId("bob")
LATER_MS = 400 * DAY_MS  # all of the users' sessions were in the first hours of 1970


@pytest.fixture
def store(tmp_path: Any) -> Any:
    store = SqliteStore(tmp_path)
    yield store
    store.close()


def applied(store: Store, policy: Policy, now_ms: int = LATER_MS, *, is_dry: bool = False) -> list[Removal]:
    keys = DataKeyStore(store, MASTER_KEY)
    return list(Retention(store, keys, PSEUDONYM_KEY, policy).apply([ADA], now_ms, is_dry=is_dry))


def contents(store: Store) -> dict[str, list[Any]]:
    return {table.name: list(store.scan(table)) for table in TABLES}


def closed_of(events: list[Any]) -> set[str]:
    return {event.session for event in events if isinstance(event, SessionClosed)}


def test_sensor_rows_and_windows_of_old_closed_sessions_go(store: Store) -> None:
    events = whole_user(store, ADA, random.Random(1))
    whole_user(store, BOB, random.Random(2))
    closed, before = closed_of(events), contents(store)
    assert closed
    assert closed < set(sessions_of(events))
    policy = Policy(sensor_days=30, window_days=30)
    dry = applied(store, policy, is_dry=True)
    assert contents(store) == before
    assert applied(store, policy) == dry
    assert {(each.table, each.count) for each in dry} == {
        ("sensor", len(closed) * len(STREAMS)),
        ("window", len(closed) * 2),
    }
    after = contents(store)
    left = {row.session_id for row in store.scan(SENSOR) if row.user_id == ADA}
    assert left == set(sessions_of(events)) - closed
    assert len(after["sensor"]) == len(before["sensor"]) - len(closed) * len(STREAMS) * FRAMES
    assert {row.session.split("/")[1] for row in store.scan(WINDOW)} >= left
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"sensor", "window"}
    assert applied(store, policy) == []


def test_what_is_not_old_yet_stays(store: Store) -> None:
    whole_user(store, ADA, random.Random(1))
    before = contents(store)
    assert applied(store, Policy(sensor_days=500, window_days=500, audit_days=500)) == []
    assert applied(store, Policy()) == []
    assert contents(store) == before


def test_a_journal_is_cut_up_to_a_snapshot_and_the_state_is_as_before(store: Store) -> None:
    events = whole_user(store, ADA, random.Random(1))
    cipher, state = DataKeyStore(store, MASTER_KEY).cipher_of(ADA), User()
    for event in events[:100]:
        state = evolve(state, event)
    store.write(SnapshotStore.entries(ADA, cipher, 100, state, 9))
    policy = Policy(sensor_days=30, journal_days=30)
    assert Removal(ADA, "journal", 100) in applied(store, policy)
    assert Journal(store).deleted_nr(ADA) == 100
    number, kept = SnapshotStore(store).newest(ADA, cipher) or (0, User())
    assert (number, kept) == (100, state)
    assert [nr for nr, _ in Journal(store).replay(ADA, cipher)] == list(range(101, len(events) + 1))


def test_old_accesses_go(store: Store) -> None:
    whole_user(store, ADA, random.Random(1))
    accesses = AccessStore(store)
    accesses.record(ADA, "eve", "operator", "GET", "", LATER_MS - DAY_MS)
    accesses.record(EVERYONE, "eve", "operator", "GET", "", 5)
    found = applied(store, Policy(audit_days=30))
    assert found == [Removal(ADA, "access", 1), Removal(UserId(EVERYONE), "access", 1)]
    assert [row.accessed_at for row in store.scan(ACCESS)] == [LATER_MS - DAY_MS]


@pytest.mark.parametrize(
    "days", [{"sensor_days": 0}, {"journal_days": 30}, {"journal_days": 30, "sensor_days": 31}]
)
def test_days_that_contradict_each_other_are_an_error(days: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError):
        Policy(**days)
