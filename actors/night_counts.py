"""What the scheduler tells of nights and of the models that are served."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from actors.night import RUNNING, SUCCEEDED, Night
from persistence.jobs import NIGHTS_KEPT, JobStore
from persistence.models import cluster_in, user_of
from persistence.night_tables import JobRunRow, NightRow
from persistence.tables import CurrentModelRow
from telemetry import metrics

leads = metrics.SCHEDULER_LEADS.of().set  # takes whether it does
_running = metrics.NIGHT_RUNNING.of()
_succeeded = metrics.NIGHT_SUCCEEDED.of()


def remember(jobs: JobStore) -> None:
    """Tell of the last night that succeeded, whoever ran it. Raises StoreError."""
    newest = next((row for row in jobs.nights(NIGHTS_KEPT) if row.state == SUCCEEDED), None)
    if newest is not None and newest.finished_at is not None:
        _succeeded.set(newest.finished_at / 1000)


def stands(night: Night | None) -> None:
    """This is the night that goes on."""
    _running.set(night is not None and night.state == RUNNING)


def over(nights: Iterable[NightRow]) -> None:
    """Nights have ended."""
    for night in nights:
        metrics.NIGHTS.of(night.state).add()
        if night.state == SUCCEEDED and night.finished_at is not None:
            _succeeded.set(night.finished_at / 1000)


def recorded(run: JobRunRow) -> None:
    """A run of a step was recorded, over or not; its name may end with a sensor set."""
    if run.finished_at is None:
        return
    words = run.job.split()
    step = " ".join(words[:2]) if words[1:2] == ["clusters"] else words[0]
    metrics.JOB_RUNS.of(step, run.state).add()
    metrics.JOB_DURATION.of(step).set((run.finished_at - run.started_at) / 1000)


def served(models: Sequence[CurrentModelRow]) -> None:
    """These are served from now on."""
    by_scope: dict[str, list[CurrentModelRow]] = {scope: [] for scope in metrics.SCOPES}
    for row in models:
        by_scope[_scope(row)].append(row)
    for scope, rows in by_scope.items():
        metrics.MODELS_SERVED.of(scope).set(len(rows))
        metrics.MODEL_F1.of(scope).set(min((row.f1_macro for row in rows), default=float("nan")))
        metrics.MODEL_SINCE.of(scope).set(time.time() if rows else 0.0)


def _scope(row: CurrentModelRow) -> str:
    if user_of(row.scope) is not None:
        return "user"
    return "cluster" if cluster_in(row.scope) is not None else "everyone"
