"""How much the servers take at once, and conditions of which the answer is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cassandra import WriteTimeout, WriteType

from domain.errors import StoreRejected, StoreUnavailable
from persistence.cassandra.batches import Limits, Planner
from persistence.cassandra.store import CassandraStore
from persistence.cassandra.timestamps import Timestamps
from persistence.ports import ATOMIC_BYTES_MAX, Delete, Insert
from persistence.schema import Samples, Table, Timestamp
from persistence.tables import DATA_KEY, JOURNAL, TABLES, VIEW, DataKeyRow
from tests.persistence import rows
from tests.persistence.conftest import HOUR_US, Clock, Open

ADA = ("ada", 0)


@pytest.fixture
def store(opened: Open) -> CassandraStore:
    return opened()


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
            values[index] = f"{number:03d}{values[index]}" if table.types[name] is str else number
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
        assert sum(1 for _ in store.scan(table)) == 300, table


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


def test_a_row_above_the_servers_limit_is_refused_and_nothing_is_written(
    store: CassandraStore,
) -> None:
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


def test_a_deleted_key_stays_deleted_although_conditions_have_other_clocks(
    opened: Open,
) -> None:
    """A node whose clock is an hour behind erases what was made by a condition a moment ago."""
    behind = opened(timestamps=Timestamps(Clock(Timestamps().take(1) - HOUR_US)))
    assert behind.insert_if_absent(DATA_KEY, [DataKeyRow("ada", b"k")]) == [True]
    behind.write([Delete(DATA_KEY, ("ada",)), Delete(DATA_KEY, ("bob",))])
    assert list(behind.read(DATA_KEY, ("ada",))) == []
    assert behind.insert_if_absent(DATA_KEY, [DataKeyRow("ada", b"l")]) == [True]


class LosesAnswers:
    """A session whose conditional statements time out `times` times, after they were done or before."""

    def __init__(self, session: Any, times: int, *, done: bool) -> None:
        self._session = session
        self._times = times
        self._done = done

    def execute_async(self, query: Any, timeout: float) -> Any:
        self._times -= 1
        if self._times < 0:
            return self._session.execute_async(query, timeout=timeout)
        if self._done:
            self._session.execute(query, timeout=timeout)
        raise WriteTimeout("the answer is lost", write_type=WriteType.CAS)


@pytest.mark.parametrize("times", [1, 3])
def test_a_condition_that_was_not_applied_is_asked_again(store: CassandraStore, times: int) -> None:
    store._conditions._session = LosesAnswers(store._session, times, done=False)
    assert store.insert_if_absent(VIEW, [rows.view(1)]) == [True]
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
        store.insert_if_absent(VIEW, [rows.view(1)])
    store._conditions._session = LosesAnswers(store._session, 1, done=True)
    with pytest.raises(StoreUnavailable, match="nobody knows"):
        store.compare_and_set(VIEW, rows.view(1), rows.view(2))
    assert list(store.read(VIEW, ("shards",))) == [rows.view(2)]
