"""Metronome's API, as far as a program that is run once needs it, and the definition of such a job.

https://dcos.github.io/metronome/docs/generated/api.html; definitions follow `jobspec.schema.json` of
Metronome 0.6. A job is started through it as often as one likes; here each job is run once.
"""

from __future__ import annotations

import re
import shlex
import urllib.parse
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.errors import ConfigurationError
from marathon.errors import ClusterRefused, ClusterUnavailable
from marathon.http import Service

GRACE_SECONDS = 10  # between SIGTERM and SIGKILL
CPUS_MIN, MEMORY_MB_MIN = 0.01, 32
_JOB = re.compile(r"[a-z0-9]+(-+[a-z0-9]+)*(\.[a-z0-9]+(-+[a-z0-9]+)*)*")
_CREATED, _CONFLICT, _MISSING = 201, 409, 404


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a program may use of an agent; `more` goes into the job's `run` as it is: docker, env, user,
    volumes, placement, networks.
    """

    cpus: float = 2.0
    memory_mb: float = 4096
    disk_mb: float = 4096
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class JobState:
    """A job that is run once: not yet, under way as `run_id`, or ended. `task_ids` are Mesos's."""

    run_id: str | None = None
    task_ids: tuple[str, ...] = ()
    has_succeeded: bool | None = None  # once it has ended

    @property
    def is_begun(self) -> bool:
        return self.run_id is not None


def job_id(folder: str, key: str) -> str:
    """The name of the job of a run's key, another one for each key."""
    words = re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")
    return f"{folder}.{words or 'run'}-{zlib.crc32(key.encode()):08x}"


def definition(folder: str, key: str, argv: Sequence[str], resources: Resources) -> dict[str, Any]:
    """The job that runs `argv`. Raises ConfigurationError for what Metronome would refuse."""
    if not _JOB.fullmatch(folder):
        raise ConfigurationError(f"{folder!r} is no folder of jobs", expected="as muvr-night, or a.b")
    run = {
        "cmd": shlex.join(argv),
        "cpus": resources.cpus,
        "mem": resources.memory_mb,
        "disk": resources.disk_mb,
        # A step that failed is tried again by the night's scheduler, which counts attempts.
        "restart": {"policy": "NEVER"},
        "taskKillGracePeriodSeconds": GRACE_SECONDS,
    }
    if taken := sorted(set(run) & set(resources.more)):
        raise ConfigurationError(
            f"{', '.join(taken)} of a job on Metronome cannot be given", remedy="leave them out"
        )
    if resources.cpus < CPUS_MIN or resources.memory_mb < MEMORY_MB_MIN or resources.disk_mb < 0:
        raise ConfigurationError(
            f"a job with {resources.cpus:g} CPUs, {resources.memory_mb:g} MB of memory, "
            f"{resources.disk_mb:g} MB of disk",
            expected=f"at least {CPUS_MIN} CPUs and {MEMORY_MB_MIN} MB of memory",
        )
    return {
        "id": job_id(folder, key),
        "description": "a step of muvr's night",
        "labels": {"muvr-run": key},
        "run": {**resources.more, **run},
    }


class Metronome:
    """Raises ClusterUnavailable if nobody knows what happened, ClusterRefused if nothing did."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._service = Service(url, timeout_s)

    def add(self, job: Mapping[str, Any]) -> None:
        """Define a job, unless there is one of that name."""
        try:
            self._service.post("/v1/jobs", job)
        except ClusterRefused as error:
            if error.status != _CONFLICT:
                raise

    def definition(self, job: str) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
        """A job and its schedules as they are there; None if there is no such job."""
        try:
            found = self._service.get(_path(job), [("embed", "schedules")])
        except ClusterRefused as error:
            if error.status == _MISSING:
                return None
            raise
        if not isinstance(found, dict):
            raise ClusterUnavailable("Metronome describes a job in another way than it should")
        schedules = found.pop("schedules", None) or []
        return found, [schedule for schedule in schedules if isinstance(schedule, dict)]

    def put(self, job: Mapping[str, Any]) -> None:
        """Define a job, or define it anew; what runs of it goes on as it was."""
        if self.definition(job["id"]) is None:
            self._service.post("/v1/jobs", job)
        else:
            self._service.put(_path(job["id"]), job)

    def put_schedule(self, job: str, schedule: Mapping[str, Any]) -> None:
        """Of a job that is defined."""
        found = self.definition(job)
        names = [each.get("id") for each in found[1]] if found is not None else []
        if schedule["id"] in names:
            self._service.put(f"{_path(job)}/schedules/{schedule['id']}", schedule)
        else:
            self._service.post(f"{_path(job)}/schedules", schedule)

    def run(self, job: str) -> None:
        """Begin a run of a job."""
        self._service.post(f"{_path(job)}/runs")

    def stop(self, job: str, run_id: str) -> None:
        """Begin to end a run; nothing happens if it has ended."""
        try:
            self._service.post(f"{_path(job)}/runs/{urllib.parse.quote(run_id)}/actions/stop")
        except ClusterRefused as error:
            if error.status != _MISSING:
                raise

    def state(self, job: str) -> JobState | None:
        """How the job's run stands; None if there is no such job."""
        try:
            found = self._service.get(_path(job), [("embed", "activeRuns"), ("embed", "history")])
        except ClusterRefused as error:
            if error.status == _MISSING:
                return None
            raise
        return _state(found)

    def jobs(self, folder: str) -> list[str]:
        """The names of the jobs in a folder."""
        found = self._service.get("/v1/jobs")
        names = (
            [each.get("id") for each in found if isinstance(each, dict)] if isinstance(found, list) else []
        )
        return [name for name in names if isinstance(name, str) and name.startswith(f"{folder}.")]

    def remove(self, job: str, *, with_runs: bool = False) -> None:
        """Forget a job; raises ClusterRefused while it runs, unless its runs are to end too."""
        query = [("stopCurrentJobRuns", "true")] if with_runs else []
        try:
            self._service.delete(_path(job), query)
        except ClusterRefused as error:
            if error.status != _MISSING:
                raise


def _path(job: str) -> str:
    if not _JOB.fullmatch(job):
        raise ValueError(f"{job!r} is no name of a job")
    return f"/v1/jobs/{job}"


def _state(found: Any) -> JobState:
    try:
        history = found.get("history") or {}
        for name, has_succeeded in (("successfulFinishedRuns", True), ("failedFinishedRuns", False)):
            for run in history.get(name) or []:
                return JobState(str(run["id"]), _task_ids(run.get("tasks")), has_succeeded)
        for run in found.get("activeRuns") or []:
            return JobState(str(run["id"]), _task_ids(run.get("tasks")))
    except (AttributeError, KeyError, TypeError) as error:
        raise ClusterUnavailable("Metronome describes a job in another way than it should") from error
    return JobState()


def _task_ids(tasks: Iterable[Any] | None) -> tuple[str, ...]:
    """Of finished runs the history has the identifiers alone."""
    return tuple(str(task["id"] if isinstance(task, dict) else task) for task in tasks or ())
