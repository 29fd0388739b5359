"""The night on Metronome: a job that asks for it at its time, and what each of its steps may use.

The job asks through the store and waits, so that a night is recorded, and shown, like any other; the node
that leads starts the steps as jobs of their own.
"""

from __future__ import annotations

import shlex
from typing import Any

from marathon.description import Deployment, Night
from marathon.render.common import (
    keys_directory,
    labels,
    lifecycle,
    secret_definitions,
    secret_files,
    secret_volumes,
    store_location,
)

STEPS_FOLDER = "steps"
ASK_CPUS, ASK_MEMORY_MB = 0.1, 256
GRACE_SECONDS = 10


def night_job(deployment: Deployment, night: Night) -> dict[str, Any]:
    words = [deployment.program, "jobs", "run", "--wait", "--store", store_location(deployment)]
    words += ["--keys", keys_directory(deployment)]
    return {
        "id": f"{deployment.folder}.night",
        "description": "asks for muvr's night and waits until it is over",
        "labels": labels(deployment, "night"),
        "run": {
            "cmd": shlex.join(words),
            "cpus": ASK_CPUS,
            "mem": ASK_MEMORY_MB,
            "disk": 0,
            "restart": {"policy": "ON_FAILURE", "activeDeadlineSeconds": night.active_deadline_seconds},
            "taskKillGracePeriodSeconds": GRACE_SECONDS,
            **_placed(deployment, night),
            **_contained(deployment),
        },
    }


def night_schedule(night: Night) -> dict[str, Any]:
    return {
        "id": "nightly",
        "cron": night.cron,
        "timezone": night.time_zone,
        "concurrencyPolicy": "FORBID",
        "startingDeadlineSeconds": night.starting_deadline_seconds,
        "enabled": True,
    }


def night_resources(deployment: Deployment, night: Night) -> dict[str, Any]:
    """The `run` of a step without its command, for `muvr up --metronome-run`."""
    return {
        "cpus": night.cpus,
        "mem": night.memory_mb,
        "disk": night.disk_mb,
        **_placed(deployment, night),
        **_contained(deployment),
    }


def _placed(deployment: Deployment, night: Night) -> dict[str, Any]:
    attribute, operator, value = lifecycle(deployment, spot=night.spot)
    return {"placement": {"constraints": [{"attribute": attribute, "operator": operator, "value": value}]}}


def _contained(deployment: Deployment) -> dict[str, Any]:
    if deployment.images.muvr is None:
        return {}
    files = secret_files(deployment)
    volumes: list[dict[str, str]] = secret_volumes(files)
    if (path := deployment.node.keys_path) is not None:
        volumes.append({"containerPath": path, "hostPath": path, "mode": "RO"})
    return {
        "ucr": {"image": {"id": deployment.images.muvr}},
        "networks": [{"mode": "host"}],
        "volumes": volumes,
        **({"secrets": secret_definitions(files)} if files else {}),
    }
