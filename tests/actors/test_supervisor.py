"""Supervision by a real node of real processes, with small parts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from actors import supervisor
from actors.messages import GetDirectory
from actors.node import LOOPBACK, Node
from domain.errors import ConfigurationError, ProcessFailed
from tests.actors.helpers import are_gone, eventually, is_alive
from tests.actors.parts import GetPart, LaterPartActor, Part, PartActor, StartPart

OWNER = """
import sys, time
from contextlib import suppress
from pathlib import Path
from actors import supervisor
from actors.node import Node
from tests.actors.parts import PartActor, StartPart
supervisor.STOP_SECONDS_MAX = 0.5
node = Node()
node.start("part", PartActor, StartPart(Path(sys.argv[1])))
for name in sys.argv[2:]:
    node.start(name, PartActor, StartPart(Path(sys.argv[1]).with_name(name), "hangs"))
print(node._admin.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    monkeypatch.setattr(supervisor, "RESTART_DELAYS_SECONDS", (0.0, 0.1))
    with Node() as node:
        yield node


def part(node: Node, name: str) -> Part | None:
    """What the part says of itself, or None while it does not run."""
    try:
        answer: Part = node.ask(name, GetPart())
    except ProcessFailed:
        return None
    return answer


def family(node: Node) -> list[psutil.Process]:
    return [node._admin, *node._admin.children(recursive=True)]


def parts_of(node: Node) -> list[psutil.Process]:
    """The processes of PartActor; one that has just ended has no command line to tell."""
    found = []
    for each in family(node):
        with suppress(psutil.NoSuchProcess):  # a zombie is none either
            if any("PartActor" in argument for argument in each.cmdline()):
                found.append(each)
    return found


@pytest.mark.parametrize(
    ("how", "wrong"),
    [
        ("fails", "no room for this part"),
        ("raises", "part cannot start: ValueError: out of tune"),
        ("dies", "part died while it started"),
    ],
)
def test_a_part_that_cannot_start_is_told_in_its_words(
    node: Node, tmp_path: Path, how: str, wrong: str
) -> None:
    with pytest.raises(ConfigurationError, match=wrong):
        node.start("part", PartActor, StartPart(tmp_path / "notes", how))
    # It is given up and leaves nothing: the name is free.
    assert node.start("part", PartActor, StartPart(tmp_path / "notes")) == 4711
    eventually(lambda: len(parts_of(node)) <= 1, "the part that failed has ended")


def test_a_killed_part_is_made_again_where_it_was(node: Node, tmp_path: Path) -> None:
    node.start("part", PartActor, StartPart(tmp_path / "part"))
    node.start("other", PartActor, StartPart(tmp_path / "other"))
    first = part(node, "part")
    assert first is not None
    assert first.port == 0
    os.kill(first.pid, signal.SIGKILL)

    def again() -> Part | None:
        found = part(node, "part")
        return found if found is not None and found.pid != first.pid else None

    second = eventually(again, "the part runs again")
    assert second.port == 4711, "it listens where its clients look for it"
    other = part(node, "other")
    assert other is not None
    assert other.known == ("other", "part")


def test_a_part_that_dies_again_and_again_stays_down(node: Node, tmp_path: Path) -> None:
    node.start("other", PartActor, StartPart(tmp_path / "other"))
    node.start("part", PartActor, StartPart(tmp_path / "part", "fails once made again"))
    first = part(node, "part")
    assert first is not None
    os.kill(first.pid, signal.SIGKILL)
    directory = node._system.ask(node._supervisor, GetDirectory(), 10)
    eventually(lambda: (other := part(node, "other")) and other.known == ("other",), "the others know")
    eventually(lambda: len(part_processes(node)) == 1, "it is given up")
    assert directory is not None
    with pytest.raises(ProcessFailed, match="part does not answer"):
        node.ask("part", GetPart())


def test_a_node_whose_part_is_given_up_can_serve_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "RESTART_DELAYS_SECONDS", ())
    with Node() as node:
        node.start("part", PartActor, StartPart(tmp_path / "part"))
        node.check()
        first = part(node, "part")
        assert first is not None
        os.kill(first.pid, signal.SIGKILL)
        eventually(lambda: complaint(node) == "part died again and again", "the node says so")


def test_a_node_without_a_supervisor_can_serve_no_more() -> None:
    with Node() as node:
        node._supervisor_process.kill()
        eventually(lambda: complaint(node) == "the node's supervisor is gone", "the node says so")


def complaint(node: Node) -> str:
    """What the node says is wrong with it."""
    try:
        node.check()
    except ProcessFailed as error:
        return error.wrong
    return ""


def part_processes(node: Node) -> list[psutil.Process]:
    """The children of the supervisor."""
    (owned,) = [p for p in node._admin.children() if p.children()]
    return [p for p in owned.children() if is_alive(p)]


def test_parts_end_stage_by_stage(tmp_path: Path) -> None:
    notes = tmp_path / "first"
    with Node() as node:
        node.start("host", LaterPartActor, StartPart(notes))
        node.start("gateway", PartActor, StartPart(notes))
        processes = family(node)
    assert are_gone(processes)
    assert notes.read_text().splitlines()[2:] == ["first ended", "later ended"]


def test_a_part_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "STOP_SECONDS_MAX", 0.5)
    with Node() as node:
        node.start("part", PartActor, StartPart(tmp_path / "part", "hangs"))
        node.start("other", LaterPartActor, StartPart(tmp_path / "other"))
        processes = family(node)
    assert are_gone(processes)


def test_nothing_outlives_a_killed_owner(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path / "part")], stdout=subprocess.PIPE)
    assert owner.stdout is not None
    admin = psutil.Process(int(owner.stdout.readline()))
    processes = [admin, *admin.children(recursive=True)]
    assert len(processes) == 4  # admin, logger, supervisor, part
    owner.kill()  # and not waited for: an owner that is a zombie is gone
    eventually(lambda: are_gone(processes), "the node has ended")
    owner.communicate()
    assert (tmp_path / "part").read_text() == "part started\npart ended\n"


def test_of_many_parts_that_are_killed_at_once_none_is_waited_for(tmp_path: Path) -> None:
    """Thespian tells of the death of one."""
    names = [f"part-{number}" for number in range(6)]
    command = [sys.executable, "-c", OWNER, str(tmp_path / "part"), *names]
    owner = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert owner.stdout is not None
    admin = psutil.Process(int(owner.stdout.readline()))
    processes = [admin, *admin.children(recursive=True)]
    owner.kill()
    eventually(lambda: are_gone(processes), "the node has ended", 30.0)
    owner.communicate()


def test_parts_do_not_outlive_a_killed_supervisor(tmp_path: Path) -> None:
    with Node() as node:
        node.start("part", PartActor, StartPart(tmp_path / "part"))
        (process,) = part_processes(node)
        process.parent().kill()
        eventually(lambda: are_gone([process]), "the part has ended")
    assert (tmp_path / "part").read_text() == "part started\npart ended\n"


def test_every_socket_listens_on_loopback(node: Node, tmp_path: Path) -> None:
    node.start("part", PartActor, StartPart(tmp_path / "part"))
    listening = [
        connection
        for process in [psutil.Process(), *family(node)]
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN or connection.type != 1
    ]
    assert listening
    assert {connection.laddr.ip for connection in listening} == {LOOPBACK}
