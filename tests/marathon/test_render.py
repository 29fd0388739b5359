"""The definitions that a description makes, and the rules that are easy to get wrong."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from marathon.description import Deployment
from marathon.memory import SPARK_MEMORY_MB_MIN, cassandra_heap, spark_executor_mb
from marathon.render.group import apps_of, render, volumes_of
from marathon.rules import depends_on
from marathon.validation import validate
from tests.marathon.deployments import deployments, production


def apps(deployment: Deployment) -> dict[str, dict[str, Any]]:
    return apps_of(render(deployment).group)


def ring_of(found: dict[str, Any]) -> list[str]:
    return [name for name in found if "/cassandra/" in name]


@given(deployments())
@settings(max_examples=20)
def test_whatever_is_described_is_what_marathon_and_metronome_want(deployment: Deployment) -> None:
    assert validate(render(deployment)) == []
    assert json.loads(json.dumps(render(deployment).as_json())) == render(deployment).as_json()


@given(deployments())
@settings(max_examples=50)
def test_data_stays_and_is_waited_for(deployment: Deployment) -> None:
    for name, app in apps(deployment).items():
        if volumes_of(app):
            assert name in ring_of(apps(deployment))
            assert ["lifecycle", "IS", "ondemand"] in app["constraints"]
            assert app["unreachableStrategy"] == "disabled"
            assert app["upgradeStrategy"] == {"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0}


@given(deployments())
@settings(max_examples=50)
def test_what_has_no_data_is_replaced_at_once_and_ends_within_the_notice(deployment: Deployment) -> None:
    for app in apps(deployment).values():
        if not volumes_of(app):
            assert app["unreachableStrategy"] == {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0}
        if ["lifecycle", "IS", "spot"] in app["constraints"]:
            assert 0 < app["taskKillGracePeriodSeconds"] < 120


@given(deployments())
@settings(max_examples=50)
def test_the_ring_starts_with_its_seeds_and_then_one_at_a_time(deployment: Deployment) -> None:
    found = apps(deployment)
    ring = ring_of(found)
    for number, name in enumerate(ring):
        assert depends_on(found, name) == set(ring[number - 1 : number] if number else [])
        assert found[name]["instances"] == 1
        assert found[name]["requirePorts"] is True
        seeds = found[name]["env"]["CASSANDRA_SEEDS"].split(",")
        assert [seed.partition("-cassandra")[0] for seed in seeds] == [
            f"node-{number}" for number in range(deployment.cassandra.seed_count)
        ]
    racks = [found[name]["env"]["CASSANDRA_RACK"] for name in ring]
    assert len({racks.count(rack) for rack in set(racks)}) <= 1, "as many in each"
    for name, rack in zip(ring, racks, strict=True):
        assert ["zone", "IS", rack] in found[name]["constraints"]


@given(deployments())
@settings(max_examples=50)
def test_a_definition_names_secrets_and_has_none(deployment: Deployment) -> None:
    for app in apps(deployment).values():
        for name, value in app.get("env", {}).items():
            assert isinstance(value, dict) or "PASSWORD" not in name
        assert all(set(secret) == {"source"} for secret in app.get("secrets", {}).values())


def test_the_nodes_are_upgraded_one_after_the_other() -> None:
    app = apps(production())["/muvr/node"]
    (health,), (ready,) = app["healthChecks"], app["readinessChecks"]
    assert (health["protocol"], health["path"]) == ("MESOS_HTTP", "/health")
    assert (ready["path"], ready["portName"]) == ("/ready", app["portDefinitions"][1]["name"])
    assert app["upgradeStrategy"] == {"minimumHealthCapacity": 1, "maximumOverCapacity": 0.34}
    assert int(3 * 1.34) == 4, "one more at a time"
    assert app["dependencies"] == ["/muvr/cassandra"]


def test_the_nodes_are_spread_so_that_a_zone_may_be_lost() -> None:
    constraints = apps(production())["/muvr/node"]["constraints"]
    assert ["zone", "MAX_PER", "2"] in constraints
    assert ["hostname", "MAX_PER", "1"] in constraints


def test_some_nodes_may_be_on_machines_that_stay_and_are_upgraded_first() -> None:
    whole = production()
    node = msgspec.structs.replace(whole.node, instances=6, on_demand=2, spot_notice="aws")
    definitions = render(msgspec.structs.replace(whole, node=node))
    assert validate(definitions) == []
    found = apps_of(definitions.group)
    staying, others = found["/muvr/node-on-demand"], found["/muvr/node"]
    assert (staying["instances"], others["instances"]) == (2, 4)
    assert ["lifecycle", "IS", "ondemand"] in staying["constraints"]
    assert ["lifecycle", "IS", "spot"] in others["constraints"]
    assert others["dependencies"] == ["/muvr/cassandra", "/muvr/node-on-demand"]
    assert " --spot-notice aws " in others["cmd"]
    assert "--spot-notice" not in staying["cmd"], "its machine is never taken away"


def test_the_night_overlaps_nothing_and_is_tried_again() -> None:
    definitions = render(production())
    (job,) = definitions.jobs
    schedule = definitions.schedules[job["id"]]
    assert (schedule["concurrencyPolicy"], schedule["startingDeadlineSeconds"]) == ("FORBID", 3600)
    assert job["run"]["restart"] == {"policy": "ON_FAILURE", "activeDeadlineSeconds": 28_800}
    assert " --night never " in apps(production())["/muvr/node"]["cmd"], "who else begins nights"


def test_zookeeper_is_named_and_not_owned() -> None:
    found = apps(production())
    options = found["/muvr/spark/master"]["env"]["SPARK_DAEMON_JAVA_OPTS"]
    assert "zookeeper.url=zk-1.example:2181,zk-2.example:2181" in options
    assert not any("zookeeper" in name for name in found)


def test_without_an_image_a_command_runs_on_the_agent() -> None:
    deployment = production()
    bare = msgspec.structs.replace(
        deployment,
        environment="dev",
        images=msgspec.structs.replace(deployment.images, muvr=None),
        node=msgspec.structs.replace(deployment.node, keys_path="/srv/keys"),
        secrets=type(deployment.secrets)(),
    )
    assert "container" not in apps(bare)["/muvr/node"]
    assert "--keys /srv/keys" in apps(bare)["/muvr/node"]["cmd"]


@pytest.mark.parametrize(
    ("memory_mb", "environment", "size_mb", "new_mb"),
    [(768, "dev", 128, 24), (4_096, "production", 2_048, 512), (16_384, "staging", 8_192, 2_048),
     (262_144, "production", 16_384, 4_096)],
)  # fmt: skip
def test_a_heap_is_half_of_its_container(memory_mb: int, environment: str, size_mb: int, new_mb: int) -> None:
    heap = cassandra_heap(memory_mb, environment)
    assert (heap.size_mb, heap.new_mb) == (size_mb, new_mb)


def test_a_worker_of_spark_leaves_room_for_python() -> None:
    for memory_mb in range(SPARK_MEMORY_MB_MIN, 65_536, 512):
        assert spark_executor_mb(memory_mb) + 384 <= 0.75 * memory_mb + 64
