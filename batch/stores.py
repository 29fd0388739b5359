"""The stores as Spark sees them: which backend a location means, and what both have in common."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial

from pyspark.sql import DataFrame, SparkSession

from batch.arrow import Row, map_rows
from batch.job import Source
from domain.errors import ConfigurationError
from persistence.location import open_store, sqlite_directory
from persistence.ports import Store
from persistence.tables import SENSOR
from persistence.windows import forget_windows

DELETES_PER_WRITE = 256


def open_source(session: SparkSession, location: str, store: Store) -> Source:
    """The DataFrames of the store at `location`, which this process has open as `store`."""
    if sqlite_directory(location) is not None:
        from batch.embedded import EmbeddedSource

        return EmbeddedSource(session, location, store)
    from batch.connector import CassandraSource

    return CassandraSource(session, location)


def check_location(location: str) -> None:
    """Raise ConfigurationError unless `location` names a store that exists and can be read.

    Of a store that is not a directory, opening it tells.
    """
    directory = sqlite_directory(location)
    if directory is None:
        return
    file = directory / f"{SENSOR.keyspace}.sqlite"
    # Not by opening it: closing it again would take SQLite's locks from a store that this process has open.
    if not os.access(file, os.R_OK):
        raise ConfigurationError(
            f"no store can be read in {file.parent}: there is no {file.name}, or you may not read it",
            remedy="name the directory that muvr keeps its data in, as sqlite:DIRECTORY",
        )


@lru_cache(maxsize=1)
def worker_store(location: str) -> Store:
    """The store at `location`, opened once in each of Spark's Python workers."""
    check_location(location)
    return open_store(location)


def delete_windows(sessions: DataFrame, location: str, before_nr: int) -> None:
    """Delete what runs before `before_nr` have cut of `sessions` (sensor_set, subject, session)."""
    keys = sessions.select("sensor_set", "subject", "session")
    act(map_rows(keys, partial(_delete, location=location, before_nr=before_nr), "deleted bigint"))


def act(frame: DataFrame) -> None:
    """Compute all rows and keep none."""
    frame.write.format("noop").mode("overwrite").save()


def _delete(rows: Iterable[Row], *, location: str, before_nr: int) -> Iterator[Row]:
    store, pending = worker_store(location), []
    for sensor_set, subject, session in rows:
        pending.append(forget_windows(sensor_set, subject, session, before_nr))
        if len(pending) == DELETES_PER_WRITE:
            store.write(pending)
            pending = []
    store.write(pending)
    yield from ()
