"""Everything that a description asks for, as Marathon and Metronome want it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from marathon.description import Deployment
from marathon.render.cassandra import cassandra_apps
from marathon.render.night import night_job, night_schedule
from marathon.render.node import node_apps
from marathon.render.spark import spark_apps

Definition = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Definitions:
    """`schedules` are by job; Metronome is given them one by one, after their job."""

    group: Definition
    jobs: tuple[Definition, ...] = ()
    schedules: dict[str, Definition] = field(default_factory=dict)

    def as_json(self) -> Definition:
        return {"group": self.group, "jobs": list(self.jobs), "schedules": self.schedules}


def render(deployment: Deployment) -> Definitions:
    """Pure: the same description gives the same definitions."""
    groups = []
    for name, apps in (("cassandra", cassandra_apps(deployment)), ("spark", spark_apps(deployment))):
        if apps:
            groups.append({"id": f"{deployment.group}/{name}", "apps": apps, "groups": []})
    group = {"id": deployment.group, "apps": node_apps(deployment), "groups": groups}
    if deployment.night is None:
        return Definitions(group=group)
    job = night_job(deployment, deployment.night)
    return Definitions(group=group, jobs=(job,), schedules={job["id"]: night_schedule(deployment.night)})


def apps_of(group: Definition) -> dict[str, Definition]:
    """The apps of a group and of the groups in it, by their whole identifier."""
    found = {app["id"]: app for app in group.get("apps") or []}
    for inner in group.get("groups") or []:
        found |= apps_of(inner)
    return found


def volumes_of(app: Definition) -> list[str]:
    """The persistent volumes that each instance of the app has, by their path in the container."""
    volumes = (app.get("container") or {}).get("volumes") or []
    return [volume["containerPath"] for volume in volumes if "persistent" in volume]
