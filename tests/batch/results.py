"""Two jobs and their tables, for tests of how any job is run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (Spark's own convention)

from batch.frames import with_subject
from batch.job import Frames, Job, Parameters, Previous
from persistence.schema import MAIN, Table, Timestamp
from persistence.tables import LABEL


class DoneRow(NamedTuple):
    run_nr: int
    bucket_nr: int
    subject: str
    exercise: str
    sets: int
    last_at: Timestamp
    weight_kg: float | None


DONE = Table(
    name="done_by_subject",
    keyspace=MAIN,
    row=DoneRow,
    partition=("run_nr", "bucket_nr"),
    clustering=("subject", "exercise"),
)


class FavouriteRow(NamedTuple):
    run_nr: int
    exercise: str
    subjects: int
    before: int | None


FAVOURITE = Table(
    name="favourite", keyspace=MAIN, row=FavouriteRow, partition=("run_nr",), clustering=("exercise",)
)


def _done(frames: Frames, parameters: Parameters) -> Mapping[Table[Any], DataFrame]:
    labels = with_subject(frames[LABEL], parameters.pseudonym_key)
    of_subject = labels.groupBy("subject", "exercise").agg(
        F.count("*").alias("sets"), F.max("start_at").alias("last_at"), F.max("weight_kg").alias("weight_kg")
    )
    return {DONE: of_subject}


def _favourites(frames: Frames, parameters: Parameters) -> Mapping[Table[Any], DataFrame]:
    now = frames[DONE].groupBy("exercise").agg(F.count("*").alias("subjects"))
    before = frames[Previous(FAVOURITE)].select("exercise", F.col("subjects").alias("before"))
    return {FAVOURITE: now.join(before, "exercise", "left")}


DONE_JOB = Job(name="done", summary="sets", reads=(LABEL,), writes=(DONE,), function=_done)
FAVOURITES = Job(
    name="favourites",
    summary="exercises",
    reads=(DONE,),
    writes=(FAVOURITE,),
    previous=(FAVOURITE,),
    function=_favourites,
)
