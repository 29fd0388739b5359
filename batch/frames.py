"""How the tables of a store look as DataFrames, whatever the backend: their columns, times as ms of 1970."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import partial
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (Spark's own convention)

from batch.arrow import Row, map_rows
from domain.identifiers import pseudonym_of
from persistence.runs import RESULT_BUCKET_COUNT
from persistence.schema import Samples, Table, Timestamp

RUN, BUCKET = "run_nr", "bucket_nr"  # columns that the runner adds
_SPARK_TYPES: dict[Any, str] = {
    str: "string",
    int: "bigint",
    float: "double",
    bytes: "binary",
    bool: "boolean",
    Timestamp: "bigint",
    Samples: "array<smallint>",
}


def spark_schema(table: Table[Any], *, without: Collection[str] = ()) -> str:
    """The columns of a table's frame, as Spark's DDL."""
    return ", ".join(
        f"{name} {_SPARK_TYPES[kind]}" for name, kind in table.types.items() if name not in without
    )


def numbers(session: SparkSession, count: int, name: str) -> DataFrame:
    """The numbers below `count` in a column `name`. They come from Java: others need a Python worker each."""
    return session.range(0, count, 1, min(count, session.sparkContext.defaultParallelism)).toDF(name)


def of_run(frame: DataFrame, table: Table[Any], run_nr: int) -> DataFrame:
    """The rows of `table` that run `run_nr` writes, given what a job returned."""
    frame = frame.withColumn(RUN, F.lit(run_nr).cast("bigint"))
    if BUCKET in table.columns and BUCKET not in frame.columns:
        name = F.col(table.clustering[0]).cast("string")
        frame = frame.withColumn(BUCKET, F.crc32(name.cast("binary")) % RESULT_BUCKET_COUNT)
    return frame.select(*table.columns)


def with_subject(frame: DataFrame, key: bytes) -> DataFrame:
    """`frame` with the pseudonym `subject` (see `pseudonym_of`) first, in place of `user_id`."""
    others = [name for name in frame.columns if name != "user_id"]
    fields = ", ".join(f"{name} {frame.schema[name].dataType.simpleString()}" for name in others)
    return map_rows(
        frame.select("user_id", *others),
        partial(_renamed, key=key),
        ", ".join(filter(None, ["subject string", fields])),
    )


def _renamed(rows: Iterable[Row], *, key: bytes) -> Iterator[Row]:
    for user, *others in rows:
        yield pseudonym_of(user, key), *others
