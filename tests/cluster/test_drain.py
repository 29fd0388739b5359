"""A node that gets SIGTERM sends its devices elsewhere, one after the other, and loses nothing of theirs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge import protocol
from edge.protocol import Message
from gateway.devices.server import LEAD_MS
from persistence.location import prepare_store
from tests.cluster.checker import check_acknowledged, check_settled
from tests.cluster.crowd import Crowd, NotingClient
from tests.cluster.rig import Rig
from tests.cluster.scenarios import Scene


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Rig]:
    """Three of one machine on one embedded store."""
    location = f"sqlite:{tmp_path / 'store'}"
    prepare_store(location)
    rig = Rig(tmp_path / "rig", location)
    rig.up()
    yield rig
    rig.down()


class TellingClient(NotingClient):
    """Notes where and when it is told to connect again."""

    def __init__(self, token: str, device: str, rng: random.Random) -> None:
        super().__init__(token, device, rng)
        self.told: list[Message] = []

    def receive(self, data: bytes) -> Message | None:
        message = protocol.decode(data)
        if message is not None and message["type"] in ("redirect", "leaving"):
            self.told.append(message)
        return super().receive(data)


def told(crowd: Crowd, users: set[str]) -> list[list[Message]]:
    """What each device of these users was told."""
    clients = [wearer.client for wearer in crowd.wearers if wearer.user in users]
    return [client.told for client in clients if isinstance(client, TellingClient)]


def test_a_node_that_stops_sends_every_device_to_its_new_owner(nodes: Rig) -> None:
    try:
        with Crowd(21, nodes.urls, nodes.tokens, users=20, client=TellingClient) as crowd:
            crowd.heard()
            for wearer in crowd.wearers:
                wearer.client.told.clear()  # type: ignore[attr-defined]
            leaving = nodes.busiest(crowd.users)
            moved = Scene(nodes, crowd).stop()
            notices = told(crowd, set(moved.users))
            assert len(notices) >= len(moved.users) > 0
            if "did not leave in time" not in leaving.log():  # on a machine that is too busy
                for first, *_ in notices:
                    assert first["type"] == "redirect"
                    assert first["url"] != leaving.url
                    assert first["wait_ms"] >= LEAD_MS
            assert check_acknowledged(nodes.store, crowd)
            crowd.settle()
        check_settled(nodes.store, crowd)
    except BaseException as error:
        error.add_note(nodes.log())
        raise


def test_nodes_that_stop_one_after_the_other_lose_nothing_until_the_last_says_when_to_come_back(
    nodes: Rig,
) -> None:
    try:
        with Crowd(22, nodes.urls, nodes.tokens, client=TellingClient) as crowd:
            scene = Scene(nodes, crowd)
            scene.stop()
            scene.stop()
            (last,) = [node for node in nodes.nodes if node.is_running]
            crowd.heard()
            for wearer in crowd.wearers:
                wearer.client.told.clear()  # type: ignore[attr-defined]
            last.terminate()
            last.wait_until_ended()
            assert {each["type"] for notices in told(crowd, set(crowd.users)) for each in notices} == {
                "leaving"
            }
            nodes.up()
            crowd.heard()
            assert check_acknowledged(nodes.store, crowd)
            crowd.settle()
        check_settled(nodes.store, crowd)
    except BaseException as error:
        error.add_note(nodes.log())
        raise
