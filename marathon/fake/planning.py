"""What a deployment does, in which order, and how an app is brought from one version to the next. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marathon.rules import depends_on

App = Mapping[str, Any]
Action = dict[str, str]
NOT_A_NEW_VERSION = ("instances", "version", "versionInfo")


@dataclass(frozen=True)
class Capacity:
    """While an app is upgraded: at least so many that serve, at most so many in all."""

    healthy_min: int
    tasks_max: int


def steps(before: Mapping[str, App], after: Mapping[str, App]) -> list[list[Action]]:
    """First what is stopped; then, together, all that waits for nothing that is not done yet."""
    stopped = [_action("StopApplication", name) for name in sorted(set(before) - set(after))]
    changed = {name: _kind(before.get(name), app) for name, app in after.items()}
    ordered: dict[int, list[Action]] = {}
    for name, kind in changed.items():
        if kind:
            ordered.setdefault(_depth(after, name), []).append(_action(kind, name))
    return ([stopped] if stopped else []) + [ordered[depth] for depth in sorted(ordered)]


def capacity(app: App, running: int) -> Capacity:
    """As Marathon's `TaskReplaceActor` works it out: where nothing could move, who has volumes may be one
    less, and everyone else one more.
    """
    strategy = {
        "minimumHealthCapacity": 1.0,
        "maximumOverCapacity": 1.0,
        **(app.get("upgradeStrategy") or {}),
    }
    healthy_min = math.ceil(app["instances"] * strategy["minimumHealthCapacity"])
    tasks_max = int(app["instances"] * (1 + strategy["maximumOverCapacity"]))
    if healthy_min == tasks_max and tasks_max <= running:
        if is_resident(app):
            healthy_min -= 1
        else:
            tasks_max += 1
    return Capacity(healthy_min, tasks_max)


def is_resident(app: App) -> bool:
    return any("persistent" in volume for volume in (app.get("container") or {}).get("volumes") or ())


def is_new_version(before: App, after: App) -> bool:
    """Whether what runs has to be started anew; otherwise it is only scaled."""
    return _without(before) != _without(after)


def _without(app: App) -> dict[str, Any]:
    return {name: value for name, value in app.items() if name not in NOT_A_NEW_VERSION}


def _kind(before: App | None, after: App) -> str:
    if before is None:
        return "StartApplication"
    if is_new_version(before, after):
        return "RestartApplication"
    return "ScaleApplication" if before["instances"] != after["instances"] else ""


def _depth(apps: Mapping[str, App], name: str) -> int:
    return 1 + max((_depth(apps, other) for other in depends_on(apps, name)), default=0)


def _action(kind: str, name: str) -> Action:
    return {"action": kind, "app": name}
