"""A run of the night's jobs: begun, written under its number, served all at once, or given up."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from pyspark import StorageLevel
from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (Spark's own convention)

from batch.errors import translated_errors
from batch.frames import BUCKET, RUN, numbers, of_run
from batch.job import Frames, Job, Parameters, Previous, Source
from batch.progress import Progress, ProgressListener, reporting
from batch.slicing import SLICES
from batch.sweeping import Places, forget_withdrawn, sweep
from domain.errors import StoreError, StoreUnavailable
from persistence.arrivals import day_of
from persistence.profile_tables import PROFILE
from persistence.runs import (
    RENEW_SECONDS,
    RUNS_KEPT,
    BatchState,
    Run,
    RunStore,
    ended_badly,
    ended_well,
    result_partitions,
)
from persistence.schema import Table

ATTEMPTS_MAX = 6  # of a job, while the store comes and goes
PAUSE_SECONDS = 2.0  # and longer each time: Spark's executors find a node later than this process does
AWAY_SECONDS_MAX = 300.0
POLL_SECONDS = 1.0
LATE_MS = 15 * 60_000  # a day is over for good: clocks of nodes differ, and a write takes its time

ResultT = TypeVar("ResultT")

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """Rows by table, the job's measures, and how long it took."""

    rows: dict[str, int]
    measures: dict[str, int]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class BatchResult:
    run_nr: int
    day: str
    first_day: str | None
    jobs: dict[str, JobResult]
    seconds: float


def run_jobs(
    places: Places,
    jobs: Sequence[Job],
    parameters: Parameters,
    progress: ProgressListener,
    *,
    runs_kept: int = RUNS_KEPT,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> BatchResult:
    """Run `jobs`, which are in order, and serve what they give; raises what `translated_errors` says.

    Running again gives the same rows. What earlier runs left is deleted before and after.
    """
    started_s, started_ms = time.monotonic(), now_ms()
    shared = _Shared(places.source, jobs)
    places = replace(places, source=shared)
    runs = RunStore(places.store)
    run = runs.begin(_run_of(jobs, parameters, started_ms))
    results: dict[str, JobResult] = {}
    with _renewing(runs, run.number):
        try:
            _patiently(partial(sweep, places, runs, parameters, runs_kept), runs, progress)
            if SLICES in jobs:
                _patiently(partial(forget_withdrawn, places, parameters, run.number), runs, progress)
            for job in jobs:
                action = partial(_run_job, places, runs, run, job, parameters, progress)
                results[job.name] = _patiently(action, runs, progress)
            through = _complete_through(parameters, started_ms)
            end = partial(ended_well, number=run.number, sliced_through=through)
            _patiently(partial(runs.change, end), runs, progress)
        except BaseException:
            with suppress(StoreError):  # then the next run finds that this one has died
                runs.change(partial(ended_badly, number=run.number))
            raise
    shared.release()
    _patiently(partial(sweep, places, runs, parameters, runs_kept), runs, progress)
    return BatchResult(
        run_nr=run.number,
        day=parameters.day.isoformat(),
        first_day=parameters.cut.first_day if SLICES in jobs else None,
        jobs=results,
        seconds=time.monotonic() - started_s,
    )


class _Shared:
    """A source that reads a table once for all jobs that read the whole of it. See `batch.job.Source`."""

    def __init__(self, source: Source, jobs: Sequence[Job]) -> None:
        self._source = source
        self._frames: dict[Table[Any], DataFrame] = {}
        times = Counter(table for job in jobs if job.read is None for table in job.reads)
        self._shared = {table for table, count in times.items() if count > 1}

    @property
    def session(self) -> SparkSession:
        return self._source.session

    def scan(self, table: Table[Any]) -> DataFrame:
        if table not in self._shared:
            return self._source.scan(table)
        if table not in self._frames:
            self._frames[table] = self._source.scan(table).persist(StorageLevel.MEMORY_AND_DISK)
        return self._frames[table]

    def release(self) -> None:
        """Let go of what was read."""
        for frame in self._frames.values():
            frame.unpersist()
        self._frames.clear()

    def lookup(self, keys: DataFrame, table: Table[Any]) -> DataFrame:
        return self._source.lookup(keys, table)

    def write(self, frame: DataFrame, table: Table[Any]) -> None:
        self._source.write(frame, table)


def _run_of(jobs: Sequence[Job], parameters: Parameters, started_ms: int) -> Run:
    return Run(
        number=0,
        holder=uuid.uuid4().hex,
        day=parameters.day.isoformat(),
        tables=tuple(table.name for job in jobs for table in job.writes),
        started_at_ms=started_ms,
        cut=parameters.cut if SLICES in jobs else None,
    )


def _complete_through(parameters: Parameters, started_ms: int) -> str:
    """The last day of which nothing can arrive any more that the run has not read."""
    over = (day_of(started_ms - LATE_MS) - timedelta(days=1)).isoformat()
    return over if parameters.cut.first_day is None else min(over, parameters.cut.last_day)


def _run_job(
    places: Places, runs: RunStore, run: Run, job: Job, parameters: Parameters, progress: ProgressListener
) -> JobResult:
    started_s = time.monotonic()
    source = places.source
    with translated_errors(places.log), reporting(source.session, job.name, job.summary, progress):
        if job.is_of_groups and _are_too_few(source, parameters):
            rows = {table.name: 0 for table in job.writes}
            return JobResult(rows=rows, measures={}, seconds=time.monotonic() - started_s)
        frames = _frames(source, runs.state(), run, job, parameters)
        rows = {}
        measures: dict[str, int] = {}
        for table, frame in job.function(frames, parameters).items():
            seen = Observation(f"{job.name} {table.name}")
            observed = frame.observe(seen, F.count(F.lit(1)).alias("rows"), *job.measures(parameters))
            source.write(of_run(observed, table, run.number), table)
            found = {name: int(value or 0) for name, value in seen.get.items()}
            rows[table.name] = found.pop("rows")
            measures.update(found)
    return JobResult(rows=rows, measures=measures, seconds=time.monotonic() - started_s)


def _are_too_few(source: Source, parameters: Parameters) -> bool:
    """Whether all users who agreed to be counted are fewer than any group of which something is published."""
    agreed = source.scan(PROFILE).where("in_statistics").limit(parameters.members_min)
    return int(agreed.count()) < parameters.members_min


def _frames(source: Source, state: BatchState, run: Run, job: Job, parameters: Parameters) -> Frames:
    if job.read is not None:
        return job.read(source, parameters)
    frames: dict[Table[Any] | Previous, DataFrame] = {}
    for table in job.reads:
        if RUN in table.partition:
            number = run.number if table.name in run.tables else state.served.get(table.name, 0)
            frames[table] = _results(source, table, number)
        else:
            frames[table] = source.scan(table)
    for table in job.previous:
        frames[Previous(table)] = _results(source, table, state.served.get(table.name, 0))
    return frames


def _results(source: Source, table: Table[Any], number: int) -> DataFrame:
    """The rows of a run, 0 of which there is none, without the columns that the runner adds."""
    keys = numbers(source.session, len(result_partitions(table, number)), BUCKET)
    keys = keys.withColumn(RUN, F.lit(number).cast("bigint"))
    return source.lookup(keys, table).drop(RUN, BUCKET)


def _patiently(action: Callable[[], ResultT], runs: RunStore, progress: ProgressListener) -> ResultT:
    """What `action`, which changes nothing twice, gives; again while the store comes and goes."""
    for attempt in range(1, ATTEMPTS_MAX + 1):
        try:
            return action()
        except StoreUnavailable as error:
            if attempt == ATTEMPTS_MAX:
                raise
            progress(Progress(stage="wait", done=0, total=1, message=f"waiting for the store: {error}"))
            _wait_for(runs)
            time.sleep(PAUSE_SECONDS * attempt)
    raise AssertionError("an attempt returns or raises")


def _wait_for(runs: RunStore) -> None:
    """Until the store answers; raises StoreUnavailable if it does not in AWAY_SECONDS_MAX."""
    deadline = time.monotonic() + AWAY_SECONDS_MAX
    while True:
        try:
            runs.state()
            return
        except StoreUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)


@contextmanager
def _renewing(runs: RunStore, number: int) -> Iterator[None]:
    """Say again and again that the run is under way."""
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(RENEW_SECONDS):
            try:
                runs.renew(number)
            except StoreError as error:
                log.warning("run %d could not be renewed: %s", number, error)

    thread = threading.Thread(target=renew, name=f"renewal of run {number}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
