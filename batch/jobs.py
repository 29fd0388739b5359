"""The nightly jobs: the only part of `batch` that reads and writes a store.

On the embedded store each task opens the files itself and scans its own token range, and each task writes its
own windows; through the driver go only counts.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, partial
from itertools import groupby
from operator import itemgetter
from typing import Any

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.sql import DataFrame, SparkSession

from batch.arrow import Row, map_rows
from batch.slices import LABEL_SCHEMA, SENSOR_SCHEMA, slice_windows, window_of_row
from domain.errors import ConfigurationError, StoredValueCorrupt
from domain.sensors import SensorSet
from persistence.location import open_store, sqlite_directory
from persistence.ports import Store, TokenRange
from persistence.schema import Samples, Table, Timestamp
from persistence.tables import LABEL, SENSOR
from persistence.windows import WindowStore

RANGES_PER_CORE = 4  # so that a core which is done early finds more to do
PROGRESS_SECONDS = 0.5
_COUNT_SCHEMA = "counted string, count bigint"
_SESSIONS = "sessions"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """`done` of `total` tasks of `stage` are finished."""

    stage: str
    done: int
    total: int
    message: str


ProgressListener = Callable[[Progress], None]


@dataclass(frozen=True, kw_only=True)
class SlicesResult:
    """Sessions that gave windows, windows by sensor set (`a@50`), and how long it took."""

    sessions: int
    windows: dict[str, int]
    seconds: float


def run_slices(
    session: SparkSession,
    store_location: str,
    sensor_sets: Sequence[SensorSet],
    pseudonym_key: bytes,
    progress: ProgressListener,
    *,
    day: date | None = None,
) -> SlicesResult:
    """Cut the labelled windows of the store's sessions and store them; running again gives the same rows.

    With a `day`, only sessions that have a label starting on that day (UTC). Spark's exception carries the
    text of a StoredValueCorrupt, naming the row, when a row is malformed, and of any other StoreError.
    """
    started = time.monotonic()
    check_location(store_location)
    partition_count = session.sparkContext.defaultParallelism * RANGES_PER_CORE
    windows = slice_windows(
        sensor_rows(session, store_location, partition_count, day),
        label_rows(session, store_location, partition_count),
        sensor_sets=sensor_sets,
        pseudonym_key=pseudonym_key,
        partition_count=partition_count,
    )
    written = map_rows(windows, partial(_write, location=store_location), _COUNT_SCHEMA)
    with _reporting(session, "slices", progress):
        counts: Counter[str] = Counter()
        for row in written.collect():
            counts[row["counted"]] += row["count"]
    return SlicesResult(
        sessions=counts[_SESSIONS],
        windows={str(sensor_set): counts[str(sensor_set)] for sensor_set in sensor_sets},
        seconds=time.monotonic() - started,
    )


def sensor_rows(session: SparkSession, location: str, range_count: int, day: date | None = None) -> DataFrame:
    """The sensor rows (SENSOR_SCHEMA) of sessions that have labels, those of `day` if given."""
    read = partial(_read_sensor_rows, location=location, bounds_ms=_bounds_ms(day))
    return _scanned(session, location, SENSOR, range_count, read, SENSOR_SCHEMA)


def label_rows(session: SparkSession, location: str, range_count: int) -> DataFrame:
    """All confirmed labels (LABEL_SCHEMA)."""
    read = partial(_read_label_rows, location=location)
    return _scanned(session, location, LABEL, range_count, read, LABEL_SCHEMA)


def check_location(location: str) -> None:
    """Raise ConfigurationError unless `location` names a store that exists and can be read.

    Of a store that is not a directory, opening it tells.
    """
    directory = sqlite_directory(location)
    if directory is None:
        return
    file = directory / f"{SENSOR.keyspace}.sqlite"
    try:
        file.open("rb").close()
    except OSError as error:
        raise ConfigurationError(
            f"no store can be read in {file.parent}: {error.strerror} ({file.name})",
            remedy="name the directory that muvr keeps its data in, as sqlite:DIRECTORY",
        ) from error


@lru_cache(maxsize=1)
def worker_store(location: str) -> Store:
    """The store at `location`, opened once in each of Spark's Python workers."""
    check_location(location)
    return open_store(location)


def _scanned(
    session: SparkSession,
    location: str,
    table: Table[Any],
    range_count: int,
    read: Callable[[Iterable[TokenRange]], Iterator[Row]],
    schema: str,
) -> DataFrame:
    """One task per token range of `table`, each of which reads its range itself."""
    ranges = worker_store(location).token_ranges(table, range_count)
    # Numbers come from Java; a DataFrame of ranges would need a Python worker more for each task.
    numbers = session.range(0, len(ranges), 1, len(ranges))
    return map_rows(numbers, lambda rows: read(ranges[number] for (number,) in rows), schema)


def _bounds_ms(day: date | None) -> tuple[int, int] | None:
    """The first and the last millisecond of a day, UTC."""
    if day is None:
        return None
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return int(start.timestamp() * 1000), int((start + timedelta(days=1)).timestamp() * 1000) - 1


def _read_sensor_rows(
    ranges: Iterable[TokenRange], *, location: str, bounds_ms: tuple[int, int] | None
) -> Iterator[Row]:
    store = worker_store(location)
    lower, upper = ((), ()) if bounds_ms is None else ((bounds_ms[0],), (bounds_ms[1],))
    for tokens in ranges:
        rows = store.scan(SENSOR, tokens)
        for session, group in groupby(rows, key=itemgetter(0, 1)):
            # A look at the labels, once per stream, spares the rows of unlabelled sessions the shuffle.
            if any(store.read(LABEL, session, lower=lower, upper=upper, limit=1)):
                yield from (_typed(SENSOR, row) for row in group)


def _read_label_rows(ranges: Iterable[TokenRange], *, location: str) -> Iterator[Row]:
    store = worker_store(location)
    for tokens in ranges:
        for row in store.scan(LABEL, tokens):
            yield _typed(LABEL, row)[: len(LABEL_SCHEMA.split(","))]


_PYTHON_TYPES = {Timestamp: int, Samples: bytes}
_OPTIONAL = {"repetitions", "weight_kg"}


def _typed(table: Table[Any], row: Row) -> Row:
    """Return `row` if its values are of the declared types, which SQLite does not see to."""
    for (name, kind), value in zip(table.types.items(), row, strict=True):
        if not isinstance(value, _PYTHON_TYPES.get(kind, kind)) and name not in _OPTIONAL:
            key = dict(zip(table.key, (getattr(row, column) for column in table.key), strict=True))
            raise StoredValueCorrupt(
                f"{table.name} row {key}: {name} is {str(value)[:40]!r}",
                expected=f"a value of type {_PYTHON_TYPES.get(kind, kind).__name__}",
                remedy="delete or correct the row",
            )
    return row


def _write(rows: Iterable[Row], *, location: str) -> Iterator[Row]:
    """Store the windows of a partition; yields how many sessions and windows per sensor set there were."""
    counts: Counter[str] = Counter()
    store = WindowStore(worker_store(location))
    for _, group in groupby(rows, key=itemgetter(2)):
        counts[_SESSIONS] += 1
        store.write(_counted(group, counts))
    yield from counts.items()


def _counted(rows: Iterable[Row], counts: Counter[str]) -> Iterator[Any]:
    for row in rows:
        counts[row[0]] += 1
        yield window_of_row(row)


@contextmanager
def _reporting(session: SparkSession, stage: str, progress: ProgressListener) -> Iterator[None]:
    """Tell `progress` about the tasks of the Spark job that runs inside, from a thread of its own."""
    session.sparkContext.setJobGroup(stage, stage)
    tracker = session.sparkContext.statusTracker()
    ended = threading.Event()
    last = (0, 0)

    def watch() -> None:
        nonlocal last
        while not ended.wait(PROGRESS_SECONDS):
            try:
                counted = _tasks(tracker, stage)
            except (Py4JError, OSError):  # Java is gone; who waits for the job hears of it
                return
            if counted != last and counted[1]:
                last = counted
                progress(Progress(stage=stage, done=counted[0], total=counted[1], message="cutting windows"))

    watcher = threading.Thread(target=watch, name=f"progress of {stage}", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
    watcher.join()
    progress(Progress(stage=stage, done=last[1], total=last[1], message="windows are written"))


def _tasks(tracker: Any, group: str) -> tuple[int, int]:
    """Finished and all tasks of a job group."""
    jobs = [tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup(group)]
    stages = [tracker.getStageInfo(stage) for job in jobs if job for stage in job.stageIds]
    known = [stage for stage in stages if stage]
    return sum(s.numCompletedTasks for s in known), sum(s.numTasks for s in known)
