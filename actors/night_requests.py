"""Asking whoever begins the nights for one, or for the end of one, through the store alone."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime

from actors.leadership import NOBODY
from actors.night_rules import WAITING_MAX
from domain.errors import ConfigurationError
from persistence.jobs import CANCEL, RUN, SCHEDULE_NAME, JobStore
from persistence.night_tables import JobRequestRow
from persistence.ports import Store
from persistence.schema import Timestamp


def ask_to_run(store: Store) -> str:
    """Ask for a night now; its identifier. Raises ConfigurationError if too many wait already."""
    jobs = JobStore(store)
    if sum(request.kind == RUN for request in jobs.requests()) >= WAITING_MAX:
        raise ConfigurationError(
            f"{WAITING_MAX} nights were asked for and wait", remedy="see that a node runs, or cancel some"
        )
    night_id = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
    _ask(jobs, RUN, night_id)
    return night_id


def ask_to_cancel(store: Store, night_id: str) -> None:
    _ask(JobStore(store), CANCEL, night_id)


def has_scheduler(store: Store) -> bool:
    """Whether a node said that it begins the nights and did not say that it stopped; it may be gone."""
    schedule = JobStore(store).schedule()
    return schedule is not None and schedule.holder != NOBODY


def _ask(jobs: JobStore, kind: str, night_id: str) -> None:
    now_ms = time.time_ns() // 1_000_000
    request_id = f"{kind}-{night_id}-{secrets.token_hex(2)}"
    jobs.ask(JobRequestRow(SCHEDULE_NAME, request_id, kind, night_id, Timestamp(now_ms)))
