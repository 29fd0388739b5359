"""Real servers: as a user starts one, and as tests do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from cli.cassandra.cluster import LocalCluster
from cli.cassandra.network import free_port
from tests.actors.helpers import is_alive

HOST = "127.0.0.1"
SECONDS_MAX = 280


def muvr(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", "cassandra", *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )


def test_a_server_is_started_survives_a_kill_and_is_stopped(tmp_path: Path) -> None:
    data = tmp_path / "a b"  # blanks in a path reach Java's options, the configuration and the log's
    port = free_port([HOST])
    ports = ["--port", str(port), "--storage-port", str(free_port([HOST], [port]))]
    up = muvr("up", "--dev", "--data", str(data), *ports)
    try:
        assert up.returncode == 0, up.stdout + up.stderr
        assert f"cassandra://{HOST}:{port}/muvr" in up.stdout
        log = (data / "node1" / "log" / "system.log").read_text()
        assert "Starting listening for CQL clients" in log

        status = muvr("status", "--data", str(data))
        assert status.returncode == 0, status.stdout
        assert "answers CQL" in status.stdout
        process = psutil.Process(int((data / "node1" / "pid").read_text()))
        addresses = {connection.laddr.ip for connection in process.net_connections("tcp")}
        assert {address.removeprefix("::ffff:") for address in addresses} == {HOST}

        process.kill()
        again = muvr("up", "--data", str(data))
        assert again.returncode == 0, again.stdout + again.stderr
        process = psutil.Process(int((data / "node1" / "pid").read_text()))
    finally:
        down = muvr("down", "--data", str(data))
    assert down.stdout == "stopped 1 node\n"
    assert not is_alive(process)
    assert muvr("status", "--data", str(data)).returncode == 1


@pytest.mark.soak
def test_three_servers_lose_two_and_get_them_back(tmp_path: Path) -> None:
    with LocalCluster(tmp_path, nodes=3) as cluster:
        cluster.kill(0)
        cluster.kill(1)
        assert [node.answers for node in cluster.status()] == [False, False, True]
        cluster.start(1)  # returns when two of three are reached, though the first is away
        cluster.start(0)
        cluster.pause(2)
        assert [node.answers for node in cluster.status()] == [True, True, False]
        cluster.kill(1)
        cluster.start(1)  # though the third is silent
    assert not any(node.pid for node in cluster.status())
    with LocalCluster(tmp_path, nodes=3) as cluster:
        assert all(node.answers for node in cluster.status())
