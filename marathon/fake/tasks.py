"""A task as a local process, with the environment that Marathon gives to one."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from marathon.fake.agents import Agent, Placed

END_SECONDS = 5.0


@dataclass(kw_only=True)
class Task:
    """One instance of an app. `is_healthy` is None until a check has said something; times are ISO 8601."""

    task_id: str
    app_id: str
    app_version: str
    placed: Placed
    process: subprocess.Popen[bytes]
    sandbox: Path
    staged_at: str
    started_s: float = field(default_factory=time.monotonic)
    is_healthy: bool | None = None
    is_ready: bool = False
    failures: int = 0
    checked_s: float = float("-inf")
    ready_checked_s: float = float("-inf")
    kill_s: float | None = None  # when SIGTERM becomes SIGKILL
    is_unreachable: bool = False

    @property
    def is_ending(self) -> bool:
        return self.kill_s is not None

    @property
    def state(self) -> str:
        if self.is_unreachable:
            return "TASK_UNREACHABLE"
        return "TASK_KILLING" if self.is_ending else "TASK_RUNNING"

    def end(self, grace_s: float) -> None:
        """SIGTERM now and SIGKILL later, as an agent does."""
        if self.kill_s is None:
            self.kill_s = time.monotonic() + grace_s
            signal_all(self.process.pid, signal.SIGTERM)

    def vanish(self) -> None:
        """Every process of it at once, as its machine does."""
        signal_all(self.process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(END_SECONDS)

    def has_ended(self) -> bool:
        if self.kill_s is not None and time.monotonic() >= self.kill_s:
            signal_all(self.process.pid, signal.SIGKILL)
        return self.process.poll() is not None


def launch(app: Mapping[str, Any], agent: Agent, task_id: str, sandbox: Path, staged_at: str) -> Task:
    """Start the app's command. Raises OSError."""
    sandbox.mkdir(parents=True, exist_ok=True)
    ports = _ports(app, agent)
    with (sandbox / "stdout").open("ab") as out, (sandbox / "stderr").open("ab") as err:
        process = subprocess.Popen(
            _command(app),
            cwd=sandbox,
            env=_environment(app, agent, task_id, sandbox, ports),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
    placed = Placed(agent, app.get("cpus", 1), app.get("mem", 128), ports)
    return Task(
        task_id=task_id,
        app_id=app["id"],
        app_version=app["version"],
        placed=placed,
        process=process,
        sandbox=sandbox,
        staged_at=staged_at,
    )


def signal_all(pid: int, number: signal.Signals) -> None:
    """Every process of a task, those in sessions of their own too, as a containerizer does."""
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in (*root.children(recursive=True), root):
            with suppress(psutil.Error):
                process.send_signal(number)


def _command(app: Mapping[str, Any]) -> list[str]:
    return list(app["args"]) if app.get("args") else ["/bin/sh", "-c", app["cmd"]]


def _environment(
    app: Mapping[str, Any], agent: Agent, task_id: str, sandbox: Path, ports: tuple[int, ...]
) -> dict[str, str]:
    names = [port.get("name") for port in app.get("portDefinitions") or ()]
    numbered = {f"PORT{index}": str(port) for index, port in enumerate(ports)}
    named = {f"PORT_{_upper(name)}": str(port) for name, port in zip(names, ports, strict=False) if name}
    given = {name: value for name, value in (app.get("env") or {}).items() if isinstance(value, str)}
    return {
        **os.environ,
        **numbered,
        **named,
        "PORT": str(ports[0]) if ports else "",
        "PORTS": ",".join(map(str, ports)),
        "HOST": agent.hostname,
        "MESOS_SANDBOX": str(sandbox),
        "MESOS_TASK_ID": task_id,
        "MARATHON_APP_ID": app["id"],
        "MARATHON_APP_VERSION": app["version"],
        **given,
    }


def _upper(name: str) -> str:
    return re.sub(r"[^A-Z0-9_]", "_", name.upper())


def _ports(app: Mapping[str, Any], agent: Agent) -> tuple[int, ...]:
    """As many as the app defines; those that it does not name are free now."""
    wanted = [port.get("port", 0) for port in app.get("portDefinitions") or ()]
    found: list[int] = []
    probes = []
    for port in wanted:
        if port and app.get("requirePorts"):
            found.append(port)
            continue
        probe = socket.create_server((agent.hostname, 0))
        probes.append(probe)
        found.append(probe.getsockname()[1])
    for probe in probes:
        probe.close()
    return tuple(found)
