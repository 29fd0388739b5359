"""The device server when users move to another node, behind real websockets."""

from __future__ import annotations

from pathlib import Path

from websockets.asyncio.client import ClientConnection

from actors.messages import Addressed
from actors.view import Member, View
from domain.identifiers import SessionId, StreamId, UserId
from domain.replies import Acknowledged, RestBegan
from gateway.devices.server import LEAD_MS
from gateway.routes import Routes
from tests.gateway.device_example import gateway_token, hello, message, token
from tests.gateway.server_rig import Rig, closed, read, run

ANN, BEN = UserId("ann"), UserId("ben")
REST = RestBegan(session=SessionId("s"), since_ms=1)
HERE = Routes({"here"}, View(1, (Member("here", "1", "ws://here"),)))
THERE = Routes({"here"}, View(2, (Member("there", "1", "ws://there"),)))


def acknowledged(number: int, user: UserId) -> Addressed:
    return Addressed(number, user, Acknowledged(session=SessionId("s"), stream=StreamId(""), next_nr=1))


async def is_moved(client: ClientConnection) -> None:
    told = await read(client)
    assert told.pop("wait_ms", LEAD_MS) >= LEAD_MS  # the node that it leaves serves nobody any more
    assert told == {"type": "redirect", "url": "ws://there"}
    assert await closed(client) == (1012, "the user is served elsewhere")


def test_devices_of_users_who_move_are_redirected_and_forgotten(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        watch, phone = await rig.connect(greet=hello()), await rig.connect(greet=hello())
        stranger = await rig.connect()
        await watch.send(message("open"))
        await rig.until(lambda: len(rig.forwarded) == 1)
        rig.server.reroute(HERE)
        assert len(rig.server._by_user[ANN]) == 2
        rig.server.reroute(THERE)
        assert not rig.server._by_user
        number = rig.forwarded[0].connection
        # Too late: nothing may follow a close.
        rig.server.deliver([acknowledged(number, ANN)], [(number, ANN)])
        for client in (watch, phone):
            await is_moved(client)
        await stranger.send(hello(token("ben")))
        await is_moved(stranger)

    run(tmp_path, play)


def test_a_gateways_connection_goes_on_with_who_stays(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        gateway = await rig.connect(greet=hello(gateway_token()))
        for user in (ANN, BEN):
            await gateway.send(message("open", user=user))
        await rig.until(lambda: len(rig.forwarded) == 2)
        number = rig.forwarded[0].connection
        rig.server.reroute(THERE)
        rig.server.deliver([acknowledged(number, ANN)], [(number, ANN)])  # of what was in flight
        rig.server.deliver([Addressed(None, ANN, REST)], [])
        await gateway.send(message("close", user=ANN))
        told = [await read(gateway) for _ in range(4)]
        assert sorted(each["user"] for each in told[:2]) == [ANN, BEN]
        assert [each["type"] for each in told] == ["redirect", "redirect", "ack", "redirect"]
        rig.server.reroute(HERE)
        await gateway.send(message("open", user=ANN))
        await rig.until(lambda: len(rig.forwarded) == 3)
        rig.server.deliver([Addressed(None, user, REST) for user in (BEN, ANN)], [])
        assert await read(gateway) == {"type": "rest", "user": ANN, "session": "s", "since_ms": 1}

    run(tmp_path, play)


def test_a_device_that_ignores_its_redirect_is_cut_off(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        client = await rig.connect(greet=hello())
        client.transport.pause_reading()  # it does not see the close, and so does not answer it
        rig.server.reroute(THERE)
        await rig.until(lambda: rig.is_empty)
        client.transport.resume_reading()
        assert (await closed(client))[0] in (1006, 1012)

    run(tmp_path, play, goodbye_seconds=0.05)
