"""Rows for the contract suite, in tables of both orders, with and without clustering and None."""

from __future__ import annotations

from persistence.night_tables import JobRunRow
from persistence.schema import Timestamp
from persistence.tables import JournalRow, LabelRow, ViewRow


def journal(number: int, epoch: int = 0, *, of: str = "ada", event: bytes = b"e") -> JournalRow:
    return JournalRow(of, 0, number, epoch, Timestamp(5), event)


def run(started: int, run_id: str = "r", *, job: str = "night", log: str = "") -> JobRunRow:
    return JobRunRow(job, Timestamp(started), run_id, "running", 0.0, "", None, log)


def label(start: int, weight_kg: float | None = None, repetitions: int | None = None) -> LabelRow:
    return LabelRow("ada", "s", Timestamp(start), Timestamp(start + 1), "squat", repetitions, weight_kg)


def view(number: int, members: str = "one", *, name: str = "shards") -> ViewRow:
    return ViewRow(name, number, members)
