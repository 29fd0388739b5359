"""The embedded store: each of Spark's tasks opens the files itself, reads its range and writes its rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from batch.arrow import Row, map_rows
from batch.frames import spark_schema
from batch.session import PARTITIONS_PER_CORE
from batch.stores import act, worker_store
from domain.errors import StoredValueCorrupt
from persistence.ports import Insert, Store, TokenRange
from persistence.schema import Samples, Table, Timestamp
from persistence.tables import LABEL, SENSOR

ROWS_PER_WRITE = 256
_PYTHON_TYPES: dict[Any, type] = {Timestamp: int, Samples: bytes}


class EmbeddedSource:
    """See `batch.job.Source`."""

    def __init__(self, session: SparkSession, location: str, store: Store) -> None:
        self.session = session
        self._location = location
        self._store = store
        self._range_count = session.sparkContext.defaultParallelism * PARTITIONS_PER_CORE

    def scan(self, table: Table[Any]) -> DataFrame:
        ranges = self._store.token_ranges(table, self._range_count)
        # Numbers come from Java; a DataFrame of ranges would need a Python worker more for each task.
        numbers = self.session.range(0, len(ranges), 1, len(ranges))
        read = partial(_scan, location=self._location, table=table)
        return map_rows(numbers, lambda rows: read(ranges[number] for (number,) in rows), spark_schema(table))

    def lookup(self, keys: DataFrame, table: Table[Any]) -> DataFrame:
        read = partial(_lookup, location=self._location, table=table)
        return map_rows(keys.select(*table.partition), read, spark_schema(table))

    def write(self, frame: DataFrame, table: Table[Any]) -> None:
        write = partial(_write, location=self._location, table=table)
        act(map_rows(frame.select(*table.columns), write, "written bigint"))


def _scan(ranges: Iterable[TokenRange], *, location: str, table: Table[Any]) -> Iterator[Row]:
    store = worker_store(location)
    for tokens in ranges:
        rows = store.scan(table, tokens)
        if table.name == SENSOR.name:
            rows = _labelled(location, rows)
        yield from (_typed(table, row) for row in rows)


def _labelled(location: str, rows: Iterable[Row]) -> Iterator[Row]:
    """A look at the labels, once per stream, spares the rows of unlabelled sessions the shuffle."""
    store = worker_store(location)
    for session, group in groupby(rows, key=itemgetter(0, 1)):
        if any(store.read(LABEL, session, limit=1)):
            yield from group


def _lookup(keys: Iterable[Row], *, location: str, table: Table[Any]) -> Iterator[Row]:
    store = worker_store(location)
    for partition in keys:
        yield from (_typed(table, row) for row in store.read(table, partition))


def _write(rows: Iterable[Row], *, location: str, table: Table[Any]) -> Iterator[Row]:
    store, left = worker_store(location), iter(rows)
    while some := list(islice(left, ROWS_PER_WRITE)):
        store.write([Insert(table, table.row(*row)) for row in some])
    yield from ()


def _typed(table: Table[Any], row: Any) -> Row:
    """Return `row` if its values are of the declared types, which SQLite does not see to."""
    for (name, kind), value in zip(table.types.items(), row, strict=True):
        if value is None and name in table.optional:
            continue
        if not isinstance(value, _PYTHON_TYPES.get(kind, kind)):
            key = {column: getattr(row, column) for column in table.key}
            raise StoredValueCorrupt(
                f"{table.name} row {key}: {name} is {str(value)[:40]!r}",
                expected=f"a value of type {_PYTHON_TYPES.get(kind, kind).__name__}",
                remedy="delete or correct the row",
            )
    return row  # type: ignore[no-any-return]
