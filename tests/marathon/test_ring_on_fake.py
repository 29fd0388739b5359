"""A rendered ring on the fake: its seeds first, then one at a time, and upgraded one at a time."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import msgspec

from marathon.apply import apply, current_plan
from marathon.description import Deployment
from marathon.fake.marathon import agents, fake_marathon
from marathon.render.group import render
from marathon.rollout import Rollout
from tests.marathon.deployments import production
from tests.marathon.small import cluster
from tests.marathon.test_fake_marathon import Listener

SERVES = f'exec {sys.executable} -m http.server --bind "$HOST" "$PORT0"'
NODES = 3


def ring(**changes: Any) -> Deployment:
    """Nothing but the ring, and a node of muvr's that has no instances."""
    whole = production()
    small = {"cpus": 0.1, "cql_port": 29_042, "storage_port": 27_000, "start_seconds": 20, "stop_seconds": 2}
    return msgspec.structs.replace(
        whole,
        cassandra=msgspec.structs.replace(whole.cassandra, memory_mb=4_096, **(small | changes)),
        node=msgspec.structs.replace(whole.node, instances=0),
        spark=msgspec.structs.replace(whole.spark, workers=0),
        night=None,
    )


def test_a_ring_starts_and_is_upgraded_one_node_at_a_time(tmp_path: Path) -> None:
    image = {str(ring().images.cassandra): SERVES}
    with fake_marathon(tmp_path, agents(5, spot_from=3), stand_ins=image) as fake:
        there = cluster(fake.url, [], threading.Event().wait)

        def applied(deployment: Deployment) -> list[tuple[str, str]]:
            """What happened to the nodes, in order."""
            events, wanted = Listener(fake), render(deployment)
            rollout = apply(there, wanted, current_plan(there, wanted))
            assert isinstance(rollout, Rollout)
            assert rollout.state == "done"
            told = events.until("deployment_success")
            return [
                (event["appId"].rpartition("/")[2], event["taskStatus"].removeprefix("TASK_"))
                for event in told
                if event["eventType"] == "status_update_event"
            ]

        names = [f"node-{number}" for number in range(NODES)]
        assert applied(ring()) == [(name, "RUNNING") for name in names]
        tasks = {
            task["host"]: task["appId"]
            for name in names
            for task in there.marathon.tasks(f"/muvr/cassandra/{name}")
        }
        assert set(tasks) == {"127.0.0.1", "127.0.0.2", "127.0.0.3"}, "one on each machine that stays"
        upgraded = applied(ring(cpus=0.2))
        assert upgraded == [(name, state) for name in names for state in ("KILLED", "RUNNING")]
        after = {
            task["host"]: task["appId"]
            for name in names
            for task in there.marathon.tasks(f"/muvr/cassandra/{name}")
        }
        assert after == tasks, "each where its data is"
