"""Spark of its own: a standalone master, and workers on machines that may be taken away.

A worker that is lost costs the time of its tasks, which Spark runs again elsewhere, never results. The master
stays on a machine that stays; with ZooKeeper its state outlives it too.
"""

from __future__ import annotations

import shlex
from typing import Any

from marathon.description import Deployment
from marathon.memory import SPARK_DAEMON_MB, spark_executor_mb
from marathon.render.common import BACKOFF, dns_name, labels, lifecycle, muvr_container, stateless

MASTER_CPUS, MASTER_MEMORY_MB = 1.0, 1_024
START_SECONDS, CHECK_SECONDS, CHECK_TIMEOUT_SECONDS, FAILURES_MAX = 120, 15, 10, 3
STOP_SECONDS = 30
_HOME = "import os, pyspark; print(os.path.dirname(pyspark.__file__))"
_JAVA = "from batch.java import find_java; print(find_java())"


def spark_apps(deployment: Deployment) -> list[dict[str, Any]]:
    if deployment.spark.workers == 0:
        return []
    worker = _worker(deployment)
    if deployment.spark.master is not None:
        return [worker]
    return [_master(deployment), {**worker, "dependencies": [_master_id(deployment)]}]


def spark_master(deployment: Deployment) -> str | None:
    """The address that a batch is given; None where it runs alone."""
    spark = deployment.spark
    if spark.workers == 0:
        return None
    if spark.master is not None:
        return spark.master
    return f"spark://{dns_name(_master_id(deployment), spark.dns_domain)}:{spark.master_port}"


def spark_command(deployment: Deployment, main: str, *arguments: str) -> str:
    """Runs a daemon of Spark; `arguments` are a shell's words, HOST and PORT0 among them."""
    python = shlex.quote(deployment.python)
    return (
        f"SPARK_HOME=$({python} -c {shlex.quote(_HOME)}) && JAVA_HOME=$({python} -c {shlex.quote(_JAVA)}) && "
        "export SPARK_HOME JAVA_HOME && "
        f'exec "$SPARK_HOME/bin/spark-class" org.apache.spark.deploy.{main} {" ".join(arguments)}'
    )


def _master_id(deployment: Deployment) -> str:
    return f"{deployment.group}/spark/master"


def _master(deployment: Deployment) -> dict[str, Any]:
    spark = deployment.spark
    ports = [(spark.master_port, "master"), (spark.master_ui_port, "http")]
    command = spark_command(
        deployment, "master.Master", '--host "$HOST"', '--port "$PORT0"', '--webui-port "$PORT1"'
    )
    return {
        **_daemon(deployment, ports),
        "id": _master_id(deployment),
        "instances": 1,
        "cpus": MASTER_CPUS,
        "mem": MASTER_MEMORY_MB,
        "cmd": command,
        "requirePorts": True,
        "constraints": [lifecycle(deployment, spot=False)],
        "env": {"SPARK_DAEMON_MEMORY": f"{MASTER_MEMORY_MB // 2}m", **_recovery(deployment)},
        "labels": labels(deployment, "spark-master"),
        "taskKillGracePeriodSeconds": STOP_SECONDS,
        # Its ports are its name: a second one beside it could not listen.
        "unreachableStrategy": {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0},
        "upgradeStrategy": {"minimumHealthCapacity": 0, "maximumOverCapacity": 0},
    }


def _worker(deployment: Deployment) -> dict[str, Any]:
    spark = deployment.spark
    command = spark_command(
        deployment,
        "worker.Worker",
        '--host "$HOST" --port "$PORT0" --webui-port "$PORT1" --work-dir "$MESOS_SANDBOX/work"',
        f"--cores {int(spark.cpus)} --memory {spark_executor_mb(spark.memory_mb)}M",
        shlex.quote(str(spark_master(deployment))),
    )
    return {
        **_daemon(deployment, [(0, "worker"), (0, "http")]),
        "id": f"{deployment.group}/spark/worker",
        "instances": spark.workers,
        "cpus": spark.cpus,
        "mem": spark.memory_mb,
        "disk": spark.disk_mb,
        "cmd": command,
        "constraints": [lifecycle(deployment, spot=spark.spot)],
        "env": {"SPARK_DAEMON_MEMORY": f"{SPARK_DAEMON_MB // 2}m", "PYSPARK_PYTHON": deployment.python},
        "labels": labels(deployment, "spark-worker"),
        "taskKillGracePeriodSeconds": spark.stop_seconds,
        **stateless(spark.workers),
    }


def _daemon(deployment: Deployment, ports: list[tuple[int, str]]) -> dict[str, Any]:
    return {
        "networks": [{"mode": "host"}],
        "portDefinitions": [{"port": port, "name": name, "protocol": "tcp"} for port, name in ports],
        "healthChecks": [
            {
                "protocol": "MESOS_HTTP",
                "path": "/",
                "portIndex": 1,
                "gracePeriodSeconds": START_SECONDS,
                "intervalSeconds": CHECK_SECONDS,
                "timeoutSeconds": CHECK_TIMEOUT_SECONDS,
                "maxConsecutiveFailures": FAILURES_MAX,
            }
        ],
        **muvr_container(deployment, with_secrets=False),
        **BACKOFF,
    }


def _recovery(deployment: Deployment) -> dict[str, str]:
    hosts = ",".join(deployment.services.zookeeper)
    if not hosts:
        return {}
    options = {
        "recoveryMode": "ZOOKEEPER",
        "zookeeper.url": hosts,
        "zookeeper.dir": f"{deployment.group}/spark",
    }
    return {"SPARK_DAEMON_JAVA_OPTS": " ".join(f"-Dspark.deploy.{name}={v}" for name, v in options.items())}
