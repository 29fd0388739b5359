"""The fake Metronome, and of Mesos what is asked for a task's output: jobs are processes of this machine.

Runs move from `activeRuns` to the history when they end, and a job can be defined once, as Metronome's API
reference has it; definitions are checked by Metronome's own JSON schema. Of Mesos: `/state` of master and
agent, `/files/read`. What it cannot show: queues, lost agents, restarts.
"""

from __future__ import annotations

import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from cronsim import CronSim

from marathon.fake.serving import Answer, FakeServer
from marathon.fake.tasks import signal_all
from marathon.validation import validate_job, validate_schedule

CREATED_AT = "2026-11-26T02:30:00.000+0000"
AGENT, FRAMEWORK = "agent-1", "metronome"
STOP_SECONDS = 0.5
KILL_SECONDS = 5.0


@dataclass
class FakeRun:
    run_id: str
    task_id: str
    process: subprocess.Popen[bytes]
    directory: Path


@dataclass
class FakeJob:
    definition: dict[str, Any]
    runs: list[FakeRun] = field(default_factory=list)
    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)

    def active(self) -> list[FakeRun]:
        return [run for run in self.runs if run.process.poll() is None]


class FakeMetronome:
    """`refusals`: statuses that the next requests are answered with. `asked`: method and path of all."""

    def __init__(self, directory: Path, *, port: int = 0) -> None:
        self.jobs: dict[str, FakeJob] = {}
        self.refusals: list[int] = []
        self.asked: list[tuple[str, str]] = []
        self._directory = directory
        self._lock = threading.Lock()
        self._server = FakeServer(self.answer, port)
        self.url = self._server.url

    def close(self) -> None:
        self._server.close()
        for job in self.jobs.values():
            for run in job.runs:
                _end(run, signal.SIGKILL)

    def answer(self, method: str, target: str, body: Any) -> Answer:
        parts = urlsplit(target)
        with self._lock:
            self.asked.append((method, parts.path))
            if self.refusals:
                return self.refusals.pop(0), {"message": "as the test wants it"}
            for pattern, wanted, function in _ROUTES:
                found = re.fullmatch(pattern, parts.path)
                if found and wanted == method:
                    answer: Answer = function(self, *found.groups(), query=parse_qs(parts.query), body=body)
                    return answer
        return 404, {"message": f"{method} {parts.path}"}

    def run_due(self, since: datetime, until: datetime) -> list[str]:
        """Begin what its schedule says for a time after `since`, up to `until`; the jobs that were begun.

        A start that is later than its deadline is left out, as is one of a job that runs and forbids another.
        """
        with self._lock:
            return [
                name
                for name, job in self.jobs.items()
                for schedule in job.schedules.values()
                if _is_due(schedule, since, until)
                and not (schedule.get("concurrencyPolicy") == "FORBID" and job.active())
                and self._begin(name)
            ]

    def define(self, *, query: Any, body: Any) -> Answer:
        if wrong := _wrong(validate_job, body):
            return wrong
        if body["id"] in self.jobs:
            return 409, {"message": "Job with this id already exists"}
        self.jobs[body["id"]] = FakeJob(body)
        return 201, body

    def define_anew(self, name: str, *, query: Any, body: Any) -> Answer:
        if name not in self.jobs:
            return _no_job(name)
        if wrong := _wrong(validate_job, body):
            return wrong
        self.jobs[name].definition = body
        return 200, body

    def names(self, *, query: Any, body: Any) -> Answer:
        return 200, [job.definition for job in self.jobs.values()]

    def show(self, name: str, *, query: dict[str, list[str]], body: Any) -> Answer:
        if name not in self.jobs:
            return _no_job(name)
        job, answer = self.jobs[name], dict(self.jobs[name].definition)
        active = job.active()
        ended = [run for run in job.runs if run not in active]
        if "activeRuns" in query.get("embed", []):
            answer["activeRuns"] = [_active(name, run) for run in active]
        if "schedules" in query.get("embed", []):
            answer["schedules"] = list(job.schedules.values())
        if "history" in query.get("embed", []):
            well = [_finished(run) for run in ended if run.process.returncode == 0]
            badly = [_finished(run) for run in ended if run.process.returncode != 0]
            counts = {"successCount": len(well), "failureCount": len(badly)}
            lists = {"successfulFinishedRuns": well, "failedFinishedRuns": badly}
            answer["history"] = {**counts, "lastSuccessAt": None, "lastFailureAt": None, **lists}
        return 200, answer

    def remove(self, name: str, *, query: dict[str, list[str]], body: Any) -> Answer:
        if name not in self.jobs:
            return _no_job(name)
        if active := self.jobs[name].active():
            if "true" not in query.get("stopCurrentJobRuns", ()):
                return 409, {"message": "There are active job runs"}
            for run in active:
                _end(run, signal.SIGKILL)
        return 200, self.jobs.pop(name).definition

    def put_schedule(self, name: str, schedule: str = "", *, query: Any, body: Any) -> Answer:
        if name not in self.jobs:
            return _no_job(name)
        if wrong := _wrong(validate_schedule, body):
            return wrong
        schedules = self.jobs[name].schedules
        if schedule and schedule not in schedules:
            return 404, {"message": f"Schedule '{schedule}' does not exist"}
        if not schedule and body["id"] in schedules:
            return 409, {"message": "A schedule with this id already exists"}
        schedules[body["id"]] = body
        return 200 if schedule else 201, body

    def schedules(self, name: str, *, query: Any, body: Any) -> Answer:
        return (200, list(self.jobs[name].schedules.values())) if name in self.jobs else _no_job(name)

    def begin(self, name: str, *, query: Any, body: Any) -> Answer:
        if name not in self.jobs:
            return _no_job(name)
        return 201, {**_active(name, self._begin(name)), "status": "STARTING", "tasks": []}

    def stop(self, name: str, run_id: str, *, query: Any, body: Any) -> Answer:
        for run in self.jobs[name].active() if name in self.jobs else []:
            if run.run_id == run_id:
                _end(run, signal.SIGTERM)
                threading.Timer(STOP_SECONDS, _end, (run, signal.SIGKILL)).start()
                return 200, {}
        return 404, {"message": f"Job Run '{run_id}' does not exist"}

    def state(self, *, query: Any, body: Any) -> Answer:
        """Of the master and of its agent, which are one here."""
        runs = [run for job in self.jobs.values() for run in job.runs]
        tasks = [{"id": run.task_id, "slave_id": AGENT, "executor_id": ""} for run in runs]
        executors = [{"id": run.task_id, "directory": str(run.directory), "tasks": []} for run in runs]
        framework = {"id": FRAMEWORK, "tasks": tasks, "completed_tasks": [], "executors": executors}
        address = self.url.removeprefix("http://")
        agents = [{"id": AGENT, "pid": f"slave(1)@{address}"}]
        return 200, {"slaves": agents, "frameworks": [framework], "completed_frameworks": []}

    def read(self, *, query: dict[str, list[str]], body: Any) -> Answer:
        path = Path(query["path"][0])
        if not path.is_file():
            return 404, {"message": "no such file"}
        offset = int(query["offset"][0])
        if offset == -1:
            return 200, {"data": "", "offset": path.stat().st_size}
        data = path.read_bytes()[offset : offset + int(query["length"][0])]
        return 200, {"data": data.decode(errors="surrogateescape"), "offset": offset}

    def _begin(self, name: str) -> FakeRun:
        job = self.jobs[name]
        run_id = f"20261126023000{len(job.runs):06d}"
        directory = self._directory / f"{name}-{run_id}"
        directory.mkdir()
        with (directory / "stdout").open("wb") as out, (directory / "stderr").open("wb") as err:
            process = subprocess.Popen(
                ["/bin/sh", "-c", job.definition["run"]["cmd"]],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        run = FakeRun(run_id, f"{name}_{run_id}.c0ffee", process, directory)
        job.runs.append(run)
        return run


_JOB, _SCHEDULE = r"/v1/jobs/([^/]+)", r"/v1/jobs/([^/]+)/schedules"
_ROUTES: tuple[tuple[str, str, Any], ...] = (
    (r"/v1/jobs", "POST", FakeMetronome.define),
    (r"/v1/jobs", "GET", FakeMetronome.names),
    (_JOB, "GET", FakeMetronome.show),
    (_JOB, "PUT", FakeMetronome.define_anew),
    (_JOB, "DELETE", FakeMetronome.remove),
    (_SCHEDULE, "GET", FakeMetronome.schedules),
    (_SCHEDULE, "POST", FakeMetronome.put_schedule),
    (rf"{_SCHEDULE}/([^/]+)", "PUT", FakeMetronome.put_schedule),
    (rf"{_JOB}/runs", "POST", FakeMetronome.begin),
    (rf"{_JOB}/runs/([^/]+)/actions/stop", "POST", FakeMetronome.stop),
    (r"/state", "GET", FakeMetronome.state),
    (r"/files/read", "GET", FakeMetronome.read),
)


@contextmanager
def fake_metronome(directory: Path) -> Iterator[FakeMetronome]:
    fake = FakeMetronome(directory)
    try:
        yield fake
    finally:
        fake.close()


def _wrong(check: Callable[[Any], list[Any]], body: Any) -> Answer | None:
    """What Metronome would object to."""
    found = check(body)
    return (
        (422, {"message": "Object is not valid", "details": [str(each) for each in found]}) if found else None
    )


def _no_job(name: str) -> Answer:
    return 404, {"message": f"Job '{name}' does not exist"}


def _is_due(schedule: dict[str, Any], since: datetime, until: datetime) -> bool:
    zone = ZoneInfo(schedule.get("timezone", "UTC"))
    if not schedule.get("enabled", True):
        return False
    times = CronSim(schedule["cron"], since.astimezone(zone))
    deadline_s = schedule.get("startingDeadlineSeconds", 900)
    due = [time for time in _until(times, until) if (until - time).total_seconds() <= deadline_s]
    return bool(due)


def _until(times: Iterator[datetime], end: datetime) -> Iterator[datetime]:
    for time in times:
        if time > end:
            return
        yield time


def _active(name: str, run: FakeRun) -> dict[str, Any]:
    task = {"id": run.task_id, "createdAt": CREATED_AT, "startedAt": CREATED_AT, "status": "TASK_RUNNING"}
    times = {"createdAt": CREATED_AT, "completedAt": None}
    return {"id": run.run_id, "jobId": name, "status": "ACTIVE", **times, "tasks": [task]}


def _finished(run: FakeRun) -> dict[str, Any]:
    return {"id": run.run_id, "createdAt": CREATED_AT, "finishedAt": CREATED_AT, "tasks": [run.task_id]}


def _end(run: FakeRun, number: signal.Signals) -> None:
    """Every process of the run, as a containerizer does."""
    signal_all(run.process.pid, number)
    if number is signal.SIGKILL:
        with suppress(subprocess.TimeoutExpired):
            run.process.wait(KILL_SECONDS)
