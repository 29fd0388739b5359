"""The scheduler actor: runs the night's steps one after the other as processes, on time or when told."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim
from thespian.actors import ActorExitRequest, ActorTypeDispatcher, ThespianWatch, WakeupMessage

from actors.launcher import LocalProcess
from actors.messages import Directory, ModelsChanged, Started, StartFailed
from domain.errors import MuvrError
from persistence.jobs import FAILED, RUNNING, SUCCEEDED, JobStore
from persistence.ports import Store
from persistence.schema import Timestamp
from persistence.tables import JobRunRow

log = logging.getLogger(__name__)

STOP_SECONDS = 3.0
EXIT_SECONDS = 20.0  # from the end of a program's output to its end
LOG_CHARACTERS_MAX = 4000
RECORD_EVERY_SECONDS = 0.5


@dataclass(frozen=True)
class Step:
    """A program of the night. It prints JSON lines: stage, done, total, message; last its result."""

    name: str
    argv: tuple[str, ...]
    seconds_max: float


@dataclass(frozen=True)
class StartScheduler:
    """Node to scheduler. `cron` (five fields, in `time_zone`) says when nights begin; None: only when told.

    Answered with Started or StartFailed.
    """

    open_store: Callable[[], Store]
    steps: tuple[Step, ...]
    log_directory: Path
    cron: str | None
    time_zone: str


@dataclass(frozen=True)
class RunNight:
    """Anyone to scheduler: run the steps now. Answered with NightStatus at once, also if one runs already."""


@dataclass(frozen=True)
class GetNight:
    """Anyone to scheduler: how is it going? Answered with NightStatus."""


@dataclass(frozen=True, kw_only=True)
class StepStatus:
    name: str
    state: str = "waiting"
    progress: float = 0.0
    message: str = ""
    seconds: float = 0.0
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NightStatus:
    is_running: bool
    steps: tuple[StepStatus, ...]

    @property
    def has_succeeded(self) -> bool:
        return bool(self.steps) and all(step.state == SUCCEEDED for step in self.steps)


@dataclass
class _Run:
    """The step that runs."""

    step: Step
    process: LocalProcess
    run_id: str
    started_at_ms: int
    started_s: float
    log: Path
    recorded_s: float = 0.0


class SchedulerActor(ActorTypeDispatcher):
    _config: StartScheduler
    _jobs: JobStore
    _statuses: list[StepStatus]
    _run: _Run | None = None
    _addresses: Mapping[str, Any] = {}

    def receiveMsg_StartScheduler(self, message: StartScheduler, sender: Any) -> None:  # noqa: N802
        try:
            message.log_directory.mkdir(parents=True, exist_ok=True)
            self._config, self._jobs = message, JobStore(message.open_store())
            self._statuses = [StepStatus(name=step.name) for step in message.steps]
            self._plan()
        except (MuvrError, OSError, ValueError, KeyError) as error:
            self.send(sender, StartFailed(f"the scheduler cannot start: {error}"))
            return
        self.send(sender, Started())

    def receiveMsg_Directory(self, message: Directory, sender: Any) -> Any:  # noqa: N802
        self._addresses = message.addresses
        return self._watch()

    def receiveMsg_RunNight(self, message: RunNight, sender: Any) -> Any:  # noqa: N802
        self._begin()
        self.send(sender, self._status())
        return self._watch()

    def receiveMsg_GetNight(self, message: GetNight, sender: Any) -> Any:  # noqa: N802
        self.send(sender, self._status())
        return self._watch()

    def receiveMsg_WakeupMessage(self, message: WakeupMessage, sender: Any) -> Any:  # noqa: N802
        if message.payload == "night":
            self._begin()
            self._plan()
        elif self._run is not None and message.payload == self._run.run_id:
            self._run.process.stop(STOP_SECONDS)
            self._finish(f"it ran longer than its {self._run.step.seconds_max:g} s")
        return self._watch()

    def receiveMsg_WatchMessage(self, message: Any, sender: Any) -> Any:  # noqa: N802
        if self._run is not None:
            for line in self._run.process.read():
                self._note(line)
            if self._run.process.has_ended:
                status = self._run.process.wait(EXIT_SECONDS)
                self._finish("" if status == 0 else _failure(self._run.log, status))
        return self._watch()

    def receiveMsg_ActorExitRequest(self, message: ActorExitRequest, sender: Any) -> None:  # noqa: N802
        if self._run is not None:
            self._run.process.stop(STOP_SECONDS)
            self._finish("the node was stopped", go_on=False)

    def _plan(self) -> None:
        if self._config.cron is not None:
            now = datetime.now(ZoneInfo(self._config.time_zone))
            self.wakeupAfter(next(CronSim(self._config.cron, now)) - now, payload="night")

    def _begin(self) -> None:
        if self._run is None and self._config.steps:
            self._statuses = [StepStatus(name=step.name) for step in self._config.steps]
            self._launch(0)

    def _launch(self, index: int) -> None:
        step = self._config.steps[index]
        run_id = uuid.uuid4().hex
        path = self._config.log_directory / f"{step.name}-{run_id}.log"
        self._run = _Run(step, LocalProcess(step.argv, path), run_id, _now_ms(), time.monotonic(), path)
        self._update(state=RUNNING, message="starting")
        self.wakeupAfter(timedelta(seconds=step.seconds_max), payload=run_id)

    def _note(self, line: Mapping[str, Any]) -> None:
        """Take a line of progress, or the result."""
        if isinstance(result := line.get("result"), dict):
            self._update(result=result)
            return
        done, total = line.get("done", 0), line.get("total", 0)
        if isinstance(done, int | float) and isinstance(total, int | float) and total > 0:
            self._update(progress=done / total, message=str(line.get("message", "")))

    def _update(self, **changes: Any) -> None:
        run = self._run
        assert run is not None
        index = self._config.steps.index(run.step)
        elapsed_s = time.monotonic() - run.started_s
        known = self._statuses[index].__dict__
        self._statuses[index] = StepStatus(**{**known, "seconds": elapsed_s, **changes})
        if "state" in changes or elapsed_s - run.recorded_s >= RECORD_EVERY_SECONDS:
            run.recorded_s = elapsed_s
            self._record(run, self._statuses[index])

    def _record(self, run: _Run, status: StepStatus) -> None:
        finished = None if status.state == RUNNING else Timestamp(_now_ms())
        row = JobRunRow(
            run.step.name,
            Timestamp(run.started_at_ms),
            run.run_id,
            status.state,
            status.progress,
            status.message,
            finished,
            "" if status.state == RUNNING else _tail(run.log),
        )
        try:
            self._jobs.record(row)
        except MuvrError as error:
            log.error("the run of %s was not recorded: %s", run.step.name, error)

    def _finish(self, failure: str, *, go_on: bool = True) -> None:
        """The step's process has ended."""
        run = self._run
        assert run is not None
        if failure:
            log.error("%s failed: %s", run.step.name, failure)
            self._update(state=FAILED, message=failure)
        else:
            self._update(state=SUCCEEDED, progress=1.0)
        self._run = None
        index = self._config.steps.index(run.step) + 1
        if failure or not go_on:
            return
        if index < len(self._config.steps):
            self._launch(index)
            return
        for address in self._addresses.values():
            self.send(address, ModelsChanged())

    def _status(self) -> NightStatus:
        return NightStatus(self._run is not None, tuple(self._statuses))

    def _watch(self) -> Any:
        return ThespianWatch([self._run.process.fileno()]) if self._run is not None else None


def _failure(path: Path, status: int) -> str:
    lines = _tail(path).strip().splitlines()
    reason = lines[-1] if lines else "it printed no reason"
    return f"{reason} (exit status {status}, log {path})"


def _tail(path: Path) -> str:
    try:
        return path.read_text(errors="replace")[-LOG_CHARACTERS_MAX:]
    except OSError as error:
        return f"(the log cannot be read: {error})"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
