from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from cli.cassandra import configuration
from cli.cassandra.configuration import (
    ClusterSettings,
    cassandra_yaml,
    heap_mb_default,
    java_command,
    logback_xml,
    storage_argument,
)
from marathon.containers.cassandra.java import MAIN_CLASS

DIRECTORY = Path("/data/a b/node1")
MEGABYTE = 1 << 20


def settings(**changed: object) -> ClusterSettings:
    values: dict[str, object] = {
        "nodes": 1, "port": 9042, "storage_port": 7000, "heap_mb": 128, "dev": True,
        "commitlog_sync": "periodic",
    }  # fmt: skip
    return ClusterSettings(**{**values, **changed})  # type: ignore[arg-type]


def lines(**changed: object) -> list[str]:
    return cassandra_yaml(settings(**changed), 0, DIRECTORY).splitlines()


def arguments(**changed: object) -> list[str]:
    return java_command(Path("/jdk"), Path("/jars"), settings(**changed), DIRECTORY)


def test_a_node_listens_on_its_own_loopback_address_alone() -> None:
    for index, host in enumerate(("127.0.0.1", "127.0.0.2", "127.0.0.3")):
        text = cassandra_yaml(settings(nodes=3, port=1234, storage_port=5678), index, DIRECTORY)
        assert f"\nlisten_address: {host}\nrpc_address: {host}\n" in text
        assert "\nstorage_port: 5678\nnative_transport_port: 1234\n" in text
        assert "0.0.0.0" not in text


def test_every_directory_is_the_nodes_own_whatever_its_name() -> None:
    directory = Path('/data/it\'s "here": #1/node1')
    text = cassandra_yaml(settings(), 0, directory)
    quoted = [line.split(": ", 1)[1] for line in text.splitlines() if "director" in line]
    assert len(quoted) == 5
    values = [json.loads(value.strip("[]")) for value in quoted]
    assert {Path(value).parent for value in values} == {directory}


def test_three_nodes_have_a_third_of_the_ring_each_and_find_one_another() -> None:
    texts = [cassandra_yaml(settings(nodes=3), index, DIRECTORY) for index in range(3)]
    tokens = [int(line.split()[1]) for text in texts for line in text.splitlines() if "initial_token" in line]
    assert tokens == sorted(tokens)
    assert {after - before for before, after in pairwise(tokens)} == {2**64 // 3}
    assert all('seeds: "127.0.0.1:7000,127.0.0.2:7000,127.0.0.3:7000"' in text for text in texts)
    assert all("auto_bootstrap: false" in text for text in texts)


def test_limits_on_requests_are_left_to_cassandra() -> None:
    for dev in (True, False):
        assert not [line for line in lines(dev=dev) if "fail_threshold" in line]
    assert not [line for line in lines(dev=False) if "timeout" in line or "cache_size" in line]


@pytest.mark.parametrize(
    ("sync", "expected"),
    [
        ("periodic", ["commitlog_sync: periodic", "commitlog_sync_period: 10s"]),
        ("group", ["commitlog_sync: group", "commitlog_sync_group_window: 10ms"]),
    ],
)
def test_when_a_write_is_acknowledged(sync: str, expected: list[str]) -> None:
    assert [line for line in lines(commitlog_sync=sync) if "commitlog_sync" in line] == expected


def test_a_development_node_is_small_and_quick_to_start() -> None:
    assert {"key_cache_size: 0MiB", "counter_cache_size: 0MiB", "file_cache_enabled: false"} <= set(lines())
    assert {"-Xms128M", "-Xmx128M", "-Xmn24M", "-XX:TieredStopAtLevel=1", "-Xshare:auto"} <= set(arguments())


def test_any_other_node_has_all_of_java() -> None:
    there = arguments(dev=False, heap_mb=2048)
    assert {"-Xms2048M", "-Xmx2048M", "-XX:+UseG1GC"} <= set(there)
    assert not [argument for argument in there if "Tiered" in argument or argument.startswith("-Xmn")]


def test_java_is_told_where_everything_is() -> None:
    there = arguments()
    assert there[0] == "/jdk/bin/java"
    assert "-javaagent:/jars/jamm-0.4.0.jar" in there
    assert "-Dcassandra.config=file:///data/a%20b/node1/conf/cassandra.yaml" in there
    assert storage_argument(DIRECTORY) in there
    assert there[-3:] == ["-cp", "/data/a b/node1/conf:/jars/*", MAIN_CLASS]
    assert not [argument for argument in there if "jmx" in argument and "add-" not in argument]


def test_the_log_is_bounded() -> None:
    text = logback_xml(Path("/a & b/system.log"))
    assert "<file>/a &amp; b/system.log</file>" in text
    assert "<maxIndex>5</maxIndex>" in text
    assert "<maxFileSize>20MB</maxFileSize>" in text


@pytest.mark.parametrize(
    ("memory_mb", "nodes", "heap_mb"),
    [(1_000, 1, 512), (8_000, 1, 4000), (8_000, 3, 1333), (64_000, 3, 4096)],
)
def test_nodes_share_half_of_the_memory(
    memory_mb: int, nodes: int, heap_mb: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Memory:
        total = memory_mb * MEGABYTE

    monkeypatch.setattr(configuration.psutil, "virtual_memory", Memory)
    assert heap_mb_default(nodes, dev=False) == heap_mb
    assert heap_mb_default(nodes, dev=True) == {1: 128, 3: 192}[nodes]
