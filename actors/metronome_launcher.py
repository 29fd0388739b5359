"""Runs the night's programs as jobs of Metronome, on whichever machine of the cluster has room."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from actors.launcher import LOG_CHARACTERS_MAX, Report, RunState
from domain.errors import ConfigurationError, ProcessFailed
from marathon import step
from marathon.errors import ClusterError, ClusterRefused, ClusterUnavailable
from marathon.http import Service
from marathon.metronome import JobState, Metronome, Resources, definition, job_id
from marathon.sandbox import Sandbox, find_sandbox

TIMEOUT_SECONDS = 2.0  # of a request: the lease has to be renewed between two
POLL_SECONDS = 1.0
LOG_SECONDS = 5.0
SETTLE_SECONDS = 15.0  # for which a run may be in none of Metronome's lists
LINE_BYTES_MAX = 1 << 20
READS_MAX = 64  # per poll
REMOVED_MAX = 20  # old jobs at a time: the lease has to be renewed
FOLDER = "muvr-night"

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class MetronomeSettings:
    """Where Metronome is, and the Mesos master through which its tasks' output is read.

    `python` is the interpreter on the agents that has muvr. Jobs are in `folder`, and old ones there are
    removed: no two stores may have the same.
    """

    url: str
    mesos_url: str
    python: str
    folder: str = FOLDER
    resources: Resources = field(default_factory=Resources)


class MetronomeLauncher:
    """A run is a job that is started once. Every launcher that is asked for its key finds it, so runs go on
    when their scheduler ends, and are adopted.

    While Metronome cannot be reached, a run counts as RUNNING, since nobody knows better.
    """

    def __init__(
        self, settings: MetronomeSettings, clock_s: Callable[[], float], poll_s: float = POLL_SECONDS
    ) -> None:
        self._settings = settings
        self._clock_s = clock_s
        self._poll_s = poll_s
        self._metronome = Metronome(settings.url, TIMEOUT_SECONDS)
        self._master = Service(settings.mesos_url, TIMEOUT_SECONDS)
        self._runs: dict[str, _Run] = {}

    def start(self, key: str, argv: Sequence[str], until_s: float) -> None:
        run = self._run(key)
        try:
            wrapped = (self._settings.python, "-m", step.__name__, *argv)
            job = definition(self._settings.folder, key, wrapped, self._settings.resources)
            self._metronome.add(job)
            state = self._metronome.state(run.job)
            # Who stood still since it asked who leads begins nothing any more: another may be about to.
            if state is not None and not state.is_begun and self._clock_s() < until_s:
                self._metronome.run(run.job)
        except ClusterUnavailable as error:
            log.warning("%s may not have been started: %s", key, error)
        except (ClusterRefused, ConfigurationError) as error:
            raise ProcessFailed(f"Metronome does not start {argv[0]}: {error}") from error
        run.wait_until_s = self._clock_s() + SETTLE_SECONDS
        run.poll_s = float("-inf")

    def keep(self, key: str, until_s: float) -> None:
        """It goes on anyway."""

    def poll(self, key: str) -> Report:
        run = self._run(key)
        now_s = self._clock_s()
        if run.last is not None:
            return run.last
        if now_s < run.poll_s:
            return Report(state=RunState.RUNNING)
        try:
            report = self._report(run, self._metronome.state(run.job), now_s)
        except ClusterError as error:
            log.warning("nobody knows how %s stands: %s", key, error)
            report = Report(state=RunState.RUNNING)
        if report.state is RunState.RUNNING:
            run.poll_s = now_s + self._poll_s
        return report

    def stop(self, key: str) -> None:
        self._run(key).is_stopping = True
        self._run(key).poll_s = float("-inf")

    def log(self, key: str) -> str:
        run, now_s = self._run(key), self._clock_s()
        if now_s >= run.log_s:
            run.log_s = now_s + LOG_SECONDS
            try:
                run.log = self._sandbox(run).tail("stderr", LOG_CHARACTERS_MAX)
            except ClusterError as error:
                run.log = run.log or f"(the log of Metronome's job {run.job} cannot be read: {error})"
        return run.log

    def retain(self, keys: Collection[str]) -> None:
        folder = self._settings.folder
        kept = {job_id(folder, key) for key in keys}
        self._runs = {key: run for key, run in self._runs.items() if key in keys}
        try:
            old = [job for job in self._metronome.jobs(folder) if job not in kept]
            for job in old[:REMOVED_MAX]:
                state = self._metronome.state(job)
                if state is not None and state.has_succeeded is not None:
                    self._metronome.remove(job)
        except ClusterError as error:
            log.warning("old jobs stay in Metronome: %s", error)

    def close(self) -> None:
        """Runs go on."""

    def _run(self, key: str) -> _Run:
        return self._runs.setdefault(key, _Run(job_id(self._settings.folder, key)))

    def _report(self, run: _Run, state: JobState | None, now_s: float) -> Report:
        if state is None:
            return Report(state=RunState.LOST)
        if not state.is_begun:
            # Whoever was to start it may have died before it did, or it is between two of Metronome's lists.
            if run.wait_until_s is None:
                run.wait_until_s = now_s + SETTLE_SECONDS
            return Report(state=RunState.RUNNING if now_s < run.wait_until_s else RunState.LOST)
        if state.task_ids:
            run.task_id = state.task_ids[-1]
        if state.has_succeeded is not None:
            return self._ended(run, state.has_succeeded, now_s)
        if run.is_stopping and state.run_id is not None:
            self._metronome.stop(run.job, state.run_id)
        return Report(state=RunState.RUNNING, lines=self._lines(run))

    def _ended(self, run: _Run, has_succeeded: bool, now_s: float) -> Report:
        if run.ended_s is None:
            run.ended_s = now_s
        try:
            lines = self._lines(run, is_last=True)
        except ClusterError as error:
            if now_s < run.ended_s + SETTLE_SECONDS:
                return Report(state=RunState.RUNNING)
            log.warning("what %s printed last is lost: %s", run.job, error)
            lines = []
        run.log_s = float("-inf")
        status = 0 if has_succeeded else run.status
        run.last = Report(state=RunState.ENDED, status=status)
        return replace(run.last, lines=lines)

    def _lines(self, run: _Run, *, is_last: bool = False) -> list[dict[str, Any]]:
        """The JSON objects printed since the last call; raises ClusterError only if they are the last."""
        lines: list[bytes] = []
        try:
            sandbox = self._sandbox(run)
            for _ in range(READS_MAX):
                data = sandbox.read("stdout", run.offset)
                run.offset += len(data)
                *whole, run.buffer = (run.buffer + (data or b"\n" * is_last)).split(b"\n")
                lines += whole
                run.buffer = run.buffer[-LINE_BYTES_MAX:]
                if not data:
                    break
        except ClusterError:
            if is_last:
                raise
        found = [value for line in lines if isinstance(value := _parsed(line), dict)]
        told = [value for value in found if step.EXIT_STATUS not in value]
        for value in found:
            run.status = value.get(step.EXIT_STATUS, run.status)
        return told

    def _sandbox(self, run: _Run) -> Sandbox:
        if run.sandbox is None:
            if run.task_id is None:
                raise ClusterUnavailable("it has no task yet")
            run.sandbox = find_sandbox(self._master, run.task_id, TIMEOUT_SECONDS)
        return run.sandbox


@dataclass
class _Run:
    job: str
    task_id: str | None = None
    sandbox: Sandbox | None = None
    poll_s: float = float("-inf")  # when to look again
    log_s: float = float("-inf")
    wait_until_s: float | None = None  # as long as it may be in no list
    ended_s: float | None = None
    is_stopping: bool = False
    offset: int = 0  # in its standard output
    buffer: bytes = b""
    log: str = ""
    status: int | None = None
    last: Report | None = None


def _parsed(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
