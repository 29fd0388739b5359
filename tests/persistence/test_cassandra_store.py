"""What only Cassandra meets: write times, levels, lifetimes, limits, statements that a node forgot, forks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cassandra import ConsistencyLevel

from domain.errors import ConfigurationError, StoreRejected, StoreUnavailable
from persistence.cassandra.schema import SchemaSession
from persistence.cassandra.settings import parse_location
from persistence.cassandra.store import CassandraStore
from persistence.cassandra.timestamps import Timestamps
from persistence.location import open_store
from persistence.night_tables import JOB_RUN
from persistence.ports import Delete, Insert, Slice, Store
from persistence.schema import Samples, Timestamp
from persistence.tables import DATA_KEY, JOURNAL, KEYSPACES, LABEL, SENSOR, VIEW, WINDOW, DataKeyRow
from tests.cassandra_server import Place
from tests.persistence import rows
from tests.persistence.conftest import HOUR_US, Clock, Open

ADA = ("ada", 0)


@pytest.fixture
def store(opened: Open) -> CassandraStore:
    return opened()


def of(name: str, event: bytes) -> Insert:
    return Insert(JOURNAL, rows.journal(1, of=name, event=event))


def event_of(store: Store, name: str) -> bytes:
    (row,) = store.read(JOURNAL, (name, 0))
    return row.event


def test_of_two_writes_the_one_with_the_later_clock_counts_unless_told_otherwise(
    opened: Open,
) -> None:
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
    assert store.insert_if_absent(VIEW, [rows.view(1)]) == [True]
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
    store.insert_if_absent(VIEW, [rows.view(1)])
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
    window = WINDOW.row("a@50", 0, "s", "t", 1, Timestamp(1), "squat", Samples(b""))
    try:
        with pytest.raises(StoreRejected, match="muvr schema check"):
            store.write([Insert(WINDOW, window)])
        with pytest.raises((StoreRejected, StoreUnavailable)):
            list(store.read(WINDOW, ("a@50", 0)))
    finally:
        cassandra_place.execute(f"ALTER TABLE {name} ADD label text")
    store.write([Insert(WINDOW, window)])
    assert list(store.read(WINDOW, ("a@50", 0))) == [window]


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
