"""Small frames of users who train, for the tests of what the night learns about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from batch.frames import spark_schema
from batch.job import Frames, Job, Parameters, Previous
from domain.identifiers import pseudonym_of
from persistence.learned_tables import CLUSTER_MEMBER
from persistence.profile_tables import GOAL, MEASUREMENT_BY_USER, PROFILE
from persistence.runs import Cut
from persistence.schema import Table
from persistence.tables import LABEL

KEY = b"0123456789abcdef"
DAY = date(2026, 9, 22)
END_MS = 1_790_035_200_000  # of that day
MEMBER_SCHEMA = "subject string, cluster_id string"


def parameters(members_min: int) -> Parameters:
    cut = Cut(sensor_sets=(), last_day=str(DAY))
    return Parameters(day=DAY, pseudonym_key=KEY, cut=cut, members_min=members_min)


def profile(user: str, **fields: Any) -> tuple[Any, ...]:
    told: dict[str, Any] = {"birth_year": None, "sex": None, "height_cm": None, "experience": None}
    told |= {"in_statistics": True, "in_training": None, "is_recognised": None} | fields
    return (user, 0, *(told[name] for name in PROFILE.columns[2:]))


def session(
    user: str, name: str, exercises: Iterable[str], start_ms: int = END_MS - 86_400_000, kg: float = 40.0
) -> list[tuple[Any, ...]]:
    """A set of each, of half a minute every two minutes."""
    starts = range(start_ms, start_ms + 10**9, 120_000)
    return [
        (user, name, at_ms, at_ms + 30_000, exercise, 8, kg)
        for at_ms, exercise in zip(starts, exercises, strict=False)
    ]


def frames(
    spark: SparkSession,
    *,
    profiles: list[Any] | None = None,
    labels: list[Any] | None = None,
    measurements: list[Any] | None = None,
    goals: list[Any] | None = None,
    members: Mapping[str, str] | None = None,
    before: Mapping[str, str] | None = None,
) -> dict[Any, DataFrame]:
    """What jobs read. `members` and `before` are clusters by user."""
    tables = {PROFILE: profiles, LABEL: labels, MEASUREMENT_BY_USER: measurements, GOAL: goals}
    found: dict[Any, DataFrame] = {
        table: spark.createDataFrame(rows or [], spark_schema(table)) for table, rows in tables.items()
    }
    for key, clusters in ((CLUSTER_MEMBER, members), (Previous(CLUSTER_MEMBER), before)):
        rows = [(pseudonym_of(user, KEY), cluster) for user, cluster in (clusters or {}).items()]
        found[key] = spark.createDataFrame(rows, MEMBER_SCHEMA)
    return found


def learned(job: Job, found: Frames, table: Table[Any], members_min: int) -> list[dict[str, Any]]:
    """The rows that `job` writes to `table`, whose columns they must have."""
    result = job.function(found, parameters(members_min))[table]
    wanted = spark_schema(table, without=("run_nr", "bucket_nr"))
    assert {f"{field.name} {field.dataType.simpleString()}" for field in result.schema} == set(
        wanted.split(", ")
    )
    return [row.asDict() for row in result.collect()]
