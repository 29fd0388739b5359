"""The job `slices`: which sessions a run cuts, and what is left over of them once it is served.

A run reads the sessions of which anything arrived since the last day that was cut completely, whenever they
were recorded; and everything when a sensor set was never cut. Windows of a session are cut anew as a whole,
so that a changed label, a frame that came late, or a label that is gone leave nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 (Spark's own convention)

from batch.arrow import Row, map_rows
from batch.frames import numbers, with_subject
from batch.job import Frames, Job, Parameters, Source
from batch.people import agreed_to_training
from batch.slices import slice_windows
from domain.sensors import SensorSet
from persistence.arrivals import ARRIVAL_BUCKET_COUNT
from persistence.batch_tables import ARRIVAL
from persistence.profile_tables import PROFILE
from persistence.runs import BatchState, Cut
from persistence.schema import Table
from persistence.tables import LABEL, SENSOR, WINDOW

_SESSION = ("user_id", "session_id")


def cut_of(state: BatchState, sensor_sets: Sequence[SensorSet], day: date, *, everything: bool) -> Cut:
    """What a run of `day` has to cut, given what earlier runs did."""
    names = tuple(str(each) for each in sensor_sets)
    through = [state.sliced_through.get(name) for name in names]
    if everything or None in through:
        return Cut(sensor_sets=names, last_day=day.isoformat())
    first = min(date.fromisoformat(each) for each in through if each is not None) + timedelta(days=1)
    return Cut(sensor_sets=names, first_day=min(first, day).isoformat(), last_day=day.isoformat())


def superseded(source: Source, parameters: Parameters) -> DataFrame:
    """The sessions (sensor_set, subject, session) of which earlier runs' windows are to go."""
    if parameters.cut.first_day is None:
        keys = source.scan(WINDOW).select("sensor_set", "subject", "session").distinct()
        return keys.where(F.col("sensor_set").isin(*parameters.cut.sensor_sets))
    sessions = with_subject(_arrived(source, parameters.cut).select(*_SESSION), parameters.pseudonym_key)
    names = F.array(*(F.lit(name) for name in parameters.cut.sensor_sets))
    return sessions.distinct().select(
        F.explode(names).alias("sensor_set"),
        "subject",
        F.concat("subject", F.lit("/"), "session_id").alias("session"),
    )


def withdrawn(source: Source, parameters: Parameters) -> DataFrame:
    """The sessions (sensor_set, subject, session) of which there are windows, of users who did not agree."""
    agreed = agreed_to_training(source.scan(PROFILE))
    subjects = with_subject(agreed.withColumn("name", F.col("user_id")), parameters.pseudonym_key)
    keys = source.scan(WINDOW).select("sensor_set", "subject", "session").distinct()
    return keys.join(subjects, "subject", "left_anti").select("sensor_set", "subject", "session")


def _read(source: Source, parameters: Parameters) -> Frames:
    agreed = F.broadcast(agreed_to_training(source.scan(PROFILE)))
    if parameters.cut.first_day is None:
        labels = _sampled(source.scan(LABEL), parameters.session_share)
        return {
            SENSOR: source.scan(SENSOR).join(agreed, "user_id", "left_semi"),
            LABEL: labels.join(agreed, "user_id", "left_semi"),
        }
    arrived = _arrived(source, parameters.cut).join(agreed, "user_id", "left_semi")
    sessions = _sampled(arrived.select(*_SESSION).distinct(), parameters.session_share)
    labels = source.lookup(sessions, LABEL)
    labelled = labels.select(*_SESSION).distinct()
    streams = arrived.join(labelled, list(_SESSION), "left_semi").select(
        *_SESSION, F.explode(F.split("streams", " ")).alias("stream")
    )
    return {SENSOR: source.lookup(streams.distinct(), SENSOR), LABEL: labels}


def _sampled(frame: DataFrame, share: float) -> DataFrame:
    """The rows of that share of all sessions; a session is in it or not, whenever it is looked at."""
    if share >= 1:
        return frame
    place = F.crc32(F.concat_ws("/", *_SESSION).cast("binary"))
    return frame.where(place < int(share * 2**32))


def _arrived(source: Source, cut: Cut) -> DataFrame:
    """The rows of ARRIVAL of the cut's days."""
    assert cut.first_day is not None
    first, last = date.fromisoformat(cut.first_day), date.fromisoformat(cut.last_day)
    count = ((last - first).days + 1) * ARRIVAL_BUCKET_COUNT
    keys = map_rows(
        numbers(source.session, count, "number"),
        partial(_partitions, first_day=first),
        "day string, bucket_nr bigint",
    )
    return source.lookup(keys, ARRIVAL)


def _partitions(rows: Iterable[Row], *, first_day: date) -> Iterator[Row]:
    for (number,) in rows:
        days, bucket_nr = divmod(number, ARRIVAL_BUCKET_COUNT)
        yield (first_day + timedelta(days=days)).isoformat(), bucket_nr


def _sliced(frames: Frames, parameters: Parameters) -> Mapping[Table[Any], DataFrame]:
    return {
        WINDOW: slice_windows(
            frames[SENSOR],
            frames[LABEL],
            sensor_sets=parameters.sensor_sets,
            pseudonym_key=parameters.pseudonym_key,
            partition_count=parameters.partition_count,
        )
    }


def _measures(parameters: Parameters) -> Sequence[Column]:
    """How many sessions gave windows, and windows of each sensor set."""
    sessions = F.sum(F.col("opens_session").cast("bigint")).alias("sessions")
    of_set = [
        F.sum((F.col("sensor_set") == str(each)).cast("bigint")).alias(f"windows of {each}")
        for each in parameters.sensor_sets
    ]
    return [sessions, *of_set]


SLICES = Job(
    name="slices",
    summary="labelled 2 s windows of what arrived, for training",
    reads=(SENSOR, LABEL, PROFILE),
    writes=(WINDOW,),
    function=_sliced,
    read=_read,
    measures=_measures,
)
