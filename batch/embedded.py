"""The embedded store: each of Spark's tasks opens the files itself, reads its range and writes its rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby, islice
from operator import itemgetter
from types import NoneType
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from batch.arrow import ROWS_PER_BATCH, Row, map_rows
from batch.frames import spark_schema
from batch.session import partition_count
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
        self._range_count = partition_count(session)

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
        yield from _typed(table, rows)


def _labelled(location: str, rows: Iterable[Row]) -> Iterator[Row]:
    """A look at the labels, once per stream, spares the rows of unlabelled sessions the shuffle."""
    store = worker_store(location)
    for session, group in groupby(rows, key=itemgetter(0, 1)):
        if any(store.read(LABEL, session, limit=1)):
            yield from group


def _lookup(keys: Iterable[Row], *, location: str, table: Table[Any]) -> Iterator[Row]:
    store = worker_store(location)
    for partition in keys:
        yield from _typed(table, store.read(table, partition))


def _write(rows: Iterable[Row], *, location: str, table: Table[Any]) -> Iterator[Row]:
    store, left = worker_store(location), iter(rows)
    while some := list(islice(left, ROWS_PER_WRITE)):
        store.write([Insert(table, table.row(*row)) for row in some])
    yield from ()


def _typed(table: Table[Any], rows: Iterable[Row]) -> Iterator[Row]:
    """`rows`, whose values are of the declared types, which SQLite does not see to.

    A column at a time, since a night reads millions of rows. Raises StoredValueCorrupt.
    """
    allowed = [
        (name, _PYTHON_TYPES.get(kind, kind), name in table.optional) for name, kind in table.types.items()
    ]
    left = iter(rows)
    while some := list(islice(left, ROWS_PER_BATCH)):
        for (name, kind, is_optional), values in zip(allowed, zip(*some, strict=True), strict=True):
            for found in set(map(type, values)):
                if not issubclass(found, kind) and not (is_optional and found is NoneType):
                    raise _corrupt(table, name, kind, some[[*map(type, values)].index(found)])
        yield from some


def _corrupt(table: Table[Any], name: str, kind: type, row: Any) -> StoredValueCorrupt:
    key = {column: getattr(row, column) for column in table.key}
    return StoredValueCorrupt(
        f"{table.name} row {key}: {name} is {str(getattr(row, name))[:40]!r}",
        expected=f"a value of type {kind.__name__}",
        remedy="delete or correct the row",
    )
