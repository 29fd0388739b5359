"""The device server behind real websockets: limits, goodbyes, and who is sent what."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from actors.messages import Addressed
from domain.errors import ConfigurationError
from domain.identifiers import SessionId, StreamId, UserId
from domain.replies import Acknowledged, Refused, RestBegan
from gateway.devices import protocol
from gateway.devices.limits import Limits
from gateway.devices.listener import FRAME_BYTES_MAX
from gateway.devices.server import DeviceServer
from persistence.sqlite import SqliteStore
from tests.gateway.device_example import (
    gateway_token,
    hello,
    make_tokens,
    message,
    offers_of,
    token,
)
from tests.gateway.server_rig import Rig, closed, read, run

ANN, BEN, CAT = UserId("ann"), UserId("ben"), UserId("cat")


def acknowledged(next_nr: int = 1) -> Acknowledged:
    return Acknowledged(session=SessionId("s"), stream=StreamId(""), next_nr=next_nr)


def test_commands_are_forwarded_and_answers_go_to_the_right_connection(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        first, second = await rig.connect(greet=hello()), await rig.connect(greet=hello(token("ben")))
        await first.send(message("open"))
        await rig.until(lambda: len(rig.forwarded) == 1)
        await second.send(message("open"))
        await rig.until(lambda: len(rig.forwarded) == 2)
        for envelope in rig.forwarded:
            reply = Addressed(envelope.connection, envelope.user, acknowledged())
            rig.server.deliver([reply], [(envelope.connection, envelope.user)])
        assert [envelope.user for envelope in rig.forwarded] == ["ann", "ben"]
        for client, user in ((first, "ann"), (second, "ben")):
            expected = {"type": "ack", "user": user, "session": "s", "stream": "", "next": 1}
            assert await read(client) == expected

    run(tmp_path, play)


def test_connections_whose_token_is_good_no_more_are_closed(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        gone, stays = await rig.connect(greet=hello()), await rig.connect(greet=hello(token("ben")))
        rig.server.check_tokens()
        rig.server._tokens.is_revoked = lambda claims: claims.user == ANN
        rig.server.check_tokens()
        assert await closed(gone) == (1008, "the token is good no more")
        await stays.send(message("open"))
        await rig.until(lambda: len(rig.forwarded) == 1)
        refused = await rig.connect()
        await refused.send(hello())
        assert (await read(refused))["code"] == "not_authorised"

    run(tmp_path, play)


def test_live_replies_go_to_all_of_a_users_connections_and_to_nobody_else(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        watch, phone = await rig.connect(greet=hello()), await rig.connect(greet=hello())
        gateway, other = (
            await rig.connect(greet=hello(gateway_token())),
            await rig.connect(greet=hello(token("ben"))),
        )
        rest = RestBegan(session=SessionId("s"), since_ms=1)
        rig.server.deliver([Addressed(None, ANN, rest)], [])  # the gateway has not named ann yet
        await gateway.send(message("open", user="ann"))
        await rig.until(lambda: len(rig.forwarded) == 1)
        for user in (ANN, BEN, CAT):
            rig.server.deliver([Addressed(None, user, rest)], [])
        for client, users in (
            (watch, ["ann"] * 2),
            (phone, ["ann"] * 2),
            (gateway, ["ann"]),
            (other, ["ben"]),
        ):
            assert [(await read(client))["user"] for _ in users] == users
        await rig.server.stop()
        for client in (watch, phone, gateway, other):
            assert (await read(client))["type"] == "leaving"  # nothing else came
            with pytest.raises(ConnectionClosed):
                await client.recv()

    run(tmp_path, play)


def test_a_connection_that_is_gone_is_forgotten_with_all_its_users(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        gateway = await rig.connect(greet=hello(gateway_token()))
        for user in ("ann", "ben", "cat"):
            await gateway.send(message("open", user=user))
        await rig.until(lambda: len(rig.forwarded) == 3)
        number = rig.forwarded[0].connection
        assert rig.server._by_user == {user: {number} for user in (ANN, BEN, CAT)}
        await gateway.close()
        await rig.until(lambda: rig.is_empty)
        rig.server.deliver(
            [Addressed(number, ANN, acknowledged())], [(number, ANN)] * 3
        )  # an answer that came late
        rig.server.deliver([Addressed(None, ANN, RestBegan(session=SessionId("s"), since_ms=1))], [])
        assert rig.is_empty

    run(tmp_path, play)


def test_a_command_and_the_end_in_one_packet_leave_nothing_behind(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        gateway = await rig.connect(greet=hello(gateway_token()))
        frames = [message("open", user="ann"), b"\xc1" * 3, message("open", user="ben", session="")]
        frames += [b"\xc1"] * 9 + [message("open", user="cat")]
        await asyncio.gather(*map(gateway.send, frames))
        assert (await closed(gateway))[0] == 1008
        assert [envelope.user for envelope in rig.forwarded] == ["ann"]  # nothing after the end is taken

    run(tmp_path, play)


@pytest.mark.parametrize(
    "request_text", ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "BREW / HTTP/1.1\r\n\r\n", "\r\n\r\n", ""]
)
def test_what_is_no_websocket_takes_no_place(tmp_path: Path, request_text: str) -> None:
    async def play(rig: Rig) -> None:
        for _ in range(3):
            reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
            writer.write(request_text.encode())
            if request_text:
                await reader.read()
            writer.close()
            await writer.wait_closed()
        await rig.connect(greet=hello())  # the one place is still free

    run(tmp_path, play, connections_max=1)


def test_more_connections_than_there_are_places_are_turned_away(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        only = await rig.connect(greet=hello())
        with pytest.raises(InvalidStatus) as turned_away:
            await rig.connect()
        assert turned_away.value.response.status_code == 503
        await only.close()
        await rig.until(lambda: rig.is_empty)
        await rig.connect(greet=hello())

    run(tmp_path, play, connections_max=1)


@pytest.mark.parametrize(
    ("send", "code"),
    [
        pytest.param("text", 1003, id="text"),
        pytest.param([b"in", b"parts"], 1003, id="fragmented"),
        pytest.param(bytes(protocol.MESSAGE_BYTES_MAX + 1), 1009, id="too-long"),
        pytest.param(bytes(FRAME_BYTES_MAX), 1009, id="much-too-long"),
    ],
)
def test_what_is_no_message_is_answered_in_words_and_ends_the_connection(
    tmp_path: Path, send: Any, code: int
) -> None:
    async def play(rig: Rig) -> None:
        client = await rig.connect(greet=hello())
        await client.send(send)
        error = await read(client)
        assert (error["type"], error["code"]) == ("error", "invalid_input")
        close_code, reason = await closed(client)
        assert (close_code, str(reason).startswith(error["wrong"])) == (code, True)

    run(tmp_path, play)


def test_a_message_far_beyond_every_limit_is_cut_off_before_it_is_read(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        client = await rig.connect(greet=hello())
        await client.send(bytes(FRAME_BYTES_MAX + 1))
        assert (await closed(client))[0] == 1009

    run(tmp_path, play)


def test_the_longest_message_is_read(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        client = await rig.connect(greet=hello())
        whole = message("frame", more=b"")
        await client.send(message("frame", more=bytes(protocol.MESSAGE_BYTES_MAX - len(whole) - 1)))
        await rig.until(lambda: len(rig.forwarded) == 1)

    run(tmp_path, play)


def test_who_is_turned_away_is_told_why_although_more_was_sent(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        client = await rig.connect()
        sent = [hello("forged"), *(message("frame", samples=bytes(8000)) for _ in range(50))]
        await asyncio.gather(*map(client.send, sent), return_exceptions=True)
        assert (await read(client))["code"] == "not_authorised"
        close_code, reason = await closed(client)
        assert (close_code, str(reason)[:22]) == (1008, "the token is not valid")

    run(tmp_path, play)


def test_who_says_no_hello_in_time_is_cut_off(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        client = await rig.connect()
        assert await closed(client) == (1008, "no hello came in time")

    run(tmp_path, play, hello_seconds=0.05)


def test_who_said_hello_stays(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        client = await rig.connect(greet=hello())
        (listener,) = rig.server._listeners.values()
        assert not listener._timers
        await client.send(message("open"))
        await rig.until(lambda: len(rig.forwarded) == 1)

    run(tmp_path, play)


def test_stop_says_goodbye_and_takes_no_more(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        clients = [await rig.connect(greet=hello()) for _ in range(3)]
        ends = [asyncio.create_task(closed(client)) for client in clients]
        await rig.server.stop()
        assert rig.is_empty
        assert {await end for end in ends} == {(1001, "the server stops")}
        with pytest.raises((OSError, InvalidMessage)):
            await rig.connect()

    run(tmp_path, play)


def test_a_refusal_reaches_the_device_with_where_to_begin_again(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        client = await rig.connect(greet=hello())
        await client.send(message("frame", nr=7))
        await rig.until(lambda: len(rig.forwarded) == 1)
        number = rig.forwarded[0].connection
        refused = Refused(
            session=SessionId("s"),
            stream=StreamId("a"),
            sequence_nr=7,
            code="out_of_order",
            wrong="early",
            expected="3",
            remedy="again",
            retry=True,
            expected_nr=3,
        )
        rig.server.deliver([Addressed(number, ANN, refused)], [(number, ANN)])
        error = await read(client)
        assert (error["code"], error["stream"], error["nr"], error["expected_nr"]) == (
            "out_of_order",
            "a",
            7,
            3,
        )

    run(tmp_path, play)


def test_a_taken_port_is_told_in_words(tmp_path: Path) -> None:
    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            server = DeviceServer(make_tokens(), offers_of(SqliteStore(tmp_path)), Limits(), lambda _: None)
            with pytest.raises(ConfigurationError, match="cannot listen on 127"):
                await server.start("127.0.0.1", taken.getsockname()[1])
            await server.stop()

    asyncio.run(main())
