"""How nights and their steps stand, as anyone can read who has the store; newest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from actors.night import FINAL, RUNNING, SUCCEEDED, WAITING, Night, StepRuns, decode_night, decode_state
from domain.errors import ConfigurationError
from persistence.jobs import NIGHTS_KEPT, RUN, JobStore
from persistence.night_tables import JobRunRow
from persistence.ports import Store


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """A step; what stands behind `attempt` is of its latest run. `result` is JSON that it printed."""

    name: str
    state: str
    message: str
    attempt: int
    run_id: str
    progress: float
    started_ms: int | None
    finished_ms: int | None
    retry_ms: int | None
    log: str
    result: str | None


@dataclass(frozen=True, kw_only=True)
class NightRecord:
    """`state` is waiting, running, succeeded, failed or cancelled. Steps are named once it has begun."""

    night_id: str
    state: str
    due_ms: int
    is_asked: bool
    is_cancelled: bool
    started_ms: int | None
    finished_ms: int | None
    steps: tuple[StepRecord, ...]

    @property
    def is_over(self) -> bool:
        return self.state in FINAL


def read_nights(store: Store, limit: int) -> list[NightRecord]:
    """The newest nights: those that wait, the one that runs, and those that are over."""
    jobs = JobStore(store)
    # In the order in which a night goes from one to the next, so that none is missed on its way.
    nights = {
        row.night_id: Night(night_id=row.night_id, due_ms=row.asked_at, is_asked=True)
        for row in jobs.requests()
        if row.kind == RUN
    }
    if (schedule := jobs.schedule()) is not None:
        state = decode_state(schedule.state)
        current = [state.night] if state.night is not None else []
        nights |= {night.night_id: night for night in (*state.over, *current, *state.waiting)}
    nights |= {row.night_id: decode_night(row.detail, row.night_id) for row in jobs.nights(limit)}
    newest = sorted(nights.values(), key=_order, reverse=True)[:limit]
    runs = _runs(jobs, newest)
    return [_night(night, runs) for night in newest]


def find_night(store: Store, night_id: str | None) -> NightRecord:
    """The night of that identifier; without one, the one that runs or else the newest that has begun.

    Raises ConfigurationError.
    """
    nights = read_nights(store, 2 * NIGHTS_KEPT)
    if night_id is not None:
        found = [night for night in nights if night.night_id == night_id]
    else:
        found = [night for night in nights if night.state == RUNNING]
        found += [night for night in nights if night.state != WAITING] + nights
    if not found:
        wrong = "there was no night yet" if night_id is None else f"there is no night {night_id!r}"
        remedy = "`muvr jobs run` asks for one" if night_id is None else "`muvr jobs list` names them all"
        raise ConfigurationError(wrong, remedy=remedy)
    return found[0]


def _order(night: Night) -> tuple[bool, int, str]:
    return (
        night.started_ms is None and not night.is_cancelled,
        night.started_ms or night.due_ms,
        night.night_id,
    )


def _runs(jobs: JobStore, nights: Iterable[Night]) -> dict[str, JobRunRow]:
    """The runs of these nights by their identifier; a step's in one read."""
    since_ms: dict[str, int] = {}
    for night in nights:
        for step in night.steps:
            if step.started_ms is not None:
                since_ms[step.name] = min(step.started_ms, since_ms.get(step.name, step.started_ms))
    return {run.run_id: run for name, at_ms in since_ms.items() for run in jobs.runs_since(name, at_ms)}


def _night(night: Night, runs: dict[str, JobRunRow]) -> NightRecord:
    return NightRecord(
        night_id=night.night_id,
        state=night.state,
        due_ms=night.due_ms,
        is_asked=night.is_asked,
        is_cancelled=night.is_cancelled,
        started_ms=night.started_ms,
        finished_ms=night.finished_ms,
        steps=tuple(_step(step, runs.get(step.run_id)) for step in night.steps),
    )


def _step(step: StepRuns, run: JobRunRow | None) -> StepRecord:
    """The state of the nights says how a step stands; only the run itself knows how far it is."""
    is_running = step.state == RUNNING
    return StepRecord(
        name=step.name,
        state=step.state,
        message=run.message if run is not None and is_running else step.message,
        attempt=step.attempt,
        run_id=step.run_id,
        progress=1.0 if step.state == SUCCEEDED else run.progress if run is not None and is_running else 0.0,
        started_ms=step.started_ms,
        finished_ms=step.finished_ms,
        retry_ms=step.retry_at_ms if step.state == WAITING and step.retry_at_ms else None,
        log=run.log if run is not None else "",
        result=run.result if run is not None else None,
    )
