"""Cassandra's ring: one app for each node, each waiting for the one before it.

Marathon starts the instances of one app at the same time, and stops half of them at once when it upgrades
with a capacity of 0.5. A ring wants its seeds first and then one node at a time, in both cases. Apps that
depend on one another are started, and upgraded, in that order.
"""

from __future__ import annotations

from typing import Any

from marathon.description import Deployment
from marathon.memory import cassandra_heap
from marathon.render.common import (
    BACKOFF,
    STATEFUL,
    cassandra_id,
    dns_name,
    labels,
    lifecycle,
)

SANDBOX = "/mnt/mesos/sandbox"  # where a container of Docker finds its volumes
CHECK_SECONDS, CHECK_TIMEOUT_SECONDS, FAILURES_MAX = 30, 10, 5


def cassandra_apps(deployment: Deployment) -> list[dict[str, Any]]:
    return [_node(deployment, number) for number in range(deployment.cassandra.nodes)]


def _node(deployment: Deployment, number: int) -> dict[str, Any]:
    ring, zones = deployment.cassandra, deployment.placement.zones
    rack = zones[number % len(zones)]
    app = {
        "id": cassandra_id(deployment, number),
        "instances": 1,
        "cpus": ring.cpus,
        "mem": ring.memory_mb,
        "networks": [{"mode": "host"}],
        # On each agent one node has them: no other part of the ring comes to the same machine.
        "portDefinitions": [
            {"port": ring.cql_port, "name": "cql", "protocol": "tcp"},
            {"port": ring.storage_port, "name": "storage", "protocol": "tcp"},
        ],
        "requirePorts": True,
        "constraints": [
            lifecycle(deployment, spot=False),
            [deployment.placement.zone_attribute, "IS", rack],
            ["hostname", "UNIQUE"],
        ],
        "container": _container(deployment),
        "env": _environment(deployment, rack),
        "healthChecks": [_health(deployment)],
        "taskKillGracePeriodSeconds": ring.stop_seconds,
        "labels": labels(deployment, "cassandra"),
        **STATEFUL,
        **BACKOFF,
    }
    if number:
        app["dependencies"] = [cassandra_id(deployment, number - 1)]
    return app


def _container(deployment: Deployment) -> dict[str, Any]:
    ring = deployment.cassandra
    sizes = {"data": ring.data_mb, "commitlog": ring.commitlog_mb, "saved_caches": ring.saved_caches_mb}
    volumes = [
        {"containerPath": name, "mode": "RW", "persistent": {"size": size}} for name, size in sizes.items()
    ]
    # Mesos makes volumes root's: the image's entry point takes them over, and goes on as its own user.
    as_root = [{"key": "user", "value": "0"}]
    docker = {"image": deployment.images.cassandra, "parameters": as_root}
    return {"type": "DOCKER", "docker": docker, "volumes": volumes}


def _environment(deployment: Deployment, rack: str) -> dict[str, str]:
    """What the image's entry point reads; the address of the agent is in HOST, which Marathon sets.

    Passwords are of roles, which are in the ring itself: its nodes are only told to ask for them.
    """
    ring = deployment.cassandra
    heap = cassandra_heap(ring.memory_mb, deployment.environment)
    seeds = [dns_name(cassandra_id(deployment, number), ring.dns_domain) for number in range(ring.seed_count)]
    return {
        "CASSANDRA_CLUSTER_NAME": deployment.group.strip("/").replace("/", "-"),
        "CASSANDRA_VARIANT": "development" if deployment.environment == "dev" else "production",
        "CASSANDRA_SEEDS": ",".join(seeds),
        "CASSANDRA_DC": ring.datacenter,
        "CASSANDRA_RACK": rack,
        "CASSANDRA_CQL_PORT": str(ring.cql_port),
        "CASSANDRA_STORAGE_PORT": str(ring.storage_port),
        "CASSANDRA_DATA": f"{SANDBOX}/data",
        "CASSANDRA_COMMITLOG": f"{SANDBOX}/commitlog",
        "CASSANDRA_SAVED_CACHES": f"{SANDBOX}/saved_caches",
        "MAX_HEAP_SIZE": f"{heap.size_mb}M",
        "HEAP_NEWSIZE": f"{heap.new_mb}M",
        "CASSANDRA_AUTHENTICATION": "off" if deployment.secrets.cassandra_password is None else "on",
    }


def _health(deployment: Deployment) -> dict[str, Any]:
    """It listens to clients only after it has joined the ring."""
    return {
        "protocol": "MESOS_TCP",
        "portIndex": 0,
        "gracePeriodSeconds": deployment.cassandra.start_seconds,
        "intervalSeconds": CHECK_SECONDS,
        "timeoutSeconds": CHECK_TIMEOUT_SECONDS,
        "maxConsecutiveFailures": FAILURES_MAX,
    }
