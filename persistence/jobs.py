"""Job store: what ran in the night, how far it is, and what it printed."""

from __future__ import annotations

from collections.abc import Iterator

from persistence.ports import Insert, Store
from persistence.tables import JOB_RUN, JobRunRow

RUNNING, SUCCEEDED, FAILED = "running", "succeeded", "failed"


class JobStore:
    def __init__(self, store: Store) -> None:
        self._store = store

    def record(self, run: JobRunRow) -> None:
        """Store a run's state, replacing what it was."""
        self._store.write([Insert(JOB_RUN, run)])

    def runs(self, job: str, limit: int | None = None) -> Iterator[JobRunRow]:
        """Runs of a job, newest first."""
        return self._store.read(JOB_RUN, (job,), limit=limit)

    def all_runs(self) -> list[JobRunRow]:
        """Every run, newest first."""
        return sorted(self._store.scan(JOB_RUN), key=lambda run: -run.started_at)
