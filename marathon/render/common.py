"""What several definitions share: where things may run, how they may be lost, secrets by name."""

from __future__ import annotations

import math
from typing import Any

from marathon.description import Deployment

SECRETS_PATH = "/run/muvr"  # in a container
KEYS_PATH = f"{SECRETS_PATH}/keys"
PASSWORD_PATH = f"{SECRETS_PATH}/cassandra-password"
COPIES_MAX = 3
BACKOFF = {"backoffSeconds": 1, "backoffFactor": 1.5, "maxLaunchDelaySeconds": 60}
STATEFUL = {
    # A node that cannot be reached still has its data: a second one beside it would be another node.
    "unreachableStrategy": "disabled",
    # Never one more than there are volumes; Marathon stops one that has a volume, and starts it anew there.
    "upgradeStrategy": {"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0},
}
REPLACED_AT_ONCE = {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0}


def lifecycle(deployment: Deployment, *, spot: bool) -> list[str]:
    """A constraint: on machines that may be taken away, or on those that may not."""
    placement = deployment.placement
    return [placement.lifecycle_attribute, "IS", placement.spot if spot else placement.on_demand]


def stateless(instances: int) -> dict[str, Any]:
    """Lost ones are replaced at once; an upgrade starts a new one before it stops an old one, up to a quarter
    of them at a time.
    """
    over = max(0.25, math.ceil(100 / max(1, instances)) / 100)
    return {
        "unreachableStrategy": REPLACED_AT_ONCE,
        "upgradeStrategy": {"minimumHealthCapacity": 1, "maximumOverCapacity": over},
    }


def labels(deployment: Deployment, part: str) -> dict[str, str]:
    return {"muvr-part": part, "muvr-environment": deployment.environment}


def dns_name(app: str, domain: str) -> str:
    """An app's name at Mesos-DNS: its path backwards, as node-0-cassandra-muvr.marathon.mesos."""
    return "-".join(reversed(app.strip("/").split("/"))) + f".{domain}"


def cassandra_id(deployment: Deployment, number: int) -> str:
    return f"{deployment.group}/cassandra/node-{number}"


def store_location(deployment: Deployment) -> str:
    """Where muvr's programs find the store."""
    if deployment.store is not None:
        return deployment.store
    ring = deployment.cassandra
    hosts = [
        f"{dns_name(cassandra_id(deployment, number), ring.dns_domain)}:{ring.cql_port}"
        for number in range(min(COPIES_MAX, ring.nodes))
    ]
    options = [f"replication={min(COPIES_MAX, ring.nodes)}", f"datacenter={ring.datacenter}"]
    user = ""
    if deployment.secrets.cassandra_password is not None:
        user = f"{deployment.keyspace}_node@"  # as `muvr schema roles` calls it
        options.append(f"password-file={PASSWORD_PATH}")
    return f"cassandra://{user}{','.join(hosts)}/{deployment.keyspace}?{'&'.join(options)}"


def keys_directory(deployment: Deployment) -> str:
    return deployment.node.keys_path or KEYS_PATH


def secret_files(deployment: Deployment) -> dict[str, dict[str, str]]:
    """What muvr's programs are given as files: path in the container and source of the secret, by a name."""
    files = {
        file.replace(".", "-"): {"path": f"{KEYS_PATH}/{file}", "source": source}
        for file, source in deployment.secrets.keys.items()
    }
    if (source := deployment.secrets.cassandra_password) is not None and deployment.cassandra.nodes:
        files["cassandra-password"] = {"path": PASSWORD_PATH, "source": source}
    return files


def secret_definitions(files: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    return {name: {"source": file["source"]} for name, file in files.items()}


def secret_volumes(files: dict[str, dict[str, str]]) -> list[dict[str, str]]:
    return [{"containerPath": file["path"], "secret": name} for name, file in files.items()]


def muvr_container(deployment: Deployment, *, with_secrets: bool = True) -> dict[str, Any]:
    """The part of an app that says in which container it runs, and with which secrets; without an image it
    runs on the agent, as it is.

    It is Mesos's own containerizer, since only that one gives secrets as files.
    """
    if deployment.images.muvr is None:
        return {}
    files = secret_files(deployment) if with_secrets else {}
    volumes: list[dict[str, Any]] = list(secret_volumes(files))
    if with_secrets and (path := deployment.node.keys_path) is not None:
        volumes.append({"containerPath": path, "hostPath": path, "mode": "RO"})
    container = {"type": "MESOS", "docker": {"image": deployment.images.muvr}, "volumes": volumes}
    return {"container": container, **({"secrets": secret_definitions(files)} if files else {})}
