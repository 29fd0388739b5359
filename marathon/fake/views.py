"""What the fake says of its state, in the form that Marathon's own types ask for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from marathon.fake.agents import ROLE
from marathon.fake.state import App, Deployment, State, timestamp
from marathon.fake.tasks import Task

View = dict[str, Any]
VERSION = "1.10.0"


def info(url: str) -> View:
    return {
        "name": "marathon", "version": VERSION, "buildref": "a fake", "elected": True,
        "leader": url.removeprefix("http://"), "frameworkId": "fake-framework",
        "marathon_config": {
            "features": [], "task_lost_expunge_initial_delay": 300000, "task_lost_expunge_interval": 30000,
        },
        "zookeeper_config": {
            "zk": "zk://127.0.0.1:2181/marathon", "zk_connection_timeout": 10000, "zk_max_versions": 50,
            "zk_session_timeout": 10000, "zk_timeout": 10000,
        },
        "http_config": {"http_port": int(url.rpartition(":")[2]), "https_port": 8443},
    }  # fmt: skip


def app(state: State, name: str, *, tasks: bool = False) -> View:
    found = state.apps[name]
    live = found.live()
    shown = {
        **found.definition,
        "versionInfo": {
            "lastScalingAt": found.definition["version"],
            "lastConfigChangeAt": found.config_version or found.definition["version"],
        },
        "tasksStaged": 0,
        "tasksRunning": len(live),
        "tasksHealthy": sum(each.is_healthy is True for each in live),
        "tasksUnhealthy": sum(each.is_healthy is False for each in live),
        "deployments": [{"id": each.deployment_id} for each in state.deployments if name in each.apps],
    }
    if found.last_failure is not None:
        shown["lastTaskFailure"] = found.last_failure
    return {**shown, "tasks": [task(each) for each in found.tasks]} if tasks else shown


def task(found: Task) -> View:
    agent = found.placed.agent
    shown = {
        "id": found.task_id, "appId": found.app_id, "host": agent.hostname, "slaveId": agent.agent_id,
        "ports": list(found.placed.ports), "state": found.state, "stagedAt": found.staged_at,
        "startedAt": found.staged_at, "version": found.app_version, "role": ROLE,
        "ipAddresses": [{"ipAddress": agent.hostname, "protocol": "IPv4"}],
    }  # fmt: skip
    if found.is_healthy is not None:
        shown["healthCheckResults"] = [
            {"alive": found.is_healthy, "consecutiveFailures": found.failures,
             "instanceId": found.task_id.partition("._app")[0]}
        ]  # fmt: skip
    return shown


def group(state: State, name: str) -> View:
    prefix = "/" if name == "/" else f"{name}/"
    apps = [each for each in state.apps if each.startswith(prefix) and "/" not in each.removeprefix(prefix)]
    inner = [
        each for each in state.groups
        if each != name and each.startswith(prefix) and "/" not in each.removeprefix(prefix)
    ]  # fmt: skip
    return {
        "id": name,
        "apps": [app(state, each) for each in apps],
        "pods": [],
        "groups": [group(state, each) for each in inner],
        "dependencies": [],
        "version": state.groups.get(name) or timestamp(),
    }


def deployment(found: Deployment) -> View:
    step = found.steps[found.current] if found.current < len(found.steps) else []
    return {
        "id": found.deployment_id,
        "version": found.version,
        "affectedApps": found.apps,
        "affectedPods": [],
        "steps": [{"actions": each} for each in found.steps],
        "currentActions": [{**action, "readinessCheckResults": []} for action in step],
        "currentStep": found.current + 1,
        "totalSteps": len(found.steps),
    }


def result(found: Deployment) -> View:
    return {"version": found.version, "deploymentId": found.deployment_id}


def queue(state: State) -> View:
    """Apps that lack tasks: backed off, or waiting for an offer."""
    items = []
    for each in state.apps.values():
        if each.active is None:
            continue
        missing = each.active["instances"] - len(each.live())
        if missing > 0:
            items.append(_queued(each, missing))
    return {"queue": items}


def _queued(found: App, missing: int) -> View:
    left_s = max(0, round(found.not_before_s - time.monotonic())) if found.failures else 0
    reasons: Mapping[str, int] = found.offers.reasons if found.offers is not None else {}
    processed = found.offers.processed if found.offers is not None else 0
    return {
        "app": found.definition,
        "count": missing,
        "role": ROLE,
        "delay": {"timeLeftSeconds": left_s, "overdue": left_s == 0},
        "since": timestamp(),
        "processedOffersSummary": {
            "processedOffersCount": processed,
            "unusedOffersCount": sum(reasons.values()),
            "rejectSummaryLastOffers": [
                {"reason": reason, "declined": count, "processed": processed}
                for reason, count in reasons.items()
            ],
        },
    }
