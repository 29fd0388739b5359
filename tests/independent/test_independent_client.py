"""A device that was written from docs/protocol.md alone, against real nodes."""

from __future__ import annotations

import ast
import asyncio
import hashlib
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest

from domain.identifiers import UserId
from edge import artefact
from gateway.auth import ANY_USER
from persistence.location import prepare_store
from persistence.tables import LABEL, SENSOR
from tests.cluster.node import MuvrNode
from tests.cluster.rig import Rig
from tests.edge.test_artefact import artefact as small_artefact
from tests.gateway.device_example import serve_model
from tests.independent.client import POLL_SECONDS, Device

ALLOWED = {"websockets", "msgpack"}
STREAMS = [["a", "a", "wrist"]]
FRAMES = 60
USERS = 2000
MODEL = artefact.encode(small_artefact())
SECONDS_MAX = 240.0


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Two nodes on one embedded store, which serve a model."""
    directory = tmp_path_factory.mktemp("independent")
    location = f"sqlite:{directory / 'store'}"
    prepare_store(location)
    rig = Rig(directory / "rig", location, count=2)
    serve_model(rig.store, MODEL, "gym-1")
    rig.up()
    yield rig
    rig.down()


@pytest.fixture
def nodes(rig: Rig) -> Rig:
    rig.up()
    return rig


def owners(rig: Rig, name: str) -> tuple[UserId, MuvrNode, MuvrNode]:
    """A user, the node that serves it, and the other."""
    user = UserId(name)
    here = rig.busiest([user])
    (other,) = [node for node in rig.nodes if node is not here]
    return user, here, other


def play(
    rig: Rig, device: Device, act: Callable[[], Awaitable[None]], *, until: Callable[[], bool] | None = None
) -> None:
    """Run the device beside `act`, until all is acknowledged."""

    async def main() -> None:
        running = asyncio.create_task(device.run())
        acting = asyncio.ensure_future(act())
        await asyncio.wait({running, acting}, return_when=asyncio.FIRST_COMPLETED)
        await acting if acting.done() else running  # either raises what went wrong
        idle = asyncio.ensure_future(device.until(until or (lambda: device.is_idle)))
        await asyncio.wait({running, idle}, return_when=asyncio.FIRST_COMPLETED)
        if not idle.done():
            idle.cancel()
            await running
        await device.stop()
        await running

    try:
        asyncio.run(asyncio.wait_for(main(), SECONDS_MAX))
    except BaseException as error:
        error.add_note(rig.log())
        raise


def opened(device: Device, session: str, user: str = "", **fields: Any) -> None:
    at_ms = 1_700_000_000_000
    device.record("open", session, user=user, at_ms=at_ms, recogniser="server", streams=STREAMS, **fields)


def stored(rig: Rig, user: str, session: str) -> list[int]:
    """The numbers of the frames."""
    return [row.sequence_nr for row in rig.store.read(SENSOR, (user, session, "a"))]


def test_it_knows_nothing_of_this_project() -> None:
    tree = ast.parse((Path(__file__).parent / "client.py").read_text())
    names = [each for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names]
    modules = {each.name for each in names}
    modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    tops = {module.partition(".")[0] for module in modules}
    assert tops - set(sys.stdlib_module_names) == ALLOWED


def test_it_streams_is_cut_off_and_goes_on(nodes: Rig) -> None:
    user, here, _ = owners(nodes, "independent-1")
    device = Device(here.url, nodes.tokens.issue(user, "device", 3600), "second-1")

    async def act() -> None:
        opened(device, "s-1")
        for second in range(FRAMES):
            device.frame("s-1", "a", second)
            if second in (20, 40):
                cut_before = second // 20 - 1
                await device.until(lambda count=cut_before: len(device.welcomes) > count)
                await device.until(lambda: device.acked.get(("", "s-1", "a"), 0) > 10)
                device.cut()
            await asyncio.sleep(0)
        await device.until(lambda: device.is_idle)
        device.record("close", "s-1", at_ms=1_700_000_100_000)

    play(nodes, device, act, until=lambda: "ended" in {each["type"] for each in device.heard})
    assert len(device.welcomes) >= 3
    assert stored(nodes, user, "s-1") == list(range(FRAMES))


def test_it_is_redirected_to_who_serves_its_user(nodes: Rig) -> None:
    user, here, other = owners(nodes, "independent-2")
    device = Device(other.url, nodes.tokens.issue(user, "device", 3600), "second-1")

    async def act() -> None:
        opened(device, "s-2")
        device.frame("s-2", "a", 0)

    play(nodes, device, act)
    assert (device.redirects, device.welcomes) == ([here.url], [here.url])
    assert stored(nodes, user, "s-2") == [0]


def test_it_uploads_what_it_recorded_offline(nodes: Rig) -> None:
    user, here, other = owners(nodes, "independent-3")
    token = nodes.tokens.issue(user, "device", 3600)
    device = Device(other.url, token, "second-1", more_urls=(here.url,))
    start_ms = 1_700_000_000_000
    for number in range(3):
        session = f"offline-{number}"
        opened(device, session, coach="device")
        device.record("training", session, at_ms=start_ms, goal="strength", utc_offset_min=60)
        for second in range(FRAMES):
            device.frame(session, "a", second)
        set_ms = start_ms + 60_000 * number  # of the same time the one said last would count
        device.record("label", session, start_ms=set_ms, end_ms=set_ms + 30_000, exercise="squat")

    async def act() -> None:
        await device.until(lambda: device.is_idle)
        for number in range(3):
            device.record("close", f"offline-{number}", at_ms=start_ms + 60_000)

    play(nodes, device, act)
    for number in range(3):
        assert stored(nodes, user, f"offline-{number}") == list(range(FRAMES))
        assert len(list(nodes.store.read(LABEL, (user, f"offline-{number}")))) == 1


def test_it_fetches_the_model_that_it_is_offered(nodes: Rig) -> None:
    user, here, _ = owners(nodes, "independent-4")
    device = Device(here.url, nodes.tokens.issue(user, "device", 3600), "second-1")
    digest = hashlib.sha256(MODEL).hexdigest()

    async def act() -> None:
        await device.until(lambda: digest in device.offers)
        device.fetch(digest)

    play(nodes, device, act, until=lambda: device.model is not None)
    assert device.model == MODEL


def test_one_connection_carries_two_thousand_users_and_one_that_floods_starves_nobody(nodes: Rig) -> None:
    (away, *_) = nodes.nodes
    away.terminate()  # one node serves all of them
    away.wait_until_ended()
    nodes.settle()
    (node,) = [each for each in nodes.nodes if each.is_running]
    device = Device(node.url, nodes.tokens.issue(ANY_USER, "device", 3600), "gateway-1")
    users = [f"of-gateway-{number}" for number in range(USERS)]

    async def act() -> None:
        await device.until(lambda: device.welcomes)
        flooding = asyncio.create_task(flood(device))
        for user in users:
            opened(device, "s", user)
            for second in range(2):
                device.frame("s", "a", second, user)
        await device.until(lambda: device.is_idle)
        assert not flooding.done()  # all were served while it went on
        flooding.cancel()

    play(nodes, device, act)
    assert device.closes == [1000] or device.closes == [1005]
    assert all(device.acked[user, "s", ""] == 1 and device.acked[user, "s", "a"] == 2 for user in users)
    refused = {each["code"] for each in device.heard if each["type"] == "error"}
    assert refused <= {"too_often", "out_of_order", "rejected"}
    assert "too_often" in refused
    for user in users[:: USERS // 20]:
        assert stored(nodes, user, "s") == [0, 1]


async def flood(device: Device) -> None:
    """A user of the gateway whose device ignores credit and answers."""
    frame = {"type": "frame", "session": "flood", "stream": "a", "nr": 0, "sensor": "a", "user": "flooder"}
    frame |= {"start_ms": 1, "rate_hz": 50.0, "scale": 0.001, "samples": bytes(600)}
    while True:
        for _ in range(100):
            assert device._socket is not None
            await device._socket.send(msgpack.packb(frame))
        await asyncio.sleep(0)


def test_it_goes_elsewhere_when_its_node_stops(nodes: Rig) -> None:
    user, here, other = owners(nodes, "independent-5")
    device = Device(here.url, nodes.tokens.issue(user, "device", 3600), "second-1", more_urls=(other.url,))

    async def act() -> None:
        opened(device, "s-5")
        device.frame("s-5", "a", 0)
        await device.until(lambda: device.is_idle)
        here.terminate()
        for second in range(1, FRAMES):
            device.frame("s-5", "a", second)
            await asyncio.sleep(POLL_SECONDS)
        await asyncio.to_thread(here.wait_until_ended)

    play(nodes, device, act)
    assert device.welcomes[-1] == other.url
    assert {each["type"] for each in device.heard} & {"redirect", "leaving"}
    assert stored(nodes, user, "s-5") == list(range(FRAMES))
