"""A node's process, played by a small program that answers like Cassandra; ports and the protocol's probe."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cli.cassandra import node as node_module
from cli.cassandra.configuration import storage_argument
from cli.cassandra.network import check_port, free_port
from cli.cassandra.node import NodeProcess
from domain.errors import ConfigurationError, ProcessFailed
from marathon.containers.cassandra.java import MAIN_CLASS
from marathon.containers.cassandra.probe import answers_cql
from tests.actors.helpers import are_gone, eventually, is_alive

HOST = "127.0.0.1"
ANSWERS = """
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    connection, _ = listener.accept()
    with connection:
        if connection.recv(9) == bytes([4, 0, 0, 0, 5, 0, 0, 0, 0]):
            connection.sendall(bytes([0x84, 0, 0, 0, 6, 0, 0, 0, 2, 0, 0]))
"""
DIES = """
import pathlib, sys
pathlib.Path("log/system.log").write_text("INFO  fine\\nERROR [main] the disk is upside down\\n")
print("WARNING: of no interest")
print("Exception encountered during startup: upside down\\n\\tat Disk.java:1")
sys.exit(3)
"""
STAYS = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + ANSWERS
OWNER = """
import sys, threading
from pathlib import Path
from cli.cassandra.node import NodeProcess
node = NodeProcess(Path(sys.argv[1]), "127.0.0.1", 1, survive=sys.argv[2] == "survive")
starter = threading.Thread(target=node.start, args=(sys.argv[3:],))
starter.start()
starter.join()
print(node.process().pid, flush=True)
sys.stdin.read()
"""

MakeNode = Callable[[str], NodeProcess]


def command(directory: Path, program: str, port: int) -> list[str]:
    """Runs `program` under a command line that a node is known by."""
    return [sys.executable, "-c", program, str(port), storage_argument(directory), MAIN_CLASS]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[MakeNode]:
    nodes: list[NodeProcess] = []

    def start(program: str) -> NodeProcess:
        node = NodeProcess(tmp_path / "node1", HOST, free_port([HOST]), survive=False)
        nodes.append(node)
        node.start(command(node.directory, program, node.port))
        return node

    yield start
    for node in nodes:
        node.kill()


def test_a_node_is_started_known_to_others_and_stopped(started: MakeNode) -> None:
    node = started(ANSWERS)
    node.wait_until_it_answers()
    seen_by_another = NodeProcess(node.directory, HOST, node.port, survive=True)
    process = seen_by_another.process()
    assert process is not None
    assert process == node.process()
    assert seen_by_another.answers()
    seen_by_another.begin_stop()
    assert not node.wait_until_stopped()
    assert node.process() is None
    assert not node.answers()


def test_why_a_node_died_is_told(started: MakeNode) -> None:
    node = started(DIES)
    with pytest.raises(ProcessFailed) as failed:
        node.wait_until_it_answers()
    assert str(failed.value) == (
        f"Cassandra's node1 died while it started; its log is {node.log}; it said last:\n"
        "  ERROR [main] the disk is upside down\n"
        "  Exception encountered during startup: upside down"
    )


def test_what_an_earlier_start_said_is_not_told_again(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path, HOST, 1, survive=False)
    node.log.parent.mkdir()
    node.log.write_text("ERROR of yesterday\n")
    node.start(["/bin/sh", "-c", "exit 1"])
    assert node.last_words() == "  nothing"


def test_a_java_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"/nowhere/java cannot be started.*JAVA_HOME"):
        NodeProcess(tmp_path, HOST, 1, survive=False).start(["/nowhere/java"])


def test_a_node_that_never_answers_is_given_up(started: MakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "START_SECONDS_MAX", 0.2)
    node = started("import signal; signal.pause()")
    with pytest.raises(ProcessFailed, match="does not answer in"):
        node.wait_until_it_answers()


def test_a_node_that_does_not_stop_is_killed(started: MakeNode) -> None:
    node = started(STAYS)
    node.wait_until_it_answers()
    node.begin_stop()
    assert node.wait_until_stopped(0.2)
    assert node.process() is None


def test_a_paused_node_is_stopped_too(started: MakeNode) -> None:
    node = started(ANSWERS)
    node.wait_until_it_answers()
    node.signal(signal.SIGSTOP)
    eventually(lambda: not node.is_at_work(), "it is paused")
    node.begin_stop()
    assert not node.wait_until_stopped()


@pytest.mark.parametrize("content", ["{other}\n", "", "not a number", "999999999"])
def test_a_stale_pid_file_is_no_node(content: str, tmp_path: Path) -> None:
    arguments = command(tmp_path / "node10", "import signal; signal.pause()", 1)  # another's data directory
    with subprocess.Popen(arguments) as other:
        node = NodeProcess(tmp_path / "node1", HOST, 1, survive=False)
        node.directory.mkdir()
        (node.directory / "pid").write_text(content.format(other=other.pid))
        assert node.process() is None
        assert not node.is_at_work()
        node.begin_stop()
        node.kill()
        assert not node.wait_until_stopped()
        assert other.poll() is None
        other.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
@pytest.mark.parametrize("survives", [False, True])
def test_a_node_dies_with_the_program_that_started_it_not_with_a_thread(
    survives: bool, tmp_path: Path
) -> None:
    arguments = command(tmp_path, "import signal; signal.pause()", 1)
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path), "survive" if survives else "-", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        node = psutil.Process(int(owner.stdout.readline()))
        assert is_alive(node)
        node.suspend()  # not even then does it stay behind
        owner.kill()
        owner.wait()
        try:
            if survives:
                assert is_alive(node)
            else:
                eventually(lambda: are_gone([node]), "the node has died")
        finally:
            if is_alive(node):
                node.kill()


def test_a_server_of_another_kind_does_not_answer_cql() -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(9)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        assert not answers_cql(HOST, port, 30)
        thread.join(30)


def test_a_server_that_says_nothing_does_not_answer_cql() -> None:
    with socket.create_server((HOST, 0)) as listener:
        assert not answers_cql(HOST, listener.getsockname()[1], 0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have one loopback address")
def test_a_free_port_is_free_on_every_address() -> None:
    hosts = [HOST, "127.0.0.2", "127.0.0.3"]
    port = free_port(hosts)
    check_port(hosts, port, "--port")
    with socket.create_server(("127.0.0.2", port)):
        assert free_port(hosts) != port
        with pytest.raises(ConfigurationError, match=rf"port {port} of 127.0.0.2 is taken.*with --port"):
            check_port(hosts, port, "--port")


def test_an_address_that_the_machine_lacks_is_named() -> None:
    # Of TEST-NET-1, which no machine has.
    with pytest.raises(ConfigurationError, match=r"192.0.2.1 is no address.*lo0 alias 192.0.2.1.*--nodes 1"):
        free_port(["192.0.2.1"])
