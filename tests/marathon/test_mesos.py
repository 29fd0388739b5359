"""What is rendered runs as tasks of a real Mesos, and survives an agent that is taken away without notice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from batch.java import find_java
from gateway.auth import Tokens
from marathon.description import Deployment, Node, Spark, parse_deployment
from marathon.render.group import apps_of, render
from marathon.validation import validate
from persistence.location import open_store
from persistence.secret_files import load_or_make_key
from tests.actors.driving import MASTER_KEY
from tests.actors.helpers import eventually, is_alive
from tests.cluster.checker import check_acknowledged, check_settled
from tests.cluster.crowd import Crowd
from tests.marathon.mesos_framework import Framework, Running
from tests.marathon.mesos_rig import mesos, take_away
from tests.marathon.small import checkout_programs

pytestmark = pytest.mark.soak

ROOT = Path(__file__).parents[2]
LEASE_S = 4.0
PARTITIONS, SOME = 24, 4
JOB_SECONDS, WAIT_SECONDS = 600.0, 300.0  # generous: they only bound a test that fails
MASTER_PORT, MASTER_UI_PORT = 31_900, 31_901
DESCRIPTION = """
environment = "dev"
store = "STORE"
program = "PROGRAM"
python = "PYTHON"
[cassandra]
nodes = 0
[node]
instances = 1
keys_path = "KEYS"
"""
JOB = """
import time
from pyspark.sql import SparkSession
def slow(numbers):
    for number in numbers:
        time.sleep(0.7)
        open({marks!r} + "/" + str(number), "w").close()
        yield number * number
spark = (SparkSession.builder.master({master!r}).appName("squares").config("spark.executor.memory", "512m")
         .config("spark.task.maxFailures", "8").getOrCreate())
print("SUM", spark.sparkContext.parallelize(range({partitions}), {partitions}).mapPartitions(slow).sum())
spark.stop()
"""


@pytest.fixture
def mesos_address(tmp_path: Path) -> Iterator[str]:
    with mesos(tmp_path, "lifecycle:spot;zone:a") as address:
        yield address


def described(directory: Path, store: str) -> Deployment:
    """With programs of this checkout, which an agent would have as packages."""
    program, python = checkout_programs(directory)
    keys = directory / "keys"
    keys.mkdir(mode=0o700)
    (keys / "master.key").write_bytes(MASTER_KEY)
    text = DESCRIPTION.replace("STORE", store).replace("PROGRAM", str(program))
    return parse_deployment(text.replace("PYTHON", str(python)).replace("KEYS", str(keys)))


def app_of(deployment: Deployment, name: str) -> dict[str, Any]:
    definitions = render(deployment)
    assert validate(definitions) == []
    found: dict[str, Any] = apps_of(definitions.group)[name]
    return found


def lose(directory: Path, agent_id: str) -> None:
    """Its machine's power goes: every process of it stands still, and is then killed; the master is told."""
    stopped: list[psutil.Process] = []
    while new := [each for each in _of_agent(directory, agent_id) if each not in stopped]:
        _signal(new, signal.SIGSTOP)
        stopped += new
    assert stopped
    _signal(stopped, signal.SIGKILL)
    take_away(agent_id)


def _of_agent(directory: Path, agent_id: str) -> list[psutil.Process]:
    """Executors, and what they started: whatever is in a sandbox of the agent's."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            place = process.cwd()
            if place.startswith(str(directory)) and agent_id in place and is_alive(process):
                found.append(process)
    return found


def _signal(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(number)


def test_a_node_is_whole_again_on_the_other_agent_and_no_acknowledged_frame_is_missing(
    mesos_address: str, cassandra_location: str, tmp_path: Path
) -> None:
    deployment = described(tmp_path, cassandra_location)
    node = msgspec.structs.replace(
        deployment.node, instances=1, cpus=1.0, memory_mb=1_024, listen="127.0.0.1", lease_seconds=LEASE_S
    )
    app = app_of(msgspec.structs.replace(deployment, node=node), "/muvr/node")
    with Framework(mesos_address, [app]) as framework:
        (task,) = framework.whole("/muvr/node")
        eventually(lambda: _is_ready(app, task), "the node is ready", WAIT_SECONDS)
        tokens = Tokens(load_or_make_key(tmp_path / "keys" / "tokens.key"), time.time)
        store = open_store(cassandra_location)
        with Crowd(31, [_devices(task)], tokens, users=4) as crowd:
            crowd.heard()
            lose(tmp_path, task.agent_id)
            before = check_acknowledged(store, crowd)
            assert before
            (other,) = framework.whole("/muvr/node", besides=task.agent_id)
            eventually(lambda: _is_ready(app, other), "the other one is ready", WAIT_SECONDS)
            crowd.know([_devices(other)])
            crowd.heard()
            assert check_acknowledged(store, crowd) > before
            crowd.settle()
        check_settled(store, crowd)
        store.close()
        assert any(told in ("TASK_GONE_BY_OPERATOR", "TASK_FAILED") for _, told, _ in framework.states)


def test_a_job_of_spark_has_its_result_although_a_worker_is_taken_away(
    mesos_address: str, tmp_path: Path
) -> None:
    deployment = described(tmp_path, "cassandra://127.0.0.1/muvr")
    spark = Spark(
        workers=2,
        cpus=1.0,
        memory_mb=1_536,
        disk_mb=100,
        master_port=MASTER_PORT,
        master_ui_port=MASTER_UI_PORT,
    )
    node: Node = msgspec.structs.replace(deployment.node, instances=0)
    master_app = app_of(msgspec.structs.replace(deployment, spark=spark, node=node), "/muvr/spark/master")
    master = f"spark://127.0.0.1:{MASTER_PORT}"
    known = msgspec.structs.replace(spark, master=master)
    worker_app = app_of(msgspec.structs.replace(deployment, spark=known, node=node), "/muvr/spark/worker")
    # Both of the rig's agents are spot machines; the master is not what is taken away here.
    master_app["constraints"] = []
    with Framework(mesos_address, [master_app]) as masters:
        (place,) = masters.whole("/muvr/spark/master")
        eventually(lambda: _alive_workers() is not None, "the master is up", WAIT_SECONDS)
        with Framework(mesos_address, [worker_app]) as framework:
            framework.whole("/muvr/spark/worker")
            eventually(lambda: _alive_workers() == 2, "both workers are registered", WAIT_SECONDS)
            marks = tmp_path / "marks"
            marks.mkdir()
            job = _job(deployment.python, master, marks)
            eventually(
                lambda: len(list(marks.iterdir())) >= SOME, "some of its tasks have ended", WAIT_SECONDS
            )
            (victim,) = {task.agent_id for task in framework.running("/muvr/spark/worker")} - {place.agent_id}
            lose(tmp_path, victim)
            output, errors = job.communicate(timeout=JOB_SECONDS)
            assert f"SUM {sum(number * number for number in range(PARTITIONS))}" in output, errors[-2000:]
            framework.whole("/muvr/spark/worker")
            eventually(lambda: _alive_workers() == 2, "the worker is there again", WAIT_SECONDS)
    assert place.ports == (MASTER_PORT, MASTER_UI_PORT)


def _is_ready(app: dict[str, Any], task: Running) -> bool:
    """As Marathon's readiness check asks."""
    (check,) = app["readinessChecks"]
    names = [each["name"] for each in app["portDefinitions"]]
    port = task.ports[names.index(check["portName"])]
    place = f"http://127.0.0.1:{port}{check['path']}"
    with suppress(OSError), urllib.request.urlopen(place, timeout=5) as answer:
        return answer.status in check["httpStatusCodesForReady"]
    return False


def _devices(task: Running) -> str:
    return f"ws://127.0.0.1:{task.ports[0]}"


def _alive_workers() -> int | None:
    """What Spark's master says; None while it does not."""
    with (
        suppress(OSError, ValueError),
        urllib.request.urlopen(f"http://127.0.0.1:{MASTER_UI_PORT}/json/", timeout=5) as answer,
    ):
        return int(json.load(answer)["aliveworkers"])
    return None


def _job(python: str, master: str, marks: Path) -> subprocess.Popen[str]:
    words = JOB.format(master=master, partitions=PARTITIONS, marks=str(marks))
    environ = {
        **os.environ,
        "JAVA_HOME": str(find_java()),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": python,
    }
    return subprocess.Popen(
        [python, "-c", words], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
