"""A fake Metronome and a fake Mesos behind it: jobs are processes of this machine.

Metronome is no package that a test could start, so this speaks the part of its API that muvr uses, with its
answers' form as Metronome's API reference has it (runs move from `activeRuns` to the history when they end,
and a job can be defined once), and of Mesos what is asked for a task's output: `/state` of master and agent,
`/files/read`. What it cannot show: queues, lost agents, authentication.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil

CREATED_AT = "2026-11-26T02:30:00.000+0000"
AGENT, FRAMEWORK = "agent-1", "metronome"
STOP_SECONDS = 0.5


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


class FakeMetronome:
    """`refusals`: statuses that the next requests are answered with. `asked`: method and path of all."""

    def __init__(self, directory: Path) -> None:
        self.jobs: dict[str, FakeJob] = {}
        self.refusals: list[int] = []
        self.asked: list[tuple[str, str]] = []
        self._directory = directory
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        for job in self.jobs.values():
            for run in job.runs:
                _end(run, signal.SIGKILL)

    def answer(self, method: str, target: str, body: Any) -> tuple[int, Any]:
        parts = urlsplit(target)
        with self._lock:
            self.asked.append((method, parts.path))
            if self.refusals:
                return self.refusals.pop(0), {"message": "as the test wants it"}
            for pattern, wanted, function in _ROUTES:
                found = re.fullmatch(pattern, parts.path)
                if found and wanted == method:
                    return function(self, *found.groups(), query=parse_qs(parts.query), body=body)
        return 404, {"message": f"{method} {parts.path}"}

    def define(self, *, query: Any, body: Any) -> tuple[int, Any]:
        if wrong := _wrong(body):
            return 422, {"message": "Object is not valid", "details": wrong}
        if body["id"] in self.jobs:
            return 409, {"message": "Job with this id already exists"}
        self.jobs[body["id"]] = FakeJob(body)
        return 201, body

    def names(self, *, query: Any, body: Any) -> tuple[int, Any]:
        return 200, [job.definition for job in self.jobs.values()]

    def show(self, name: str, *, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        if name not in self.jobs:
            return 404, {"message": f"Job '{name}' does not exist"}
        job, answer = self.jobs[name], dict(self.jobs[name].definition)
        ended = [run for run in job.runs if run.process.poll() is not None]
        if "activeRuns" in query.get("embed", []):
            answer["activeRuns"] = [_active(name, run) for run in job.runs if run not in ended]
        if "history" in query.get("embed", []):
            well = [_finished(run) for run in ended if run.process.returncode == 0]
            badly = [_finished(run) for run in ended if run.process.returncode != 0]
            counts = {"successCount": len(well), "failureCount": len(badly)}
            lists = {"successfulFinishedRuns": well, "failedFinishedRuns": badly}
            answer["history"] = {**counts, "lastSuccessAt": None, "lastFailureAt": None, **lists}
        return 200, answer

    def remove(self, name: str, *, query: Any, body: Any) -> tuple[int, Any]:
        if name not in self.jobs:
            return 404, {"message": f"Job '{name}' does not exist"}
        if any(run.process.poll() is None for run in self.jobs[name].runs):
            return 409, {"message": "There are active job runs"}
        return 200, self.jobs.pop(name).definition

    def begin(self, name: str, *, query: Any, body: Any) -> tuple[int, Any]:
        if name not in self.jobs:
            return 404, {"message": f"Job '{name}' does not exist"}
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
        return 201, {**_active(name, run), "status": "STARTING", "tasks": []}

    def stop(self, name: str, run_id: str, *, query: Any, body: Any) -> tuple[int, Any]:
        runs = self.jobs[name].runs if name in self.jobs else []
        for run in runs:
            if run.run_id == run_id and run.process.poll() is None:
                _end(run, signal.SIGTERM)
                threading.Timer(STOP_SECONDS, _end, (run, signal.SIGKILL)).start()
                return 200, {}
        return 404, {"message": f"Job Run '{run_id}' does not exist"}

    def state(self, *, query: Any, body: Any) -> tuple[int, Any]:
        """Of the master and of its agent, which are one here."""
        runs = [run for job in self.jobs.values() for run in job.runs]
        tasks = [{"id": run.task_id, "slave_id": AGENT, "executor_id": ""} for run in runs]
        executors = [{"id": run.task_id, "directory": str(run.directory), "tasks": []} for run in runs]
        framework = {"id": FRAMEWORK, "tasks": tasks, "completed_tasks": [], "executors": executors}
        address = self.url.removeprefix("http://")
        agents = [{"id": AGENT, "pid": f"slave(1)@{address}"}]
        return 200, {"slaves": agents, "frameworks": [framework], "completed_frameworks": []}

    def read(self, *, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        path = Path(query["path"][0])
        if not path.is_file():
            return 404, {"message": "no such file"}
        offset = int(query["offset"][0])
        if offset == -1:
            return 200, {"data": "", "offset": path.stat().st_size}
        data = path.read_bytes()[offset : offset + int(query["length"][0])]
        return 200, {"data": data.decode(errors="surrogateescape"), "offset": offset}


_ROUTES: tuple[tuple[str, str, Any], ...] = (
    (r"/v1/jobs", "POST", FakeMetronome.define),
    (r"/v1/jobs", "GET", FakeMetronome.names),
    (r"/v1/jobs/([^/]+)", "GET", FakeMetronome.show),
    (r"/v1/jobs/([^/]+)", "DELETE", FakeMetronome.remove),
    (r"/v1/jobs/([^/]+)/runs", "POST", FakeMetronome.begin),
    (r"/v1/jobs/([^/]+)/runs/([^/]+)/actions/stop", "POST", FakeMetronome.stop),
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


def _handler(fake: FakeMetronome) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _respond(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            data = self.rfile.read(length)
            status, value = fake.answer(self.command, self.path, json.loads(data) if data else None)
            answer = json.dumps(value, ensure_ascii=False).encode(errors="surrogateescape")
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_DELETE = _respond  # noqa: N815 (the names that http.server calls)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler


def _wrong(body: Any) -> list[str]:
    """What Metronome would object to, of what its schema asks for."""
    schema = os.environ.get("MUVR_TEST_METRONOME_SCHEMA")
    if schema is not None:
        import jsonschema

        checker = jsonschema.Draft4Validator(json.loads(Path(schema).read_text()))
        return [error.message for error in checker.iter_errors(body)]
    missing = [name for name in ("cmd", "cpus", "mem", "disk") if name not in body.get("run", {})]
    name = re.fullmatch(r"[a-z0-9]+(-+[a-z0-9]+)*(\.[a-z0-9]+(-+[a-z0-9]+)*)*", body.get("id", ""))
    return missing + ([] if name else ["id"])


def _active(name: str, run: FakeRun) -> dict[str, Any]:
    task = {"id": run.task_id, "createdAt": CREATED_AT, "startedAt": CREATED_AT, "status": "TASK_RUNNING"}
    times = {"createdAt": CREATED_AT, "completedAt": None}
    return {"id": run.run_id, "jobId": name, "status": "ACTIVE", **times, "tasks": [task]}


def _finished(run: FakeRun) -> dict[str, Any]:
    return {"id": run.run_id, "createdAt": CREATED_AT, "finishedAt": CREATED_AT, "tasks": [run.task_id]}


def _end(run: FakeRun, number: signal.Signals) -> None:
    """Every process of the run, as a containerizer does."""
    with suppress(psutil.Error):
        root = psutil.Process(run.process.pid)
        for process in (*root.children(recursive=True), root):
            with suppress(psutil.Error):
                process.send_signal(number)
    if number is signal.SIGKILL:
        with suppress(subprocess.TimeoutExpired):
            run.process.wait(5)
