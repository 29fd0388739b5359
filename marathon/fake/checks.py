"""Health and readiness checks, each in a thread of a small pool, so that a slow one delays nobody."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from marathon.fake.tasks import Task

THREADS = 8
OK = range(200, 400)
INTERVAL_SECONDS, TIMEOUT_SECONDS, GRACE_SECONDS, FAILURES_MAX = 60, 20, 300, 3  # Marathon's defaults


class Checks:
    """Call `look` often; `changed` is told of a task whose health became another one."""

    def __init__(self, changed: Callable[[Task], None]) -> None:
        self._changed = changed
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="checks")
        self._asked: dict[tuple[str, str], Future[bool]] = {}

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def look(self, task: Task, app: Mapping[str, Any]) -> bool:
        """Takes what checks have said, begins those that are due; False if the task is to be killed."""
        self._look_ready(task, app)
        checks = app.get("healthChecks") or ()
        if not checks:
            return True
        check, now = checks[0], time.monotonic()
        answer = self._answer((task.task_id, "health"))
        if answer is not None:
            self._take(task, check, answer=answer, now=now)
        if now - task.checked_s >= check.get("intervalSeconds", INTERVAL_SECONDS) or (
            not task.is_healthy and now - task.checked_s >= 1.0
        ):
            task.checked_s = now
            self._ask((task.task_id, "health"), check, task)
        most: int = check.get("maxConsecutiveFailures", FAILURES_MAX)
        return task.failures < most

    def _take(self, task: Task, check: Mapping[str, Any], *, answer: bool, now: float) -> None:
        in_grace = now - task.started_s < check.get("gracePeriodSeconds", GRACE_SECONDS)
        if not answer and in_grace and not task.is_healthy:
            return
        task.failures = 0 if answer else task.failures + 1
        if task.is_healthy is not answer:
            task.is_healthy = answer
            self._changed(task)

    def _look_ready(self, task: Task, app: Mapping[str, Any]) -> None:
        checks = app.get("readinessChecks") or ()
        if not checks or task.is_ready:
            task.is_ready = True
            return
        names = [port.get("name") for port in app.get("portDefinitions") or ()]
        check = {**checks[0], "portIndex": names.index(checks[0].get("portName", "http-api"))}
        if self._answer((task.task_id, "ready")):
            task.is_ready = True
        elif time.monotonic() - task.ready_checked_s >= min(1.0, check.get("intervalSeconds", 30)):
            task.ready_checked_s = time.monotonic()
            self._ask((task.task_id, "ready"), check, task)

    def _ask(self, key: tuple[str, str], check: Mapping[str, Any], task: Task) -> None:
        if key not in self._asked:
            self._asked[key] = self._pool.submit(_passes, dict(check), task)

    def _answer(self, key: tuple[str, str]) -> bool | None:
        if key in self._asked and self._asked[key].done():
            return self._asked.pop(key).result()
        return None


def _passes(check: Mapping[str, Any], task: Task) -> bool:
    protocol = check.get("protocol", "HTTP")
    timeout_s = check.get("timeoutSeconds", TIMEOUT_SECONDS)
    if protocol == "COMMAND":
        return _succeeds(check["command"]["value"], task, timeout_s)
    host = task.placed.agent.hostname
    port = check.get("port") or task.placed.ports[check.get("portIndex", 0)]
    try:
        if protocol.endswith("TCP"):
            with socket.create_connection((host, port), timeout_s):
                return True
        scheme = "https" if protocol.endswith("HTTPS") else "http"
        with urllib.request.urlopen(
            f"{scheme}://{host}:{port}{check.get('path', '/')}", timeout=timeout_s
        ) as got:
            return got.status in check.get("httpStatusCodesForReady", OK)
    except OSError:
        return False


def _succeeds(command: str, task: Task, timeout_s: float) -> bool:
    try:
        shell = ["/bin/sh", "-c", command]
        return subprocess.run(shell, cwd=task.sandbox, timeout=timeout_s, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
