"""muvr's nodes: one app, upgraded one after the other, each only once its successor serves.

Some of them may be on machines that stay: those are an app of their own, upgraded first.
"""

from __future__ import annotations

import json
import math
import shlex
from typing import Any

from marathon.description import Deployment
from marathon.render.common import (
    BACKOFF,
    keys_directory,
    labels,
    lifecycle,
    muvr_container,
    stateless,
    store_location,
)
from marathon.render.night import STEPS_FOLDER, night_resources
from marathon.render.spark import spark_master

CHECK_SECONDS, CHECK_TIMEOUT_SECONDS, FAILURES_MAX = 10, 5, 3
READY_SECONDS, READY_TIMEOUT_SECONDS, READY = 5, 3, 200
ZONES_SPREAD_MIN = 3  # over fewer, losing one would leave no room to be whole again
RESOURCES_FILE = "night-run.json"


def node_id(deployment: Deployment) -> str:
    return f"{deployment.group}/node"


def node_apps(deployment: Deployment) -> list[dict[str, Any]]:
    node, name = deployment.node, node_id(deployment)
    if not node.on_demand:
        return [_app(deployment, name, node.instances, spot=node.spot)]
    staying = _app(deployment, f"{name}-on-demand", node.on_demand, spot=False)
    others = _app(deployment, name, node.instances - node.on_demand, spot=True)
    others["dependencies"] = [*others.get("dependencies", ()), staying["id"]]
    return [staying, others]


def _app(deployment: Deployment, name: str, instances: int, *, spot: bool) -> dict[str, Any]:
    node = deployment.node
    app = {
        "id": name,
        "instances": instances,
        "cpus": node.cpus,
        "mem": node.memory_mb,
        "disk": node.disk_mb,
        "cmd": node_command(deployment, spot=spot),
        "networks": [{"mode": "host"}],
        "portDefinitions": [
            {"port": 0, "name": "devices", "protocol": "tcp"},
            {"port": 0, "name": "http", "protocol": "tcp"},
        ],
        "constraints": _constraints(deployment, instances, spot=spot),
        # Whether it lives: an agent asks, so that Marathon's own way there does not matter. Not whether the
        # store answers: all nodes would be killed when it does not.
        "healthChecks": [
            {
                "protocol": "MESOS_HTTP",
                "path": "/health",
                "portIndex": 1,
                "gracePeriodSeconds": node.start_seconds,
                "intervalSeconds": CHECK_SECONDS,
                "timeoutSeconds": CHECK_TIMEOUT_SECONDS,
                "maxConsecutiveFailures": FAILURES_MAX,
            }
        ],
        # Whether an upgrade may stop the next old one.
        "readinessChecks": [
            {
                "name": "ready",
                "protocol": "HTTP",
                "path": "/ready",
                "portName": "http",
                "intervalSeconds": READY_SECONDS,
                "timeoutSeconds": READY_TIMEOUT_SECONDS,
                "httpStatusCodesForReady": [READY],
            }
        ],
        "taskKillGracePeriodSeconds": node.stop_seconds,
        "labels": labels(deployment, "node"),
        **muvr_container(deployment),
        **stateless(instances),
        **BACKOFF,
    }
    if deployment.cassandra.nodes:
        app["dependencies"] = [f"{deployment.group}/cassandra"]
    return app


def node_command(deployment: Deployment, *, spot: bool) -> str:
    """What a shell is given; HOST, PORT0, PORT1 and MESOS_SANDBOX are set for each task."""
    node = deployment.node
    words = [
        "exec", deployment.program, "up",
        "--store", store_location(deployment),
        "--keys", keys_directory(deployment),
        "--host", node.listen,
        "--lease-seconds", f"{node.lease_seconds:g}",
        "--night", "never",
        *(("--spot-notice", node.spot_notice) if spot and node.spot_notice is not None else ()),
    ]  # fmt: skip
    of_task = (
        '--data "$MESOS_SANDBOX/muvr-data" --gateway-port "$PORT0" --api-port "$PORT1" '
        '--advertise "ws://$HOST:$PORT0" --advertise-api "http://$HOST:$PORT1"'
    )
    command = f"{shlex.join(words)} {of_task}"
    if (master := spark_master(deployment)) is not None:
        command += f" --spark-master {shlex.quote(master)}"
    if deployment.night is None:
        return command
    run = json.dumps(night_resources(deployment, deployment.night), sort_keys=True)
    night = ["--metronome", deployment.services.metronome, "--mesos", deployment.services.mesos]
    night += ["--metronome-folder", f"{deployment.folder}.{STEPS_FOLDER}"]
    night += ["--metronome-python", deployment.python, "--metronome-run", RESOURCES_FILE]
    arguments = shlex.join(str(word) for word in night)
    return f"printf %s {shlex.quote(run)} > {RESOURCES_FILE} && {command} {arguments}"


def _constraints(deployment: Deployment, instances: int, *, spot: bool) -> list[list[str]]:
    node, zones = deployment.node, deployment.placement.zones
    found = [lifecycle(deployment, spot=spot), ["hostname", "MAX_PER", str(node.per_agent)]]
    if len(zones) >= ZONES_SPREAD_MIN and instances:
        over: float = stateless(instances)["upgradeStrategy"]["maximumOverCapacity"]
        most = math.ceil(int(instances * (1 + over)) / (len(zones) - 1))
        found.append([deployment.placement.zone_attribute, "MAX_PER", str(most)])
    return found
