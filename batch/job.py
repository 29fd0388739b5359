"""What a job of the night is: DataFrames of tables that it reads to DataFrames of tables that it writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from pyspark.sql import Column, DataFrame, SparkSession

from domain.sensors import SensorSet
from persistence.learned_tables import MEMBERS_MIN
from persistence.runs import Cut
from persistence.schema import Table


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What a result depends on beside the data. No group of fewer than `members_min` users is published.

    Of `session_share` of all sessions windows are cut, of the same ones each night.
    """

    day: date
    pseudonym_key: bytes
    cut: Cut
    sensor_sets: tuple[SensorSet, ...] = ()
    session_share: float = 1.0
    members_min: int = MEMBERS_MIN
    seed: int = 0
    partition_count: int = 8


@dataclass(frozen=True)
class Previous:
    """Stands for the rows of `table` that are served while a run is under way."""

    table: Table[Any]


Frames = Mapping[Table[Any] | Previous, DataFrame]


class Source(Protocol):
    """Where the DataFrames of a store come from and go to; see `batch.frames` for how they look.

    Nothing is read or written before an action, but for `write`, which is one.
    """

    @property
    def session(self) -> SparkSession: ...

    def scan(self, table: Table[Any]) -> DataFrame:
        """All rows. Of the sensor table those of sessions without labels may be missing."""

    def lookup(self, keys: DataFrame, table: Table[Any]) -> DataFrame:
        """The rows whose partition columns are those of a row of `keys`, of which no two are equal."""

    def write(self, frame: DataFrame, table: Table[Any]) -> None:
        """Insert the rows of `frame`, which has the table's columns, from where they are."""


def _no_measures(parameters: Parameters) -> Sequence[Column]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Job:
    """`function` gets a frame for each of `reads`, and of what is served for each of `previous`.

    It returns one for each of `writes`, without run_nr and bucket_nr. It runs after the jobs that write what
    it reads. `read` brings its frames, if it does not read whole tables. `measures` are aggregates over what
    it writes, for the result that people are told. A job `is_of_groups` if it tells of groups of users alone,
    of which none is smaller than `members_min`.
    """

    name: str
    summary: str
    reads: tuple[Table[Any], ...]
    writes: tuple[Table[Any], ...]
    function: Callable[[Frames, Parameters], Mapping[Table[Any], DataFrame]]
    previous: tuple[Table[Any], ...] = ()
    read: Callable[[Source, Parameters], Frames] | None = None
    measures: Callable[[Parameters], Sequence[Column]] = _no_measures
    is_of_groups: bool = False
