"""The tables of the night's scheduler: what runs, what ran, who begins it and what people ask of it."""

from __future__ import annotations

from typing import NamedTuple

from persistence.schema import KEYS, MAIN, Table, Timestamp


class JobRunRow(NamedTuple):
    job: str
    started_at: Timestamp
    run_id: str
    state: str
    progress: float
    message: str
    finished_at: Timestamp | None
    log: str
    night_id: str | None = None  # these four are None in rows of schema 3
    attempt: int | None = None
    epoch: int | None = None
    result: str | None = None


JOB_RUN = Table(
    name="job_run",
    keyspace=MAIN,
    row=JobRunRow,
    partition=("job",),
    clustering=("started_at", "run_id"),
    descending=True,
    comment="Runs of a night's steps: state, progress, end of their log; result is JSON",
)


class NightRow(NamedTuple):
    schedule: str
    due_at: Timestamp
    night_id: str
    state: str
    started_at: Timestamp | None
    finished_at: Timestamp | None
    detail: str


NIGHT = Table(
    name="night",
    keyspace=MAIN,
    row=NightRow,
    partition=("schedule",),
    clustering=("due_at", "night_id"),
    descending=True,
    comment="Nights that are over, newest first; state is succeeded, failed or cancelled, detail is JSON",
)


class JobRequestRow(NamedTuple):
    schedule: str
    request_id: str
    kind: str
    night_id: str
    asked_at: Timestamp


JOB_REQUEST = Table(
    name="job_request",
    keyspace=MAIN,
    row=JobRequestRow,
    partition=("schedule",),
    clustering=("request_id",),
    comment="What people ask the scheduler for, until it has taken it up; kind is run or cancel",
)


class ScheduleRow(NamedTuple):
    name: str
    holder: str
    epoch: int
    renewal_nr: int
    state: str


SCHEDULE = Table(
    name="schedule",
    keyspace=KEYS,
    row=ScheduleRow,
    partition=("name",),
    conditional=True,
    serial_reads=True,
    comment="Lease of who begins the nights, alive while renewal_nr grows, and the state of those (JSON)",
)

NIGHT_TABLES = (NIGHT, JOB_RUN, JOB_REQUEST, SCHEDULE)
