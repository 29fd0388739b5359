"""A whole node under devices that send all the while, with processes killed beneath them."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from cli.settings import NodeSettings
from cli.wiring import RunningNode, open_tokens, running_node
from domain.identifiers import UserId
from edge.client import DeviceClient
from edge.connection import DeviceConnection
from persistence.location import open_store
from persistence.tables import SENSOR, SNAPSHOT
from tests.actors.helpers import DEADLINE_SECONDS, are_gone, eventually, is_alive
from tests.actors.stub_models import T0_MS, heart_frame

USERS = 4
FRAMES_BEFORE = 40  # acknowledged to each user before something is killed
FRAMES_AFTER = 200  # recorded meanwhile and afterwards


@dataclass
class Wearer:
    client: DeviceClient
    connection: DeviceConnection
    user: UserId
    sent: list[bytes] = field(default_factory=list)

    def record(self, count: int) -> None:
        for _ in range(count):
            frame = heart_frame("session", len(self.sent), 60)
            self.client.frame(frame)
            self.sent.append(frame.samples)
        self.connection.changed()


@pytest.fixture
def settings(tmp_path: Path) -> NodeSettings:
    return NodeSettings(
        data=tmp_path, gateway_port=0, api_port=0, night_cron=None, open_page=True, shard_hosts=2
    )


@pytest.fixture
def node(settings: NodeSettings) -> Iterator[RunningNode]:
    with running_node(settings) as running:
        yield running


def wearers(settings: NodeSettings, port: int) -> list[Wearer]:
    made = []
    for number in range(USERS):
        user = UserId(f"user-{number}")
        client = DeviceClient(open_tokens(settings).issue(user, "device", 3600), f"watch-{number}")
        url = f"ws://127.0.0.1:{port}"
        connection = DeviceConnection(client, url, lambda message: None, random.Random(number))
        client.open_session("session", T0_MS, "server", [("h", "h", "chest")])
        made.append(Wearer(client, connection, user))
    return made


def process_of(node: RunningNode, actor: str) -> psutil.Process:
    """A process of the node that runs `actor`."""
    return next(p for p in node.node._admin.children(recursive=True) if actor in " ".join(p.cmdline()))


async def play(people: list[Wearer], kill: Callable[[], None]) -> None:
    """Everybody sends; when all have been heard, something is killed while more is on its way."""
    tasks = [asyncio.create_task(wearer.connection.run()) for wearer in people]
    try:
        for wearer in people:
            wearer.record(FRAMES_BEFORE)
        for wearer in people:
            await _until(wearer, lambda w=wearer: w.client.is_idle)
        for wearer in people:
            wearer.record(FRAMES_AFTER // 2)
        kill()
        for wearer in people:
            wearer.record(FRAMES_AFTER // 2)
        for wearer in people:
            await _until(wearer, lambda w=wearer: w.client.is_idle)
    finally:
        for wearer in people:
            wearer.connection.stop()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _until(wearer: Wearer, condition: Callable[[], bool]) -> None:
    await asyncio.wait_for(wearer.connection.until(condition), DEADLINE_SECONDS)


def check_stored(settings: NodeSettings, people: list[Wearer]) -> None:
    store = open_store(settings.store_location)
    for wearer in people:
        assert not wearer.client.refusals
        rows = list(store.read(SENSOR, (wearer.user, "session", "h")))
        assert [row.sequence_nr for row in rows] == list(range(FRAMES_BEFORE + FRAMES_AFTER))
        assert [row.samples for row in rows] == wearer.sent
    store.close()


@pytest.mark.parametrize("actor", ["ShardHostActor", "DeviceGatewayActor"])
def test_a_killed_process_loses_nothing(actor: str, settings: NodeSettings, node: RunningNode) -> None:
    killed = process_of(node, actor)
    people = wearers(settings, node.gateway_port)
    asyncio.run(play(people, lambda: os.kill(killed.pid, signal.SIGKILL)))
    assert not is_alive(killed)
    check_stored(settings, people)


def test_both_killed_at_once_lose_nothing(settings: NodeSettings, node: RunningNode) -> None:
    killed = [process_of(node, actor) for actor in ("ShardHostActor", "DeviceGatewayActor")]
    people = wearers(settings, node.gateway_port)

    def kill() -> None:
        for process in killed:
            process.kill()

    asyncio.run(play(people, kill))
    check_stored(settings, people)


def test_the_nodes_sockets_listen_on_loopback_only(node: RunningNode) -> None:
    processes = [node.node._admin, *node.node._admin.children(recursive=True)]
    listening = [
        (connection.laddr.ip, connection.laddr.port)
        for process in processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert {ip for ip, _ in listening} == {"127.0.0.1"}
    assert {node.gateway_port, node.api_port} <= {port for _, port in listening}


def test_stopping_snapshots_every_user_and_leaves_no_process(settings: NodeSettings) -> None:
    with running_node(settings) as running:
        people = wearers(settings, running.gateway_port)
        asyncio.run(play(people, lambda: None))
        processes = [running.node._admin, *running.node._admin.children(recursive=True)]
    eventually(lambda: are_gone(processes), "the node has ended")
    check_stored(settings, people)
    store = open_store(settings.store_location)
    for wearer in people:
        assert next(store.read(SNAPSHOT, (wearer.user,)), None) is not None
    store.close()
