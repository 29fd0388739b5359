"""How a deployment stands: what runs, what is under way, what waits for machines and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marathon.api import DeploymentState
from marathon.apply import Cluster
from marathon.render.group import apps_of


@dataclass(frozen=True, kw_only=True)
class AppStatus:
    """`waits` says why no machine is used for those that lack; `failure` is the latest of a task."""

    name: str
    instances: int
    running: int
    healthy: int
    hosts: tuple[str, ...]
    waits: str = ""
    failure: str = ""


@dataclass(frozen=True)
class Status:
    apps: tuple[AppStatus, ...]
    deployments: tuple[DeploymentState, ...]
    jobs: Mapping[str, str]

    @property
    def serves(self) -> bool:
        """Everything runs that should, and nothing is under way."""
        return (
            bool(self.apps)
            and not self.deployments
            and all(app.running >= app.instances and app.healthy >= app.instances for app in self.apps)
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "serves": self.serves,
            "apps": [dataclasses.asdict(app) for app in self.apps],
            "deployments": [dataclasses.asdict(each) for each in self.deployments],
            "jobs": dict(self.jobs),
        }


def status_of(cluster: Cluster, group: str, folder: str) -> Status:
    """Raises ClusterError if a service does not answer."""
    apps = apps_of(cluster.marathon.group(group) or {})
    waiting = cluster.marathon.waiting() if apps else {}
    found = [_app(cluster, name, app, waiting.get(name, "")) for name, app in sorted(apps.items())]
    deployments = [each for each in cluster.marathon.deployments() if set(each.apps) & set(apps)]
    return Status(tuple(found), tuple(deployments), _jobs(cluster, folder))


def _app(cluster: Cluster, name: str, app: Mapping[str, Any], waits: str) -> AppStatus:
    tasks = cluster.marathon.tasks(name)
    failure = app.get("lastTaskFailure") or {}
    return AppStatus(
        name=name,
        instances=app.get("instances", 1),
        running=app.get("tasksRunning", 0),
        healthy=app.get("tasksHealthy", 0),
        hosts=tuple(str(task.get("host")) for task in tasks),
        waits=waits,
        failure=f"{failure.get('timestamp')}: {failure.get('message')}" if failure else "",
    )


def _jobs(cluster: Cluster, folder: str) -> dict[str, str]:
    if cluster.metronome is None:
        return {}
    found = {}
    for name in cluster.metronome.jobs(folder):
        state, definition = cluster.metronome.state(name), cluster.metronome.definition(name)
        if state is None or definition is None:
            continue
        schedules = [f"{each.get('cron')} {each.get('timezone', 'UTC')}" for each in definition[1]]
        ran = {True: "succeeded", False: "failed", None: "runs" if state.is_begun else "has not run yet"}
        found[name] = "; ".join([ran[state.has_succeeded], *schedules])
    return found
