"""Marathon's HTTP API, as far as a group is managed through it.

https://mesosphere.github.io/marathon/api-console/index.html. A change is answered with the identifier of a
deployment, which goes on in Marathon whether somebody waits or not.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marathon.errors import ClusterRefused, ClusterUnavailable
from marathon.http import Service

_MISSING = 404
_GROUP_PARTS = ("group.apps", "group.groups", "group.apps.counts", "group.apps.lastTaskFailure")


@dataclass(frozen=True)
class DeploymentState:
    """A deployment under way. `current` is what it does now, as `RestartApplication /muvr/node`."""

    deployment_id: str
    step: int
    steps: int
    current: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()


class Marathon:
    """Raises ClusterUnavailable if nobody knows what happened, ClusterRefused if nothing did."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._service = Service(url, timeout_s)

    def group(self, name: str) -> dict[str, Any] | None:
        """A group with everything in it; None if there is none."""
        try:
            found = self._service.get(_path("groups", name), [("embed", part) for part in _GROUP_PARTS])
        except ClusterRefused as error:
            if error.status == _MISSING:
                return None
            raise
        return _object(found)

    def put_group(self, group: Mapping[str, Any]) -> str:
        """Make everything in the group as it is defined; what is not defined any more is stopped.

        Raises ClusterRefused while another deployment has any of it.
        """
        return _deployment(self._service.put(_path("groups", group["id"]), group))

    def remove_group(self, name: str) -> str:
        return _deployment(self._service.delete(_path("groups", name)))

    def scale(self, app: str, instances: int) -> str:
        return _deployment(self._service.put(_path("apps", app), {"instances": instances}))

    def tasks(self, app: str) -> list[dict[str, Any]]:
        found = _object(self._service.get(_path("apps", app, "/tasks")))
        return [task for task in found.get("tasks") or () if isinstance(task, dict)]

    def deployments(self) -> list[DeploymentState]:
        """Those under way, whoever began them."""
        found = self._service.get("/v2/deployments")
        if not isinstance(found, list):
            raise ClusterUnavailable("Marathon lists deployments in another way than it should")
        return [_state(each) for each in found]

    def roll_back(self, deployment_id: str) -> str:
        """Go back to what there was before a deployment under way; the deployment that does it."""
        return _deployment(self._service.delete(f"/v2/deployments/{urllib.parse.quote(deployment_id)}"))

    def waiting(self) -> dict[str, str]:
        """Apps that wait for an offer, and why none of those that came could be used."""
        found = _object(self._service.get("/v2/queue"))
        return {
            str(item["app"]["id"]): _reasons(item)
            for item in found.get("queue") or ()
            if isinstance(item, dict) and isinstance(item.get("app"), dict) and "id" in item["app"]
        }


def _path(kind: str, name: str, more: str = "") -> str:
    return f"/v2/{kind}/{urllib.parse.quote(name)}{more}"


def _object(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise ClusterUnavailable("Marathon answers in another way than it should")
    return found


def _deployment(found: Any) -> str:
    identifier = _object(found).get("deploymentId")
    if not isinstance(identifier, str):
        raise ClusterUnavailable("Marathon names no deployment")
    return identifier


def _state(found: Any) -> DeploymentState:
    try:
        current = tuple(
            f"{each['action']} {each.get('app', '')}" for each in found.get("currentActions") or ()
        )
        apps = tuple(map(str, found.get("affectedApps") or ()))
        return DeploymentState(
            str(found["id"]), int(found["currentStep"]), int(found["totalSteps"]), current, apps
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ClusterUnavailable("Marathon describes a deployment in another way than it should") from error


def _reasons(item: Mapping[str, Any]) -> str:
    summary = item.get("processedOffersSummary")
    steps = summary.get("rejectSummaryLastOffers") if isinstance(summary, dict) else None
    steps = [step for step in steps or () if isinstance(step, dict) and step.get("declined")]
    return ", ".join(f"{step.get('reason')} ({step.get('declined')})" for step in steps) or "no offer yet"
