"""Tables of what the batch has to read and what it has done."""

from __future__ import annotations

from typing import Any, NamedTuple

from persistence.learned_tables import LEARNED_TABLES
from persistence.schema import MAIN, Table


class ArrivalRow(NamedTuple):
    day: str
    bucket_nr: int
    user_id: str
    session_id: str
    streams: str


ARRIVAL = Table(
    name="arrival",
    keyspace=MAIN,
    row=ArrivalRow,
    partition=("day", "bucket_nr"),
    clustering=("user_id", "session_id"),
    comment="Sessions of which frames or labels came on a day (UTC, by the node's clock), with their streams",
)


class BatchStateRow(NamedTuple):
    name: str
    state: str


BATCH_STATE = Table(
    name="batch_state",
    keyspace=MAIN,
    row=BatchStateRow,
    partition=("name",),
    conditional=True,
    serial_reads=True,
    comment="JSON: the batch's runs, and of which of them each job's results are served",
)

BATCH_TABLES: tuple[Table[Any], ...] = (ARRIVAL, BATCH_STATE, *LEARNED_TABLES)
