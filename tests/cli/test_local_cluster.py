"""`muvr cassandra` and `LocalCluster`, on small programs that answer like Cassandra."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch.java import find_java
from cli.cassandra import cluster as cluster_module
from cli.cassandra.cluster import JAVA_MAJORS, LocalCluster, stored_settings
from cli.cassandra.configuration import ClusterSettings, storage_argument
from cli.cassandra.network import free_port
from cli.main import main
from domain.errors import ConfigurationError, ProcessFailed
from marathon.containers.cassandra.java import MAIN_CLASS
from tests.actors.helpers import eventually

# Answers what is asked before a node is taken to be up: OPTIONS, STARTUP and QUERY.
NODE = """
import socket, sys
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
while True:
    connection, _ = listener.accept()
    with connection:
        while header := connection.recv(9):
            connection.recv(int.from_bytes(header[5:9], "big"))
            answer = {5: 6, 1: 2, 7: 8}[header[4]]
            connection.sendall(bytes([0x84, 0, 0, 0, answer, 0, 0, 0, 0]))
"""
DIES = "import sys; sys.exit('out of luck')"


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the nodes run; NODE unless a test replaces it."""
    programs = [NODE]

    def command(java_home: Path, jars: Path, settings: ClusterSettings, directory: Path) -> list[str]:
        host = f"127.0.0.{directory.name.removeprefix('node')}"
        place = [host, str(settings.port), storage_argument(directory), MAIN_CLASS]
        return [sys.executable, "-c", programs[0], *place]

    monkeypatch.setattr(cluster_module, "find_java", lambda **wanted: Path("/jdk"))
    monkeypatch.setattr(cluster_module, "fetched_jars", lambda *wanted: Path("/jars"))
    monkeypatch.setattr(cluster_module, "java_command", command)
    return programs


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A data directory whose nodes, which survive their starter, are stopped after the test."""
    path = tmp_path / "data"
    yield path
    stored = stored_settings(path)
    if stored:
        LocalCluster(path, nodes=stored.nodes).down()


def ports() -> list[str]:
    port = free_port(["127.0.0.1"])
    return ["--port", str(port), "--storage-port", str(free_port(["127.0.0.1"], [port]))]


def test_up_status_down(data: Path, program: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["cassandra", "up", "--data", str(data), "--dev", *ports()]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    location = f"cassandra://127.0.0.1:{arguments[-3]}/muvr"
    assert location in said
    assert f"logs: {data}/node1/log/system.log" in said
    assert f"stop: muvr cassandra down --data {data}" in said

    assert main(["cassandra", "up", "--data", str(data)]) == 0
    said = capsys.readouterr().out
    assert "up already" in said
    assert location in said

    pid = (data / "node1" / "pid").read_text().strip()
    assert main(["cassandra", "status", "--data", str(data)]) == 0
    said = capsys.readouterr().out
    assert f"127.0.0.1:{arguments[-3]}  pid {pid}" in said
    assert "MB  answers CQL" in said

    assert main(["cassandra", "down", "--data", str(data)]) == 0
    assert capsys.readouterr().out == "stopped 1 node\n"
    assert main(["cassandra", "down", "--data", str(data)]) == 0
    assert capsys.readouterr().out == "no node is running\n"
    assert main(["cassandra", "status", "--data", str(data)]) == 1
    assert "not running" in capsys.readouterr().out


def test_up_after_down_brings_the_same_back(data: Path, program: list[str]) -> None:
    wanted = ["--dev", "--heap", "200", "--commitlog-sync", "group", *ports()]
    assert main(["cassandra", "up", "--data", str(data), *wanted]) == 0
    before = stored_settings(data)
    assert before is not None
    assert (before.heap_mb, before.dev, before.commitlog_sync) == (200, True, "group")
    main(["cassandra", "down", "--data", str(data)])
    assert main(["cassandra", "up", "--data", str(data)]) == 0
    assert stored_settings(data) == before


def test_without_dev_a_write_waits_for_the_disk(data: Path, program: list[str]) -> None:
    assert main(["cassandra", "up", "--data", str(data), "--heap", "512", *ports()]) == 0
    stored = stored_settings(data)
    assert stored is not None
    assert (stored.dev, stored.commitlog_sync) == (False, "group")
    assert "commitlog_sync: group" in (data / "node1" / "conf" / "cassandra.yaml").read_text()


def test_running_nodes_keep_their_settings(
    data: Path, program: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["cassandra", "up", "--data", str(data), "--dev", *ports()])
    assert main(["cassandra", "up", "--data", str(data), "--heap", "300"]) == 1
    assert "heap_mb 128, not 300" in capsys.readouterr().err
    assert main(["cassandra", "status", "--data", str(data)]) == 0


def test_a_paused_node_runs_and_is_not_up(
    data: Path, program: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.cassandra.node.PROBE_SECONDS", 0.1)
    with LocalCluster(data) as cluster:
        cluster.pause(0)
        assert main(["cassandra", "status", "--data", str(data)]) == 1
        assert "does not answer CQL" in capsys.readouterr().out
        cluster.resume(0)
        eventually(lambda: cluster.status()[0].answers, "it answers again")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have one loopback address")
def test_a_killed_node_of_three_is_started_again(data: Path, program: list[str]) -> None:
    said: list[str] = []
    with LocalCluster(data, nodes=3, say=said.append) as cluster:
        assert cluster.hosts == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
        places = ",".join(f"{host}:{cluster.port}" for host in cluster.hosts)
        assert cluster.location("k") == f"cassandra://{places}/k"
        pids = [cluster.pid(index) for index in range(3)]
        cluster.kill(1)
        assert [status.answers for status in cluster.status()] == [True, False, True]
        cluster.start(1)
        assert cluster.pid(1) not in pids
        cluster.kill(2)
        assert cluster.up() == 1
        assert all(status.answers for status in cluster.status())
    assert not any(status.pid for status in cluster.status())
    assert [line.split(" after ")[0] for line in said] == [
        "starting node1, node2, node3",
        "node1 answers",
        "node2 answers",
        "node3 answers",
        "starting node2",
        "node2 answers",
        "starting node3",
        "node3 answers",
    ]


def test_data_of_three_nodes_is_not_for_one(data: Path, program: list[str]) -> None:
    with LocalCluster(data):
        pass
    with pytest.raises(ConfigurationError, match=r"3 nodes on the data of 1 in .*data; expected the number"):
        LocalCluster(data, nodes=3).up()


def test_ports_that_were_chosen_are_kept(data: Path, program: list[str]) -> None:
    with LocalCluster(data) as first:
        pass
    second = LocalCluster(data)
    assert second.settings == first.settings


def test_what_did_not_start_is_not_remembered(data: Path, program: list[str]) -> None:
    program[0] = DIES
    with pytest.raises(ProcessFailed, match=r"(?s)node1 died while it started.*out of luck"):
        LocalCluster(data, heap_mb=1).up()
    assert stored_settings(data) is None
    program[0] = NODE
    with LocalCluster(data) as cluster:
        before = cluster.settings
    program[0] = DIES
    with pytest.raises(ProcessFailed):
        LocalCluster(data, heap_mb=1).up()
    assert stored_settings(data) == before


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have one loopback address")
def test_if_one_of_three_dies_the_others_are_stopped(data: Path, program: list[str]) -> None:
    program[0] = f"import sys\nif sys.argv[1] == '127.0.0.2': {DIES}\n{NODE}"
    cluster = LocalCluster(data, nodes=3)
    with pytest.raises(ProcessFailed, match="node2 died"):
        cluster.up()
    assert not any(status.pid for status in cluster.status())


def test_a_taken_port_is_named_with_its_option(
    data: Path, program: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with LocalCluster(tmp_path / "other") as other:
        arguments = ["cassandra", "up", "--data", str(data), "--storage-port", "1", "--port", str(other.port)]
        assert main(arguments) == 1
    error = capsys.readouterr().err
    assert f"port {other.port} of 127.0.0.1 is taken" in error
    assert "--port" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["up", "--data", "/proc/nowhere"], "/proc/nowhere cannot be written"),
        (["up", "--data", "{file}"], "is not the settings of a cluster"),
        (["down", "--data", "/nonexistent"], "/nonexistent is no data directory of Cassandra"),
        (["status", "--data", "/nonexistent"], "run `muvr cassandra up` first"),
    ],
)
def test_a_wrong_directory_is_named(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    given = [argument.format(file=tmp_path / "file") for argument in arguments]
    assert main(["cassandra", *given]) == 1
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "[]", '{"nodes": 2}', json.dumps({"nodes": 1, "heap": 3})])
def test_settings_that_cannot_be_read_are_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "cluster.json").write_text(content)
    with pytest.raises(ConfigurationError, match=r"cluster.json is not the settings of a cluster"):
        stored_settings(tmp_path)


@pytest.mark.parametrize("option", [["--port", "70000"], ["--port", "x"], ["--nodes", "2"], ["--heap", "0"]])
def test_wrong_options_are_refused(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["cassandra", "up", *option])
    assert ended.value.code == 2
    assert option[1] in capsys.readouterr().err


def test_cassandra_needs_another_java_than_spark(tmp_path: Path) -> None:
    home = tmp_path / "jdk8"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").write_text("#!/bin/sh\n")
    (home / "bin" / "java").chmod(0o755)
    (home / "release").write_text('JAVA_VERSION="1.8.0"\n')
    environ = {"JAVA_HOME": str(home)}
    assert find_java(environ) == home
    assert find_java(environ, majors=JAVA_MAJORS, program="Cassandra") != home


def test_debug_may_stand_before_and_after(program: list[str]) -> None:
    for arguments in (["--debug", "cassandra", "down"], ["cassandra", "down", "--debug"]):
        with pytest.raises(ConfigurationError):
            main([*arguments, "--data", "/nonexistent"])


def test_a_node_that_had_to_be_killed_is_mentioned(
    data: Path, program: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    program[0] = f"import signal\nsignal.signal({signal.SIGTERM:d}, signal.SIG_IGN)\n{NODE}"
    said: list[str] = []
    cluster = LocalCluster(data, say=said.append)
    cluster.up()
    monkeypatch.setattr("cli.cassandra.cluster.STOP_SECONDS_MAX", 0.2)
    assert cluster.down() == 1
    assert said[-1] == "node1 did not stop in time and was killed; it replays its log next time"
