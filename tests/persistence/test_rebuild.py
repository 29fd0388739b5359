"""Read models become what the journal says, whatever was done to their rows, also beside a running node."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from domain.errors import StoredValueCorrupt
from domain.events import JournalEvent, SessionClosed, SessionEvent
from domain.identifiers import SessionId, UserId, shard_of
from domain.user import User, evolve
from persistence import journal as journal_module
from persistence import rebuild
from persistence.comparison import READ_MODELS, Outcome
from persistence.journal import Journal
from persistence.keys import DataKeyStore
from persistence.ports import Delete, Insert, Mutation, Store
from persistence.rebuild import ReadModels, users_of
from persistence.schema import Timestamp
from persistence.snapshots import SnapshotStore
from persistence.sqlite import SqliteStore
from persistence.tables import (
    DATA_KEY,
    JOURNAL,
    LABEL,
    SENSOR,
    SESSION_BY_USER,
    USER_BY_SHARD,
    LabelRow,
    SessionRow,
    UserRow,
)
from tests.actors.driving import MASTER_KEY as HOST_MASTER_KEY
from tests.actors.simulation import World
from tests.persistence.conftest import MASTER_KEY
from tests.persistence.histories import damage, history, live, projection, written

ADA, BOB = UserId("ada"), UserId("bob")
SEEDS = 8


def stored(store: Store) -> list[tuple[str, tuple[Any, ...]]]:
    return [(table.name, tuple(row)) for table in READ_MODELS for row in store.scan(table)]


def read_models(store: Store, key: bytes = MASTER_KEY, **times: Any) -> ReadModels:
    return ReadModels(store, DataKeyStore(store, key), **{"wait": lambda seconds: None} | times)


def compared(store: Store, *, mend: bool = False, key: bytes = MASTER_KEY) -> dict[UserId, Outcome]:
    outcomes = list(read_models(store, key).outcomes(users_of(store), mend=mend))
    assert len({each.user for each in outcomes}) == len(outcomes)
    return {each.user: each for each in outcomes}


def wrong(outcomes: dict[UserId, Outcome]) -> dict[UserId, Outcome]:
    return {user: each for user, each in outcomes.items() if each.differences or each.problem}


@pytest.fixture(autouse=True)
def few_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test has a handful of users."""
    monkeypatch.setattr(rebuild, "SCAN_RANGES", 7)


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteStore]:
    """What hosts left behind that crashed and went on after their lease had ended."""
    store = SqliteStore(tmp_path_factory.mktemp("worlds"))
    for connection in store._connections:
        connection.execute("PRAGMA synchronous=OFF")
    for seed in range(8):
        world = World(seed, store)
        for _ in range(400):
            world.step()
        world.settle()
    yield store
    store.close()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_was_done_to_the_rows_they_become_what_the_events_lead_to(store: Store, seed: int) -> None:
    rng = random.Random(seed)
    for number in range(3):
        live(store, UserId(f"u{number}"), history(rng, rng.randrange(1, 80)))
    right = stored(store)
    assert not wrong(compared(store))
    changed = damage(store, rng)
    found = compared(store)
    assert sum(len(each.differences) for each in found.values()) == changed
    assert not any(each.is_mended for each in found.values())
    mended = compared(store, mend=True)
    assert {user: each.differences for user, each in mended.items()} == {
        user: each.differences for user, each in found.items()
    }
    assert {user for user, each in mended.items() if each.is_mended} == set(wrong(found))
    assert stored(store) == right
    assert not wrong(compared(store, mend=True))
    assert stored(store) == right


def test_what_lost_owners_left_behind_does_not_stay(worlds: SqliteStore) -> None:
    """The rows of their late writes are those that no event explains; the others were right."""
    late = compared(worlds, key=HOST_MASTER_KEY)
    sensor = list(worlds.scan(SENSOR))
    compared(worlds, mend=True, key=HOST_MASTER_KEY)
    assert len(late) >= 16
    assert not wrong(compared(worlds, key=HOST_MASTER_KEY))
    damage(worlds, random.Random(1))
    compared(worlds, mend=True, key=HOST_MASTER_KEY)
    assert not wrong(compared(worlds, key=HOST_MASTER_KEY))
    assert list(worlds.scan(SENSOR)) == sensor


def test_rows_of_a_session_that_no_event_opened_are_unexplained(store: Store) -> None:
    live(store, ADA, history(random.Random(1), 30))
    right = stored(store)
    time = Timestamp(3)
    ghosts = [
        Insert(SESSION_BY_USER, SessionRow(ADA, time, "ghost", "d", None)),
        Insert(LABEL, LabelRow(ADA, "ghost", time, time, "squat", None, None)),
    ]
    store.write(ghosts)
    kinds = [(each.kind, each.table) for each in compared(store, mend=True)[ADA].differences]
    assert sorted(kinds, key=repr) == sorted(
        [("unexplained", SESSION_BY_USER), ("unexplained", LABEL)], key=repr
    )
    assert stored(store) == right


def test_a_user_who_never_opened_a_session_is_listed_without_reason(store: Store) -> None:
    store.write(written(store, ADA, [SessionClosed(session=SessionId("s"), command_nr=0, at_ms=1)]))
    store.write([Insert(USER_BY_SHARD, UserRow(shard_of(ADA), ADA, Timestamp(1)))])
    assert [each.kind for each in compared(store, mend=True)[ADA].differences] == ["unexplained"]
    assert list(store.scan(USER_BY_SHARD)) == []


@pytest.mark.parametrize("partition_events", [3, 10_000])
def test_many_users_of_many_partitions_are_found_once(
    store: Store, monkeypatch: pytest.MonkeyPatch, partition_events: int
) -> None:
    monkeypatch.setattr(journal_module, "PARTITION_EVENTS", partition_events)
    monkeypatch.setattr(rebuild, "TOGETHER_MAX", 4)
    monkeypatch.setattr(rebuild, "ROWS_TOGETHER_MAX", 10)
    monkeypatch.setattr(rebuild, "UNSETTLED_MAX", 3)
    rng = random.Random(2)
    users = [UserId(f"u{number}") for number in range(30)]
    for user in users:
        live(store, user, history(rng, rng.randrange(1, 12)))
    assert sorted(users_of(store)) == sorted(users)
    right = stored(store)
    damage(store, rng)
    assert len(compared(store, mend=True)) == len(users)
    assert stored(store) == right


def test_a_user_whose_first_partition_is_lost_is_found_and_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "PARTITION_EVENTS", 3)
    live(store, ADA, history(random.Random(1), 12))
    store.write([Delete(JOURNAL, (ADA, 0))])
    before = stored(store)
    assert list(users_of(store)) == [ADA]
    assert str(compared(store, mend=True)[ADA].problem).startswith("user 'ada' has no events")
    assert stored(store) == before


def lose_key(store: Store) -> None:
    store.write([Delete(DATA_KEY, (ADA,))])


def break_key(store: Store) -> None:
    (row,) = store.read(DATA_KEY, (ADA,))
    store.write([Insert(DATA_KEY, row._replace(wrapped_key=b"x" * len(row.wrapped_key)))])


def break_event(store: Store) -> None:
    row = list(store.read(JOURNAL, (ADA, 0)))[4]
    store.write([Insert(JOURNAL, row._replace(event=row.event[:-1]))])


def lose_event(store: Store) -> None:
    store.write([Delete(JOURNAL, (ADA, 0), (5,), (5,))])


def lose_first(store: Store) -> None:
    store.write([Delete(JOURNAL, (ADA, 0), (1,), (2,))])


def delete_without_snapshot(store: Store) -> None:
    Journal(store).delete_up_to(ADA, 4)


@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        (lose_key, "has a journal and no data key"),
        (break_key, "does not open with this node's master key"),
        (break_event, r"event 5 \(epoch 1\) of user 'ada' was altered"),
        (lose_event, "events 5 to 5 of user 'ada' are missing"),
        (lose_first, "events 1 to 2 of user 'ada' are missing"),
        (delete_without_snapshot, "events 1 to 4 of user 'ada' were deleted, and no snapshot"),
    ],
)
def test_a_broken_user_is_told_and_left_alone_and_the_others_go_on(
    store: Store, break_it: Callable[[Store], None], told: str
) -> None:
    for user in (ADA, BOB):
        live(store, user, history(random.Random(3), 20))
    break_it(store)
    store.write([Delete(SESSION_BY_USER, (user,)) for user in (ADA, BOB)])
    keys = list(store.scan(DATA_KEY))
    found = compared(store, mend=True)
    with pytest.raises(StoredValueCorrupt, match=told):
        raise found[ADA].problem or AssertionError
    assert not found[ADA].differences
    assert found[BOB].is_mended
    assert {row.user_id for row in store.scan(SESSION_BY_USER)} == {BOB}
    assert list(store.scan(DATA_KEY)) == keys, "a lost key must not be replaced by a new one"


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("delete_all", [False, True])
def test_rows_of_deleted_events_are_kept_and_all_others_made_right(
    store: Store, seed: int, delete_all: bool
) -> None:
    rng = random.Random(seed)
    events = history(rng, 60)
    live(store, ADA, events)
    right = stored(store)
    number = rng.randrange(1, 60)
    state = User()
    for event in events[:number]:
        state = evolve(state, event)
    cipher = DataKeyStore(store, MASTER_KEY).cipher_of(ADA)
    store.write(SnapshotStore.entries(ADA, cipher, number, state, now_ms=5))
    Journal(store).delete_up_to(ADA, number if delete_all else rng.randrange(1, number + 1))
    assert not wrong(compared(store))
    later = projection(ADA, events)[len(projection(ADA, events[:number])) :]
    for insert in later:
        key = [getattr(insert.row, name) for name in insert.table.key]
        width = len(insert.table.partition)
        if rng.random() < 0.5:
            store.write([Delete(insert.table, tuple(key[:width]), tuple(key[width:]), tuple(key[width:]))])
    found = compared(store, mend=True)[ADA]
    assert found.events == 60 - number
    assert not found.problem
    assert stored(store) == right


class Busy:
    """A node that commits an event whenever the rows of sessions are read, `times` times."""

    def __init__(self, store: Store, events: list[JournalEvent], times: int) -> None:
        self._inner: Any = store
        self._events = events
        self._times = times
        self._count = 20

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def read_many(self, table: Any, slices: Any, **limit: Any) -> Any:
        found = self._inner.read_many(table, slices, **limit)
        if table is SESSION_BY_USER and self._times:
            self._times -= 1
            first, self._count = self._count, self._count + 1
            new = projection(ADA, self._events[: first + 1])[len(projection(ADA, self._events[:first])) :]
            event = self._events[first : first + 1]
            self._inner.write([*written(self._inner, ADA, event, first_nr=first + 1), *new])
        return found


@pytest.mark.parametrize("times", [1, 4, 12])
def test_an_active_user_is_read_again_and_nothing_of_theirs_is_undone(store: Store, times: int) -> None:
    events = history(random.Random(5), 40)
    live(store, ADA, events[:20])
    sessions = {event.session for event in events[:20] if isinstance(event, SessionEvent)}
    store.write([Delete(LABEL, (ADA, session)) for session in sessions])
    busy: Any = Busy(store, events, times)
    (outcome,) = read_models(busy).outcomes([ADA], mend=True)
    if times > rebuild.ATTEMPTS_MAX:
        assert "changed 5 times" in str(outcome.problem)
    assert not wrong(compared(store, mend=True)) or times > rebuild.ATTEMPTS_MAX
    expected = {(each.table.name, tuple(each.row)) for each in projection(ADA, events[: 20 + times])}
    assert set(stored(store)) <= expected


def test_a_row_that_is_seen_before_its_event_is_no_difference(store: Store) -> None:
    """As backends show it where a commit is of several partitions."""
    events = history(random.Random(6), 30)
    live(store, ADA, events[:29])
    later = projection(ADA, events)
    store.write(later)
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        store.write(written(store, ADA, events[29:], first_nr=30))

    before = stored(store)
    (outcome,) = read_models(store, now_s=lambda: 7.0, wait=wait).outcomes([ADA], mend=True)
    assert not outcome.differences
    assert stored(store) == before
    assert waited in ([], [rebuild.SETTLE_SECONDS])


def test_what_cannot_be_put_right_is_told(store: Store) -> None:
    """A store whose clock is behind lets older rows win."""
    live(store, ADA, history(random.Random(7), 10))
    store.write([Delete(USER_BY_SHARD, (shard_of(ADA),))])
    deaf: Any = _Deaf(store)
    (outcome,) = read_models(deaf).outcomes([ADA], mend=True)
    assert outcome.problem is not None
    assert "--user ada" in str(outcome.problem)


class _Deaf:
    """Writes are acknowledged and do not show."""

    def __init__(self, store: Store) -> None:
        self._inner: Any = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def write(self, mutations: Sequence[Mutation]) -> None:
        pass


def test_a_store_that_cannot_read_a_row_costs_that_user_alone(store: Store, tmp_path: Path) -> None:
    for user in (ADA, BOB):
        live(store, user, history(random.Random(3), 20))

    class Unreadable(_Deaf):
        def read_many(self, table: Any, slices: Any, **limit: Any) -> Any:
            if table is SESSION_BY_USER and any(part.partition == (ADA,) for part in slices):
                raise StoredValueCorrupt("row of ada cannot be decoded")
            return self._inner.read_many(table, slices, **limit)

    unreadable: Any = Unreadable(store)
    found = {each.user: each for each in read_models(unreadable).outcomes([ADA, BOB], mend=False)}
    assert str(found[ADA].problem) == "row of ada cannot be decoded"
    assert not found[BOB].problem
