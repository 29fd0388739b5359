"""What only Cassandra meets: write times, levels, lifetimes, limits, statements that a node forgot, forks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cassandra import ConsistencyLevel, WriteTimeout, WriteType

from domain.errors import ConfigurationError, StoreRejected, StoreUnavailable
from persistence.cassandra.batches import Limits, Planner
from persistence.cassandra.schema import SchemaSession
from persistence.cassandra.settings import parse_location
from persistence.cassandra.store import CassandraStore
from persistence.cassandra.timestamps import Timestamps
from persistence.location import open_store
from persistence.ports import ATOMIC_BYTES_MAX, Delete, Insert, Slice, Store
from persistence.schema import Samples, Table, Timestamp
from persistence.tables import (
    DATA_KEY,
    JOB_RUN,
    JOURNAL,
    KEYSPACES,
    LABEL,
    SENSOR,
    TABLES,
    USER_BY_SHARD,
    VIEW,
    WINDOW,
    DataKeyRow,
)
from tests.cassandra_server import Place
from tests.persistence import rows

HOUR_US = 3_600_000_000
ADA = ("ada", 0)
Open = Callable[..., CassandraStore]


@pytest.fixture
def opened(cassandra_location: str) -> Iterator[Open]:
    """Opens the empty store with options added to its location, and write times of the caller's."""
    stores: list[CassandraStore] = []

    def opened(options: str = "", timestamps: Timestamps | None = None) -> CassandraStore:
        stores.append(CassandraStore(parse_location(cassandra_location + options), timestamps))
        return stores[-1]

    yield opened
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Open) -> CassandraStore:
    return opened()


class Clock:
    """Microseconds that a test sets."""

    def __init__(self, now_us: int) -> None:
        self.now_us = now_us

    def __call__(self) -> int:
        return self.now_us


def of(name: str, event: bytes) -> Insert:
    return Insert(JOURNAL, rows.journal(1, of=name, event=event))


def event_of(store: Store, name: str) -> bytes:
    (row,) = store.read(JOURNAL, (name, 0))
    return row.event


def test_of_two_writes_the_one_with_the_later_clock_counts_unless_told_otherwise(opened: Open) -> None:
    """The second node's clock is an hour behind that of the first."""
    now_us = Timestamps().take(1)
    ahead, behind = (
        opened(timestamps=Timestamps(Clock(now_us))),
        opened(timestamps=Timestamps(Clock(now_us - HOUR_US))),
    )
    ahead.write([of("ada", b"first")])
    behind.write([of("ada", b"second")])
    assert event_of(behind, "ada") == b"first"
    behind.not_before(now_us // 1000)
    behind.write([of("ada", b"third")])
    assert event_of(ahead, "ada") == b"third"
    behind.write([Delete(JOURNAL, ADA)])
    assert list(ahead.read(JOURNAL, ADA)) == []


def test_write_times_only_grow() -> None:
    clock = Clock(1000)
    times = Timestamps(clock)
    assert [times.take(1), times.take(3), times.take(1)] == [1000, 1001, 1004]
    clock.now_us = 500
    assert times.take(1) == 1005
    clock.now_us = 9000
    assert times.take(1) == 9000
    times.not_before(20)
    assert times.take(1) == 21_000
    times.not_before(3)
    assert times.take(1) == 21_001


def test_rows_live_as_long_as_their_table_says(opened: Open, cassandra_place: Place) -> None:
    store = opened("&journal.ttl=4000&shard_view.ttl=3000")
    store.write([Insert(JOURNAL, rows.journal(1)), Insert(LABEL, rows.label(1))])
    assert store.insert_if_absent(VIEW, rows.view(1))
    journal, label, view = (cassandra_place.qualified(table) for table in (JOURNAL, LABEL, VIEW))
    ((event_ttl, date_ttl),) = cassandra_place.execute(f"SELECT ttl(event), ttl(written_at) FROM {journal}")
    assert 3900 < event_ttl <= 4000
    assert 3900 < date_ttl <= 4000
    assert cassandra_place.execute(f"SELECT ttl(exercise) FROM {label}") == [(None,)]
    ((view_ttl,),) = cassandra_place.execute(f"SELECT ttl(members) FROM {view}")
    assert 2900 < view_ttl <= 3000
    assert store.compare_and_set(VIEW, rows.view(1), rows.view(2))
    ((view_ttl,),) = cassandra_place.execute(f"SELECT ttl(members) FROM {view}")
    assert 2900 < view_ttl <= 3000


def test_each_table_is_asked_at_its_level(opened: Open) -> None:
    store = opened("&journal.consistency=ONE&label.consistency=ALL&serial-consistency=SERIAL")
    levels: list[tuple[str, str, str | None]] = []

    def record(future: Any) -> None:
        message = future.message
        serial = message.serial_consistency_level
        levels.append(
            (
                type(message).__name__,
                ConsistencyLevel.value_to_name[message.consistency_level],
                serial and ConsistencyLevel.value_to_name[serial],
            )
        )

    store._session.add_request_init_listener(record)
    store.write([Insert(JOURNAL, rows.journal(1))])
    list(store.read(JOURNAL, ADA))
    list(store.scan(JOURNAL))
    store.read_many(JOURNAL, [Slice(ADA)])
    store.write([Insert(LABEL, rows.label(1))])
    list(store.read(LABEL, ("ada", "s")))
    list(store.read(JOB_RUN, ("night",)))
    list(store.read(VIEW, ("shards",)))
    store.insert_if_absent(VIEW, rows.view(1))
    store.compare_and_set(DATA_KEY, DataKeyRow("ada", b"k"), DataKeyRow("ada", b"l"))
    store.write([Delete(DATA_KEY, ("ada",))])
    assert levels == [
        ("BatchMessage", "ONE", None),
        ("ExecuteMessage", "ONE", None),
        ("ExecuteMessage", "ONE", None),
        ("ExecuteMessage", "ONE", None),
        ("BatchMessage", "ALL", None),
        ("ExecuteMessage", "ALL", None),
        ("ExecuteMessage", "LOCAL_QUORUM", None),
        ("ExecuteMessage", "SERIAL", None),
        ("ExecuteMessage", "LOCAL_QUORUM", "SERIAL"),
        ("ExecuteMessage", "LOCAL_QUORUM", "SERIAL"),
        ("BatchMessage", "LOCAL_QUORUM", "SERIAL"),
    ]


def test_keyspaces_are_kept_as_the_location_says(cassandra_place: Place) -> None:
    for keyspace in KEYSPACES:
        name = keyspace.replace("muvr", cassandra_place.keyspace)
        ((replication, is_durable),) = cassandra_place.execute(
            f"SELECT replication, durable_writes FROM system_schema.keyspaces WHERE keyspace_name = '{name}'"
        )
        assert replication["class"].endswith("SimpleStrategy")
        assert replication["replication_factor"] == "1"
        assert is_durable


VALUES: dict[Any, Callable[[int], Any]] = {
    str: lambda size: "k" * size,
    int: lambda size: size,
    Timestamp: lambda size: size,
    float: lambda size: 1.5,
    bool: lambda size: True,
    bytes: lambda size: b"x" * size,
    Samples: lambda size: b"\x00\x01" * size,
}


def inserts(table: Table[Any], size: int) -> Iterator[Insert]:
    """Rows with values of so many bytes, each of another partition."""
    for number in range(300):
        values = [VALUES[kind](size) for kind in table.types.values()]
        for index, name in enumerate(table.partition):
            if table.types[name] is str:
                values[index] = f"{number:03d}{values[index]}"
        yield Insert(table, table.row._make(values))


@pytest.mark.parametrize("size", [0, 1, 60, 1500])
def test_what_is_planned_stays_below_the_servers_limit(
    store: CassandraStore, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if nine tenths of the limit are used, and rows are as many as then fit."""
    planner = store._planner
    limits = Limits(int(planner._limits.batch_bytes / 0.7 * 0.9), planner._limits.mutation_bytes)
    monkeypatch.setattr(store, "_planner", Planner(planner._of, planner._placement, limits))
    monkeypatch.setattr("persistence.cassandra.batches.ROWS_MAX", 10_000)
    for table in TABLES:
        store.write(list(inserts(table, size)))
        count = sum(1 for _ in store.scan(table))
        assert count == (1 if table is USER_BY_SHARD else 300), table


def test_large_partitions_and_rows_are_stored(store: CassandraStore) -> None:
    large = [rows.journal(number, event=bytes([number]) * 20_000) for number in range(100)]
    small = [rows.journal(number, of="bob", event=b"") for number in range(400)]
    huge = [rows.journal(1, of=f"u{number}", event=bytes(2**20)) for number in range(3)]
    store.write([Insert(JOURNAL, row) for row in (*large, *small, *huge)])
    assert list(store.read(JOURNAL, ADA)) == large
    assert list(store.read(JOURNAL, ("bob", 0))) == small
    assert [row.event for name in ("u0", "u1", "u2") for row in store.read(JOURNAL, (name, 0))] == [
        bytes(2**20)
    ] * 3


def test_a_row_above_the_servers_limit_is_refused_and_nothing_is_written(store: CassandraStore) -> None:
    with pytest.raises(StoreRejected, match=r"key \('ada', 0, 2, 0\).*at most \d+"):
        store.write(
            [Insert(JOURNAL, rows.journal(1)), Insert(JOURNAL, rows.journal(2, event=bytes(17 << 20)))]
        )
    assert list(store.scan(JOURNAL)) == []


def test_up_to_the_bound_rows_of_a_partition_are_one_mutation(store: CassandraStore) -> None:
    """More go one after the other."""
    size = ATOMIC_BYTES_MAX // 40
    sent: list[int] = []
    store._session.add_request_init_listener(lambda future: sent.append(len(future.message.queries)))
    store.write([Insert(JOURNAL, rows.journal(number, event=bytes(size - 60))) for number in range(40)])
    assert sent == [40]
    store.write([Insert(JOURNAL, rows.journal(number, event=bytes(size))) for number in range(40)])
    assert sent[1:] == [38, 2]


@pytest.fixture
def altered(cassandra_place: Place) -> Iterator[Callable[[str], None]]:
    """Adds a column to a table, at which a node forgets its prepared statements of it."""
    names: list[str] = []

    def alter(name: str) -> None:
        cassandra_place.execute(f"ALTER TABLE {name} ADD not_ours int")
        names.append(name)

    yield alter
    for name in names:
        cassandra_place.execute(f"ALTER TABLE {name} DROP not_ours")


def test_statements_that_a_node_forgot_are_prepared_again(
    store: CassandraStore, altered: Callable[[str], None], cassandra_place: Place
) -> None:
    store.write([Insert(JOURNAL, rows.journal(1)), Insert(LABEL, rows.label(1))])
    assert len(list(store.read(JOURNAL, ADA))) == len(list(store.read(LABEL, ("ada", "s")))) == 1
    for table in (JOURNAL, LABEL):
        altered(cassandra_place.qualified(table))
    futures = [
        store.submit([Insert(JOURNAL, rows.journal(number)), Insert(LABEL, rows.label(number))])
        for number in range(2, 40)
    ]
    assert all(future.exception() is None for future in futures)
    assert list(store.read(JOURNAL, ADA)) == [rows.journal(number) for number in range(1, 40)]
    assert len(store.read_many(LABEL, [Slice(("ada", "s"))])[0]) == 39


def test_a_statement_that_the_servers_refuse_is_told(store: CassandraStore, cassandra_place: Place) -> None:
    """The table is not as declared any more."""
    name = cassandra_place.qualified(WINDOW)
    cassandra_place.execute(f"ALTER TABLE {name} DROP label")
    window = WINDOW.row("a@50", 0, "s", "t", Timestamp(1), "squat", Samples(b""))
    try:
        with pytest.raises(StoreRejected, match="muvr schema check"):
            store.write([Insert(WINDOW, window)])
        with pytest.raises((StoreRejected, StoreUnavailable)):
            list(store.read(WINDOW, ("a@50", 0)))
    finally:
        cassandra_place.execute(f"ALTER TABLE {name} ADD label text")
    store.write([Insert(WINDOW, window)])
    assert list(store.read(WINDOW, ("a@50", 0))) == [window]


def test_a_deleted_key_stays_deleted_although_conditions_have_other_clocks(opened: Open) -> None:
    """A node whose clock is an hour behind erases what was made by a condition a moment ago."""
    behind = opened(timestamps=Timestamps(Clock(Timestamps().take(1) - HOUR_US)))
    assert behind.insert_if_absent(DATA_KEY, DataKeyRow("ada", b"k"))
    behind.write([Delete(DATA_KEY, ("ada",)), Delete(DATA_KEY, ("bob",))])
    assert list(behind.read(DATA_KEY, ("ada",))) == []
    assert behind.insert_if_absent(DATA_KEY, DataKeyRow("ada", b"l"))


def test_an_empty_partition_key_is_of_no_row(store: CassandraStore) -> None:
    with pytest.raises(StoreRejected, match="empty"):
        store.write([Insert(JOB_RUN, rows.run(1, job=""))])
    assert list(store.read(JOB_RUN, ("",))) == []
    assert store.read_many(JOB_RUN, [Slice(("",))]) == [[]]
    store.write([Delete(JOB_RUN, ("",))])


def test_samples_are_readable_numbers(store: CassandraStore, cassandra_place: Place) -> None:
    row = SENSOR.row("ada", "s", "w", 1, "a", Timestamp(5), 50.0, 0.5, Samples(b"\x01\x00\xff\xff\x00\x80"))
    store.write([Insert(SENSOR, row)])
    ((values,),) = cassandra_place.execute(f"SELECT samples FROM {cassandra_place.qualified(SENSOR)}")
    assert list(values) == [1, -1, -32768]
    assert list(store.read(SENSOR, ("ada", "s", "w"))) == [row]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_process_that_was_forked_opens_its_own(cassandra_location: str) -> None:
    """Thespian forks the processes of a node from one that may have had a store open."""
    mine = open_store(cassandra_location)
    mine.write([Insert(JOURNAL, rows.journal(1))])
    children = []
    for number in (2, 3):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                store = open_store(cassandra_location)
                store.write([Insert(JOURNAL, rows.journal(number))])
                status = 0 if len(list(store.read(JOURNAL, ADA, upper=(1,)))) == 1 else 2
                store.close()
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    mine.write([Insert(JOURNAL, rows.journal(4))])
    assert [row.sequence_nr for row in mine.read(JOURNAL, ADA)] == [1, 2, 3, 4]
    mine.close()


@pytest.mark.parametrize("hosts", ["127.0.0.1:1", "no-such-host.invalid:9042", "127.0.0.1:1,127.0.0.1:2"])
def test_hosts_that_are_not_there_are_told(hosts: str) -> None:
    with pytest.raises(ConfigurationError, match="--store") as raised:
        open_store(f"cassandra://{hosts}/muvr")
    assert all(host in str(raised.value) for host in hosts.split(","))


def test_a_password_file_that_cannot_be_read_is_told() -> None:
    with pytest.raises(ConfigurationError, match=r"/nowhere/x.*password-file"):
        open_store("cassandra://me@127.0.0.1:1/muvr?password-file=/nowhere/x")


def test_the_schema_is_as_it_should_be(cassandra_location: str) -> None:
    with SchemaSession(parse_location(cassandra_location)) as session:
        assert session.differences() == []


class LosesAnswers:
    """A session whose conditional statements time out `times` times, after they were done or before."""

    def __init__(self, session: Any, times: int, *, done: bool) -> None:
        self._session = session
        self._times = times
        self._done = done

    def execute(self, query: Any, timeout: float) -> Any:
        self._times -= 1
        if self._times < 0:
            return self._session.execute(query, timeout=timeout)
        if self._done:
            self._session.execute(query, timeout=timeout)
        raise WriteTimeout("the answer is lost", write_type=WriteType.CAS)


@pytest.mark.parametrize("times", [1, 3])
def test_a_condition_that_was_not_applied_is_asked_again(store: CassandraStore, times: int) -> None:
    store._conditions._session = LosesAnswers(store._session, times, done=False)
    assert store.insert_if_absent(VIEW, rows.view(1))
    store._conditions._session = LosesAnswers(store._session, times, done=False)
    assert store.compare_and_set(VIEW, rows.view(1), rows.view(2))
    store._conditions._session = LosesAnswers(store._session, times, done=False)
    with pytest.raises(StoreUnavailable, match="nobody knows"):
        store.compare_and_set(VIEW, rows.view(1), rows.view(3))
    assert list(store.read(VIEW, ("shards",))) == [rows.view(2)]


def test_of_a_condition_that_may_have_been_applied_nobody_knows(store: CassandraStore) -> None:
    """The row is as it would be, but another may have made it so."""
    store._conditions._session = LosesAnswers(store._session, 1, done=True)
    with pytest.raises(StoreUnavailable, match="nobody knows"):
        store.insert_if_absent(VIEW, rows.view(1))
    store._conditions._session = LosesAnswers(store._session, 1, done=True)
    with pytest.raises(StoreUnavailable, match="nobody knows"):
        store.compare_and_set(VIEW, rows.view(1), rows.view(2))
    assert list(store.read(VIEW, ("shards",))) == [rows.view(2)]
