"""Runs of the batch in a test's own Spark session, and what people send meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from batch.job import Job, Parameters
from batch.jobs import BatchResult, run_jobs
from batch.slicing import SLICES, cut_of
from batch.stores import open_source
from batch.sweeping import Places
from domain.frames import SensorFrame
from domain.identifiers import SessionId, StreamId, UserId
from domain.sensors import SensorSet
from persistence.arrivals import DAY_MS, arrival, day_of
from persistence.location import open_store
from persistence.ports import Insert, Store
from persistence.profile_tables import PROFILE, ProfileRow
from persistence.runs import RUNS_KEPT, RunStore
from persistence.schema import Timestamp
from persistence.sensors import SensorStore
from persistence.tables import LABEL, WINDOW, LabelRow

KEY = b"0123456789abcdef"
START_MS = 1_790_000_000_000
DAY = day_of(START_MS)
ALONE, BOTH = SensorSet.parse("a@50"), SensorSet.parse("a,g@50")


def run_batch(
    spark: SparkSession,
    location: str,
    *,
    jobs: Sequence[Job] = (SLICES,),
    sensor_sets: Sequence[SensorSet] = (ALONE, BOTH),
    day: date = DAY,
    everything: bool = False,
    session_share: float = 1.0,
    runs_kept: int = RUNS_KEPT,
    progress: Callable[[Any], None] = lambda _: None,
) -> BatchResult:
    """As `batch.program.run` does it, in the evening of `day`."""
    store = open_store(location)
    source = open_source(spark, location, store)
    places = Places(location=location, store=store, source=source, log=Path(os.devnull))
    state = RunStore(store).state()
    parameters = Parameters(
        day=day,
        pseudonym_key=KEY,
        cut=cut_of(state, sensor_sets, day, everything=everything),
        sensor_sets=tuple(sensor_sets),
        session_share=session_share,
    )
    try:
        return run_jobs(
            places, jobs, parameters, progress, runs_kept=runs_kept, now_ms=lambda: evening_ms(day)
        )
    finally:
        store.close()


def evening_ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000) + DAY_MS - 3_600_000


def upload(store: Store, user: str, frames: Sequence[SensorFrame], day: date = DAY) -> None:
    """What a node writes of frames that come on `day`."""
    store.write([SensorStore.entry(UserId(user), frame) for frame in frames])
    streams = sorted({frame.stream for frame in frames})
    arrived(store, user, frames[0].session, streams, day)


def confirm(
    store: Store, user: str, session: str, first_s: int, last_s: int, exercise: str, day: date = DAY
) -> None:
    times = Timestamp(START_MS + first_s * 1000), Timestamp(START_MS + last_s * 1000)
    store.write([Insert(LABEL, LabelRow(user, session, *times, exercise, 12, None))])
    agree(store, user)
    arrived(store, user, session, ["a.wrist", "g.wrist"], day)


def agree(store: Store, user: str, *, training: bool = True) -> None:
    """To be learned from, and to no statistics."""
    told = ProfileRow(user, Timestamp(START_MS), None, None, None, None, False, training, True)
    store.write([Insert(PROFILE, told)])


def arrived(store: Store, user: str, session: str, streams: Sequence[str], day: date) -> None:
    names = [StreamId(each) for each in streams]
    store.write([arrival(UserId(user), SessionId(session), names, evening_ms(day))])


def window_rows(store: Store) -> list[tuple[Any, ...]]:
    """All windows that are stored, without the run that cut them."""
    rows = sorted(store.scan(WINDOW))
    run = WINDOW.columns.index("run_nr")
    return [(*row[:run], *row[run + 1 :]) for row in rows]


def next_day(day: date = DAY, days: int = 1) -> date:
    return day + timedelta(days=days)
