"""A device client on a real websocket, against a server written here: breaks, refusals, goodbyes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import msgpack
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

import edge.connection
from domain.errors import InvalidInput, NotAuthorised, ProcessFailed
from edge import protocol
from edge.client import DeviceClient
from edge.connection import DeviceConnection

LABELS = 100


class Server:
    """Stores in order, leaves after `goodbyes` messages of each connection, fails the writes of `failing`."""

    def __init__(self, *, goodbyes: list[int] | None = None, failing: set[int] | None = None) -> None:
        self.goodbyes = goodbyes or []
        self.failing = failing or set()
        self.stored: list[int] = []
        self.connections = 0
        self.received = 0

    async def handle(self, socket: ServerConnection) -> None:
        self.connections += 1
        left = self.goodbyes.pop(0) if self.goodbyes else -1
        async for data in socket:
            if left == 0:
                await socket.close(1001)
                return
            left -= 1
            for answer in self.answer(msgpack.unpackb(data)):
                await socket.send(protocol.encode(answer))

    def answer(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        if message["type"] == "hello":
            return [{"type": "welcome", "version": 1, "credit": 8, "models": []}]
        self.received += 1
        where = {"session": "s", "stream": ""}
        if self.received in self.failing:
            return [_error("store_unavailable", retry=True, nr=message["nr"], **where)]
        if message["nr"] > len(self.stored):
            expected = {"nr": message["nr"], "expected_nr": len(self.stored)}
            return [_error("out_of_order", retry=True, **where, **expected)]
        if message["nr"] == len(self.stored):
            self.stored.append(message["nr"])
        return [{"type": "ack", "next": len(self.stored), **where}]


def _error(code: str, *, retry: bool, **fields: Any) -> dict[str, Any]:
    return {"type": "error", "code": code, "wrong": code, "retry": retry, **fields}


def recorded() -> DeviceClient:
    client = DeviceClient("token", "watch-1")
    client.open_session("s", 0, "server", [])
    for number in range(LABELS):
        client.label("s", number, number + 1, "squat", 8, None)
    return client


def connection_of(client: DeviceClient, port: int, told: list[dict[str, Any]]) -> DeviceConnection:
    return DeviceConnection(client, f"ws://127.0.0.1:{port}", told.append, random.Random(1))


def play(
    handle: Callable[[ServerConnection], Awaitable[None]], client: DeviceClient
) -> tuple[list[dict[str, Any]], BaseException | None]:
    """Run until everything is delivered or the connection gives up: what was told, and why it gave up."""

    async def main() -> tuple[list[dict[str, Any]], BaseException | None]:
        told: list[dict[str, Any]] = []
        async with serve(handle, "127.0.0.1", 0, compression=None, max_queue=None) as server:
            connection = connection_of(client, server.sockets[0].getsockname()[1], told)
            running = asyncio.create_task(connection.run())
            idle = asyncio.create_task(connection.until(lambda: client.is_idle))
            await asyncio.wait({running, idle}, return_when=asyncio.FIRST_COMPLETED)
            idle.cancel()
            connection.stop()
            (error,) = await asyncio.gather(running, return_exceptions=True)
        return told, error

    return asyncio.run(main())


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge.connection, "BACKOFF_SECONDS", (0.001, 0.01))
    monkeypatch.setattr(edge.connection, "RETRY_SECONDS", 0.001)


@pytest.mark.parametrize("goodbyes", [[], [0], [1, 5, 20, 3], [9] * 12])
def test_everything_arrives_once_although_the_server_goes_away(goodbyes: list[int]) -> None:
    client, breaks = recorded(), len(goodbyes)
    server = Server(goodbyes=goodbyes)
    told, error = play(server.handle, client)
    assert (told, error) == ([], None)
    assert server.stored == list(range(LABELS + 1))
    assert server.connections == breaks + 1
    assert client.outbox.acknowledged("s", "") == LABELS + 1


def test_writes_that_failed_are_sent_again() -> None:
    client, server = recorded(), Server(failing={1, 2, 3, 20, 40, 41})
    told, error = play(server.handle, client)
    assert error is None
    assert {message["code"] for message in told} == {"store_unavailable"}
    assert server.stored == list(range(LABELS + 1))
    assert not client.refusals


def test_refusals_of_one_failed_write_are_answered_by_one_repetition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge.connection, "RETRY_SECONDS", 0.5)  # while which all eight refusals arrive
    client, server = recorded(), Server(failing=set(range(1, 9)))
    told, _ = play(server.handle, client)
    assert (len(told), server.received) == (8, 8 + LABELS + 1)


def test_who_is_turned_away_stops_and_says_why() -> None:
    async def turn_away(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(protocol.encode(_error("not_authorised", retry=False)))
        await socket.close(1008)

    for _ in range(20):
        _, error = play(turn_away, recorded())
        assert isinstance(error, NotAuthorised)


def test_who_is_turned_away_while_sending_says_why_too() -> None:
    async def turn_away(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(protocol.encode({"type": "welcome", "version": 1, "credit": 1000, "models": []}))
        await socket.recv()
        await socket.send(protocol.encode(_error("not_authorised", retry=False)))
        await socket.close(1008)

    client = recorded()
    for _ in range(20):
        _, error = play(turn_away, client)
        assert isinstance(error, NotAuthorised)


def test_a_server_that_speaks_nonsense_is_given_up() -> None:
    async def babble(socket: ServerConnection) -> None:
        await socket.send("\ud7ff")
        await socket.wait_closed()

    _, error = play(babble, recorded())
    assert isinstance(error, InvalidInput)


def test_a_server_that_is_not_there_is_given_up_after_many_attempts() -> None:
    async def hang_up(socket: ServerConnection) -> None:
        await socket.close(1013)

    client = recorded()
    _, error = play(hang_up, client)
    assert isinstance(error, ProcessFailed)
    assert len(client.outbox) == LABELS + 1


def test_attempts_are_counted_anew_after_a_welcome_and_only_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge.connection, "ATTEMPTS_MAX", 3)
    seen = 0

    async def welcome_once(socket: ServerConnection) -> None:
        nonlocal seen
        seen += 1
        if seen == 1:
            await socket.send(protocol.encode({"type": "welcome", "version": 1, "credit": 1, "models": []}))
            await socket.recv()
            await socket.recv()
        await socket.close(1001)

    _, error = play(welcome_once, recorded())
    assert isinstance(error, ProcessFailed)
    assert seen == 1 + 4


def test_stop_ends_the_pause_before_the_next_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge.connection, "BACKOFF_SECONDS", (3600.0, 3600.0))

    async def main() -> None:
        gone = asyncio.Event()

        async def hang_up(socket: ServerConnection) -> None:
            await socket.close()
            gone.set()

        async with serve(hang_up, "127.0.0.1", 0, compression=None) as server:
            connection = connection_of(recorded(), server.sockets[0].getsockname()[1], [])
            running = asyncio.create_task(connection.run())
            await gone.wait()
            connection.stop()
            await running

    asyncio.run(main())


def test_stop_closes_the_connection_and_keeps_what_is_unacknowledged() -> None:
    async def main() -> None:
        welcomed, ended = asyncio.Event(), asyncio.Event()

        async def silent(socket: ServerConnection) -> None:
            await socket.send(protocol.encode({"type": "welcome", "version": 1, "credit": 4, "models": []}))
            try:
                while True:
                    if msgpack.unpackb(await socket.recv())["type"] == "open":
                        welcomed.set()
            except ConnectionClosed:
                ended.set()

        client = recorded()
        async with serve(silent, "127.0.0.1", 0, compression=None) as server:
            connection = connection_of(client, server.sockets[0].getsockname()[1], [])
            running = asyncio.create_task(connection.run())
            await welcomed.wait()
            connection.stop()
            await running
            await ended.wait()
        assert len(client.outbox) == LABELS + 1

    asyncio.run(main())
