"""The scheduler actor: runs the night's steps one after the other as processes, on time or when told."""

from __future__ import annotations

import logging
import math
import signal
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from thespian.actors import ActorExitRequest, ActorTypeDispatcher, ThespianWatch, WakeupMessage

from actors.handlers import handled_once
from actors.launcher import LocalProcess
from actors.messages import Directory, ModelsChanged, Started, StartFailed, ViewChanged
from actors.planning import next_night
from actors.view import View
from domain.errors import MuvrError, ProcessFailed
from domain.identifiers import ShardNr
from persistence.jobs import FAILED, RUNNING, SUCCEEDED, JobStore
from persistence.models import ModelStore
from persistence.ports import Store
from persistence.schema import Timestamp
from persistence.tables import CurrentModelRow, JobRunRow

log = logging.getLogger(__name__)

STOP_SECONDS = 3.0
EXIT_SECONDS = 20.0  # from the end of a program's output to its end
LOG_CHARACTERS_MAX = 4000
MESSAGE_CHARACTERS_MAX = 400
RECORD_EVERY_SECONDS = 0.5
NIGHT = "night"  # payload of the wakeup that begins one
MODELS = "models"  # payload of the wakeup that looks for models trained by hand
MODELS_EVERY_SECONDS = 15.0


@dataclass(frozen=True)
class Step:
    """A program of the night. It prints JSON lines: stage, done, total, message; last its result."""

    name: str
    argv: tuple[str, ...]
    seconds_max: float


@dataclass(frozen=True)
class StartScheduler:
    """Node to scheduler. `cron` (five fields, in `time_zone`) says when nights begin; None: only when told.

    Of several nodes the one whose shard hosts, named `member_prefix`..., own the first shard begins them.

    Answered with Started or StartFailed.
    """

    open_store: Callable[[], Store]
    steps: tuple[Step, ...]
    log_directory: Path
    cron: str | None
    time_zone: str
    member_prefix: str


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
    """The step that runs; without a process it could not be started."""

    index: int
    step: Step
    run_id: str
    started_at_ms: int
    started_s: float
    log: Path
    process: LocalProcess | None = None
    recorded_s: float = 0.0


class SchedulerActor(ActorTypeDispatcher):
    stop_stage = 2  # a program that is slow to end must keep no device waiting

    _config: StartScheduler
    _jobs: JobStore
    _models: ModelStore
    _announced: list[CurrentModelRow]
    _statuses: list[StepStatus]
    _run: _Run | None = None
    _planned: datetime
    _addresses: Mapping[str, Any] = {}
    _view: View | None = None

    def receiveMessage(self, message: object, sender: Any) -> Any:  # noqa: N802
        """Every message is answered with the watch over the running program, or Thespian would drop it."""
        self._handle(message, sender)
        running = self._run is not None and self._run.process is not None
        return ThespianWatch([self._run.process.fileno()]) if running else None  # type: ignore[union-attr]

    @handled_once
    def _handle(self, message: object, sender: Any) -> None:
        super().receiveMessage(message, sender)

    def receiveMsg_StartScheduler(self, message: StartScheduler, sender: Any) -> None:  # noqa: N802
        try:
            self._open(message)
        except Exception as error:
            log.exception("the scheduler cannot start")
            self.send(sender, StartFailed(f"the scheduler cannot start: {error}"))
            return
        self.send(sender, Started())

    def receiveMsg_Directory(self, message: Directory, sender: Any) -> None:  # noqa: N802
        self._addresses = message.addresses

    def receiveMsg_ViewChanged(self, message: ViewChanged, sender: Any) -> None:  # noqa: N802
        if self._view is None or message.view.number > self._view.number:
            self._view = message.view

    def receiveMsg_RunNight(self, message: RunNight, sender: Any) -> None:  # noqa: N802
        self._begin()
        self.send(sender, self._status())

    def receiveMsg_GetNight(self, message: GetNight, sender: Any) -> None:  # noqa: N802
        self.send(sender, self._status())

    def receiveMsg_WakeupMessage(self, message: WakeupMessage, sender: Any) -> None:  # noqa: N802
        run = self._run
        if message.payload == MODELS:
            self.wakeupAfter(timedelta(seconds=MODELS_EVERY_SECONDS), payload=MODELS)
            self._announce_models()
        elif message.payload == NIGHT:
            self._plan()
            if self._is_leader():
                self._begin()
        elif run is not None and run.process is not None and message.payload == run.run_id:
            run.process.stop(STOP_SECONDS)
            self._finish(f"it ran longer than its {run.step.seconds_max:g} s and was ended")

    def receiveMsg_WatchMessage(self, message: Any, sender: Any) -> None:  # noqa: N802
        run = self._run
        if run is None or run.process is None:
            return
        for line in run.process.read():
            self._note(line)
        if run.process.has_ended:
            status = run.process.wait(EXIT_SECONDS)
            self._finish("" if status == 0 else _failure(run.log, status))

    def receiveMsg_ActorExitRequest(self, message: ActorExitRequest, sender: Any) -> None:  # noqa: N802
        if self._run is not None and self._run.process is not None:
            self._run.process.stop(STOP_SECONDS)
            self._finish("the node was stopped")

    def _open(self, message: StartScheduler) -> None:
        message.log_directory.mkdir(parents=True, exist_ok=True)
        store = message.open_store()
        self._config, self._jobs, self._models = message, JobStore(store), ModelStore(store)
        self._announced = self._models.current_models()
        self.wakeupAfter(timedelta(seconds=MODELS_EVERY_SECONDS), payload=MODELS)
        self._statuses = [StepStatus(name=step.name) for step in message.steps]
        self._planned = datetime.now(UTC)
        self._plan()
        self._close_interrupted()

    def _close_interrupted(self) -> None:
        """A scheduler that was killed could not record how its step ended."""
        for step in self._config.steps:
            for row in self._jobs.runs(step.name, limit=1):
                if row.state == RUNNING:
                    ended = Timestamp(_now_ms())
                    message = "the scheduler ended in the middle of it"
                    self._jobs.record(row._replace(state=FAILED, message=message, finished_at=ended))

    def _plan(self) -> None:
        if self._config.cron is not None:
            now = datetime.now(UTC)
            # A wakeup that comes a little early must not lead to the same night twice.
            self._planned = next_night(self._config.cron, self._config.time_zone, max(now, self._planned))
            self.wakeupAfter(self._planned - now, payload=NIGHT)

    def _is_leader(self) -> bool:
        owner = self._view.owner(ShardNr(0)) if self._view is not None else None
        return owner is not None and owner.member_id.startswith(self._config.member_prefix)

    def _begin(self) -> None:
        if self._run is None and self._config.steps:
            self._statuses = [StepStatus(name=step.name) for step in self._config.steps]
            self._launch(0)

    def _launch(self, index: int) -> None:
        step = self._config.steps[index]
        run_id = uuid.uuid4().hex
        path = self._config.log_directory / f"{step.name}-{run_id}.log"
        self._run = _Run(index, step, run_id, _now_ms(), time.monotonic(), path)
        try:
            self._run.process = LocalProcess(step.argv, path)
        except ProcessFailed as error:
            self._finish(str(error))
            return
        self._update(state=RUNNING, message="starting")
        self.wakeupAfter(timedelta(seconds=step.seconds_max), payload=run_id)

    def _note(self, line: Mapping[str, Any]) -> None:
        """Take a line of progress, or the result."""
        if isinstance(result := line.get("result"), dict):
            self._update(result=result)
            return
        progress = _share(line.get("done"), line.get("total"))
        if progress is not None:
            self._update(progress=progress, message=str(line.get("message", ""))[:MESSAGE_CHARACTERS_MAX])

    def _update(self, **changes: Any) -> None:
        run = self._run
        assert run is not None
        elapsed_s = time.monotonic() - run.started_s
        status = replace(self._statuses[run.index], **{"seconds": elapsed_s, **changes})
        self._statuses[run.index] = status
        if "state" in changes or elapsed_s - run.recorded_s >= RECORD_EVERY_SECONDS:
            run.recorded_s = elapsed_s
            self._record(run, status)

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

    def _finish(self, failure: str) -> None:
        """The step's process has ended, or never began: go on to the next step unless it failed."""
        run = self._run
        assert run is not None
        if failure:
            log.error("%s failed: %s", run.step.name, failure)
            self._update(state=FAILED, message=failure)
        else:
            self._update(state=SUCCEEDED, progress=1.0)
        self._run = None
        if failure:
            return
        if run.index + 1 < len(self._config.steps):
            self._launch(run.index + 1)
            return
        self._announce_models()

    def _announce_models(self) -> None:
        """Tell of the served models if they are others than those told of, whoever trained them."""
        served = self._models.current_models()
        if served != self._announced:
            self._announced = served
            for address in self._addresses.values():
                self.send(address, ModelsChanged())

    def _status(self) -> NightStatus:
        return NightStatus(self._run is not None, tuple(self._statuses))


def _share(done: object, total: object) -> float | None:
    """What part is done, from 0 to 1; None if a program printed something else."""
    if not isinstance(done, int | float) or not isinstance(total, int | float):
        return None
    with suppress(OverflowError, ZeroDivisionError):
        share = done / total
        return min(1.0, max(0.0, share)) if math.isfinite(share) else None
    return None


def _failure(path: Path, status: int) -> str:
    if status < 0:
        return f"it was ended by {signal.Signals(-status).name}; run the night again (log {path})"
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
