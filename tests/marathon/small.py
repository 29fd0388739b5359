"""A group of Marathon's whose apps are ready within a second, to try deployments on."""

from __future__ import annotations

import stat
import sys
from pathlib import Path
from typing import Any

from marathon.api import Marathon
from marathon.apply import Clock, Cluster
from marathon.metronome import Metronome
from marathon.render.group import Definitions

SERVES = f'exec {sys.executable} -m http.server --bind "$HOST" "$PORT0"'
LOOK_SECONDS = 0.1
ROOT = Path(__file__).parents[2]


def checkout_programs(directory: Path) -> tuple[Path, Path]:
    """`muvr` and a Python that has it, of this checkout, which an agent would have as packages."""
    program, python = directory / "muvr", directory / "python"
    start = f"#!/bin/sh\nunset LD_LIBRARY_PATH\nexport PYTHONPATH={ROOT}\nexec {sys.executable} "
    for path, words in ((program, '-m cli "$@"'), (python, '"$@"')):
        path.write_text(start + words + "\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return program, python


def app(name: str, **changes: Any) -> dict[str, Any]:
    """An HTTP server that is checked."""
    return {
        "id": name,
        "cmd": SERVES,
        "instances": 1,
        "cpus": 0.1,
        "mem": 32,
        "networks": [{"mode": "host"}],
        "portDefinitions": [{"port": 0, "name": "http", "protocol": "tcp"}],
        "healthChecks": [{"protocol": "MESOS_HTTP", "path": "/", "portIndex": 0, "intervalSeconds": 1}],
        "readinessChecks": [{"portName": "http", "path": "/", "intervalSeconds": 5, "timeoutSeconds": 1}],
        "taskKillGracePeriodSeconds": 2,
        "unreachableStrategy": {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0},
        "upgradeStrategy": {"minimumHealthCapacity": 1, "maximumOverCapacity": 0.5},
        "backoffSeconds": 0,
        **changes,
    }


def resident(name: str, **changes: Any) -> dict[str, Any]:
    """One that has a volume."""
    volume = {"containerPath": "data", "mode": "RW", "persistent": {"size": 10}}
    return app(
        name,
        container={"type": "MESOS", "volumes": [volume]},
        unreachableStrategy="disabled",
        upgradeStrategy={"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0},
        **changes,
    )


def group(*apps: dict[str, Any], name: str = "/try") -> Definitions:
    return Definitions(group={"id": name, "apps": list(apps), "groups": []})


class Ticking:
    """A clock for tests: it sleeps by `wait`, which the fake's events end."""

    def __init__(self, wait: Any) -> None:
        self.now_s = 0.0
        self._wait = wait

    def sleep(self, seconds: float) -> None:
        self._wait(LOOK_SECONDS)
        self.now_s += LOOK_SECONDS


def cluster(
    marathon_url: str,
    told: list[str],
    wait: Any,
    *,
    metronome_url: str | None = None,
    patience_s: float = 60.0,
) -> Cluster:
    ticking = Ticking(wait)
    return Cluster(
        marathon=Marathon(marathon_url, 5.0),
        metronome=Metronome(metronome_url, 5.0) if metronome_url else None,
        clock=Clock(now_s=lambda: ticking.now_s, sleep=ticking.sleep),
        tell=told.append,
        patience_s=patience_s,
    )
