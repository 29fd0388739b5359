"""Real nodes on a real Cassandra that come, go, die and stand still while devices send."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from domain.identifiers import UserId
from tests.cluster.checker import check_acknowledged, check_settled
from tests.cluster.crowd import Crowd
from tests.cluster.hostile import HostileClient
from tests.cluster.rig import Rig
from tests.cluster.scenarios import Scene


def play(rig: Rig, seed: int, scenario: Callable[[Scene], object]) -> None:
    """Devices send, something happens, all are heard again, and everything is as it should be."""
    try:
        with Crowd(seed, rig.urls, rig.tokens) as crowd:
            crowd.heard()
            scenario(Scene(rig, crowd))
            assert check_acknowledged(rig.store, crowd)
            crowd.settle()
        check_settled(rig.store, crowd)
    except BaseException as error:
        error.add_note(rig.log())
        raise


def test_a_node_that_is_stopped_hands_over(nodes: Rig) -> None:
    play(nodes, 1, Scene.stop)


def test_a_node_that_is_killed_is_replaced(nodes: Rig) -> None:
    play(nodes, 2, Scene.kill)


def test_a_node_that_stood_still_acknowledges_nothing_late_and_joins_again(nodes: Rig) -> None:
    play(nodes, 3, Scene.pause)


def test_a_node_that_is_started_takes_its_part(nodes: Rig) -> None:
    node = nodes.nodes[2]
    node.terminate()
    node.wait_until_ended()
    nodes.settle()

    def start(scene: Scene) -> None:
        assert scene.start(node)

    play(nodes, 4, start)


@pytest.mark.parametrize(("seed", "actor"), [(5, "ShardHostActor"), (6, "DeviceGatewayActor")])
def test_a_process_that_is_killed_is_made_again(seed: int, actor: str, nodes: Rig) -> None:
    play(nodes, seed, lambda scene: scene.kill_actor(actor))


def test_a_command_that_is_killed_is_started_again(nodes: Rig) -> None:
    play(nodes, 7, Scene.kill_main)


def test_a_node_without_supervisor_ends_and_is_started_again(nodes: Rig) -> None:
    play(nodes, 8, Scene.kill_supervisor)


def test_any_nodes_api_reaches_a_user_of_another(nodes: Rig) -> None:
    bearer = {"Authorization": f"Bearer {nodes.tokens.issue(UserId('ann'), 'user', 600)}"}
    for number, node in enumerate(nodes.nodes):
        profile = {"birth_year": 1980 + number}
        wrote = httpx.put(f"{node.api}/v1/users/ann/profile", json=profile, headers=bearer, timeout=30)
        assert wrote.status_code == 200, wrote.text
        for other in nodes.nodes:
            read = httpx.get(f"{other.api}/v1/users/ann/training", headers=bearer, timeout=30)
            assert read.status_code == 200, read.text
        found = httpx.get(f"{node.api}/v1/users/ann/profile", headers=bearer, timeout=30)
        assert found.json()["birth_year"] == 1980 + number


def test_what_comes_twice_and_out_of_order_is_stored_once_and_in_order(nodes: Rig) -> None:
    with Crowd(9, nodes.urls, nodes.tokens, client=HostileClient) as crowd:
        crowd.heard(50)
        crowd.settle()
    check_settled(nodes.store, crowd)
    sent = [wearer.client for wearer in crowd.wearers]
    assert all(isinstance(client, HostileClient) and client.pranks for client in sent)
