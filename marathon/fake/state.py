"""What the fake Marathon knows: apps with their versions and tasks, groups, deployments."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from marathon.fake.agents import Agent, Offers
from marathon.fake.planning import Action
from marathon.fake.tasks import Task

DEFAULTS: Mapping[str, Any] = {
    "instances": 1, "cpus": 1, "mem": 128, "disk": 0, "gpus": 0, "backoffSeconds": 1, "backoffFactor": 1.15,
    "maxLaunchDelaySeconds": 300, "killSelection": "YOUNGEST_FIRST", "requirePorts": False, "executor": "",
    "role": "*",
}  # fmt: skip
PORT_DEFINITION = {"port": 0, "protocol": "tcp", "name": "default"}


@dataclass(kw_only=True)
class App:
    """`definition` is the newest; `active` is what its tasks are brought to, once its deployment has come to
    it. `volumes` are the directories of its persistent volumes, with their agent.
    """

    definition: dict[str, Any]
    active: dict[str, Any] | None = None
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    volumes: list[tuple[Agent, str]] = field(default_factory=list)
    last_failure: dict[str, Any] | None = None
    failures: int = 0  # in a row
    not_before_s: float = float("-inf")
    offers: Offers | None = None  # if it waits for one
    config_version: str = ""  # of the last change that was more than scaling

    def live(self) -> list[Task]:
        """Those that count as running."""
        return [task for task in self.tasks if not task.is_ending and not task.is_unreachable]


@dataclass(kw_only=True)
class Deployment:
    """`before` and `after` are all apps that it has to do with, for going back."""

    version: str
    steps: list[list[Action]]
    before: dict[str, dict[str, Any]]
    after: dict[str, dict[str, Any]]
    deployment_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    current: int = 0  # index of the step that is being done
    has_begun: bool = False  # that step

    @property
    def apps(self) -> list[str]:
        return sorted({action["app"] for step in self.steps for action in step})


@dataclass
class State:
    apps: dict[str, App] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=lambda: {"/": ""})  # version by identifier
    group_dependencies: dict[str, list[str]] = field(default_factory=dict)
    deployments: list[Deployment] = field(default_factory=list)
    agents: list[Agent] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _stamped: str = ""

    def definitions(self) -> dict[str, dict[str, Any]]:
        return {name: app.definition for name, app in self.apps.items()}

    def next_task_id(self, app_id: str) -> str:
        name = app_id.strip("/").replace("/", "_")
        return f"{name}.instance-{uuid.uuid4()}._app.{next(self._numbers) + 1}"

    def next_version(self) -> str:
        """Another one each time, and later than the one before, to the millisecond as Marathon's are."""
        while (stamp := timestamp()) <= self._stamped:
            time.sleep(0.001)
        self._stamped = stamp
        return stamp


def timestamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def filled(app: Mapping[str, Any], version: str) -> dict[str, Any]:
    """With what Marathon fills in where an app says nothing."""
    found = {**DEFAULTS, **app, "version": version}
    is_host = not any(network.get("mode") != "host" for network in found.get("networks") or ())
    if "portDefinitions" not in found and "ports" not in found and is_host and "container" not in found:
        found["portDefinitions"] = [dict(PORT_DEFINITION)]
    found.setdefault("upgradeStrategy", {"minimumHealthCapacity": 1, "maximumOverCapacity": 1})
    found.setdefault("unreachableStrategy", {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0})
    for name in ("constraints", "dependencies", "healthChecks", "readinessChecks", "fetch"):
        found.setdefault(name, [])
    for name in ("env", "labels"):
        found.setdefault(name, {})
    return found
