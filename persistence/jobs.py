"""Job store: nights that are over, the runs of their steps with their logs, and what people ask for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from persistence.night_tables import (
    JOB_REQUEST,
    JOB_RUN,
    NIGHT,
    SCHEDULE,
    JobRequestRow,
    JobRunRow,
    NightRow,
    ScheduleRow,
)
from persistence.ports import Delete, Insert, Store

SCHEDULE_NAME = "night"
RUN, CANCEL = "run", "cancel"  # kinds of requests
REQUESTS_PER_READ_MAX = 100
NIGHTS_KEPT = 200


class JobStore:
    def __init__(self, store: Store) -> None:
        self._store = store

    def record(self, run: JobRunRow) -> None:
        """Store a run's state, replacing what it was."""
        self._store.write([Insert(JOB_RUN, run)])

    def runs_since(self, job: str, since_ms: int) -> Iterator[JobRunRow]:
        """Runs of a job that began at that time or later, newest first."""
        return self._store.read(JOB_RUN, (job,), lower=(since_ms,))

    def run_ids(self) -> set[str]:
        """Of all runs that are kept."""
        return {run.run_id for run in self._store.scan(JOB_RUN)}

    def record_nights(self, nights: Sequence[NightRow]) -> bool:
        """Store what nights came to. Those before the newest NIGHTS_KEPT are deleted, with their runs.

        True if there were such.
        """
        self._store.write([Insert(NIGHT, night) for night in nights])
        beyond = list(self.nights(NIGHTS_KEPT + 1))[NIGHTS_KEPT:]
        if not beyond:
            return False
        newest = beyond[0].due_at
        jobs = {run.job for run in self._store.scan(JOB_RUN)}
        deletes = [Delete(JOB_RUN, (job,), upper=(newest,)) for job in jobs]
        self._store.write([*deletes, Delete(NIGHT, (SCHEDULE_NAME,), upper=(newest,))])
        return True

    def nights(self, limit: int) -> Iterator[NightRow]:
        """Nights that are over, newest first."""
        return self._store.read(NIGHT, (SCHEDULE_NAME,), limit=limit)

    def schedule(self) -> ScheduleRow | None:
        """Who begins the nights, and the state of those that are not over; None before anybody did."""
        return next(self._store.read(SCHEDULE, (SCHEDULE_NAME,)), None)

    def ask(self, request: JobRequestRow) -> None:
        """Put down what is asked for; the scheduler takes it up within seconds."""
        self._store.write([Insert(JOB_REQUEST, request)])

    def requests(self) -> list[JobRequestRow]:
        """What was asked for and not taken up, at most REQUESTS_PER_READ_MAX, oldest first."""
        rows = self._store.read(JOB_REQUEST, (SCHEDULE_NAME,), limit=REQUESTS_PER_READ_MAX)
        return sorted(rows, key=lambda row: row.asked_at)

    def delete_requests(self, request_ids: Sequence[str]) -> None:
        self._store.write(
            [
                Delete(JOB_REQUEST, (SCHEDULE_NAME,), (request_id,), (request_id,))
                for request_id in request_ids
            ]
        )
