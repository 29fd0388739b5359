"""Three nodes, as the image starts them, are maintained while devices send, and keep what is acknowledged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from persistence.location import prepare_store, schema_differences
from tests.actors.helpers import eventually
from tests.cluster.checker import check_acknowledged, check_settled
from tests.cluster.crowd import Crowd
from tests.cluster.rig import Rig
from tests.containers.ring import START_SECONDS, RingNode, image_environ, ports

pytestmark = pytest.mark.soak

ADDRESSES = [f"127.0.0.{number}" for number in range(1, 6)]
RACKS = ("a", "b", "c", "c", "a")  # the fourth takes the third's place
USERS = 10


class Ring:
    """Nodes that join one after the other, as Marathon starts them."""

    def __init__(self, directory: Path) -> None:
        self._said = {
            **image_environ(),
            **ports(ADDRESSES),
            "CASSANDRA_SEEDS": ",".join(ADDRESSES[:2]),
            "MAX_HEAP_SIZE": "192M",
            "HEAP_NEWSIZE": "36M",
        }
        self._directory = directory
        self.nodes: dict[int, RingNode] = {}

    @property
    def location(self) -> str:
        port = self._said["CASSANDRA_CQL_PORT"]
        hosts = ",".join(f"{address}:{port}" for address in ADDRESSES[:3])
        return f"cassandra://{hosts}/muvr?replication=3&datacenter=muvr&retry-seconds=20"

    def join(self, index: int, **more: str) -> RingNode:
        said = {**self._said, "CASSANDRA_RACK": RACKS[index], **more}
        node = RingNode(self._directory / f"node{index}", ADDRESSES[index], said)
        self.nodes[index] = node
        node.up()
        self.settle()
        return node

    def settle(self) -> None:
        """Until the first node, which always runs, says that all, and no others, are up and have joined."""
        running = {node.address for node in self.nodes.values() if node.is_running}
        eventually(lambda: up(self.nodes[0]) == running, f"{running} are up", START_SECONDS)

    def down(self) -> None:
        for node in self.nodes.values():
            if node.is_running:
                node.kill()


def up(node: RingNode) -> set[str]:
    """Addresses that `nodetool status` has as up and normal."""
    lines = node.nodetool("status").splitlines()
    return {line.split()[1] for line in lines if line.startswith("UN ")}


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ring]:
    ring = Ring(tmp_path_factory.mktemp("ring"))
    try:
        for index in range(3):
            ring.join(index)
        yield ring
    finally:
        ring.down()


@pytest.mark.timeout(3600)
def test_nodes_are_restarted_repaired_replaced_and_added_while_devices_send(
    ring: Ring, tmp_path: Path
) -> None:
    prepare_store(ring.location)
    assert not schema_differences(ring.location)
    rig = Rig(tmp_path, ring.location, count=1, lease_s=20)
    try:
        rig.up()
        with Crowd(40, rig.urls, rig.tokens, users=USERS) as crowd:
            crowd.heard()
            for maintain in (restart_one, repair, replace_one, add_one):
                maintain(ring)
                crowd.heard()
                assert check_acknowledged(rig.store, crowd), maintain.__name__
            crowd.settle()
        check_settled(rig.store, crowd)
    except BaseException as error:
        error.add_note("\n".join([rig.log(), *(node.log() for node in ring.nodes.values())]))
        raise
    finally:
        rig.down()


def restart_one(ring: Ring) -> None:
    """As in an upgrade: it drains, ends, and comes back with its data."""
    ring.nodes[1].stop()
    ring.nodes[1].up()
    ring.settle()


def repair(ring: Ring) -> None:
    for node in ring.nodes.values():
        node.nodetool("repair", "--full", "--partitioner-range", "muvr")


def replace_one(ring: Ring) -> None:
    """A machine is gone with its disk; another one, with another address, takes its place and its rows."""
    dead = ring.nodes.pop(2)
    dead.kill()
    ring.join(3, CASSANDRA_REPLACE=dead.address)
    ring.nodes[3].nodetool("repair", "--full", "muvr")


def add_one(ring: Ring) -> None:
    """A fourth takes over a part of every other's rows, who then forget it."""
    ring.join(4)
    for index in (0, 1, 3):
        ring.nodes[index].nodetool("cleanup", "muvr")
