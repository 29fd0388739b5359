"""A device client among several real websocket servers that send it to each other, stop, or are not there."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import msgpack
import pytest
from websockets.asyncio.server import Server, ServerConnection, serve

import edge.connection
from domain.errors import ProcessFailed
from edge import protocol
from edge.addresses import REDIRECTS_MAX
from edge.client import DeviceClient
from edge.connection import DeviceConnection

LABELS = 40
Act = Callable[["Nodes"], None]


class Nodes:
    """Servers over one store. `owner` is the one that serves the user, the others send devices there.

    `acts` run once so many messages are stored, `visit_acts` once so many connections have come.
    """

    def __init__(self, count: int, acts: dict[int, Act]) -> None:
        self.owner = 0
        self.urls = [f"ws://127.0.0.1:{_free_port()}" for _ in range(count)]
        self.redirects: dict[int, str] = {}  # what a node says instead of the owner's address
        self.hangs_up = True  # after a redirect
        self.stored: list[int] = []
        self.visits: list[int] = []
        self.visit_acts: dict[int, Act] = {}
        self.servers: dict[int, Server] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self._acts = acts
        self._sockets: dict[ServerConnection, int] = {}

    async def start(self, number: int) -> None:
        async def handle(connection: ServerConnection) -> None:
            await self._handle(number, connection)

        port = int(self.urls[number].rpartition(":")[2])
        self.servers[number] = await serve(handle, "127.0.0.1", port, compression=None, close_timeout=1)

    def move(self, owner: int) -> None:
        """Another node serves the user from now on; devices are told."""
        self.owner = owner
        for connection, number in self._sockets.items():
            if number != owner:
                self._spawn(self._redirect(number, connection))

    def stop(self, number: int) -> None:
        """A node drains: it says goodbye and is not reached any more."""
        self.servers.pop(number).close(code=1001)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _redirect(self, number: int, connection: ServerConnection) -> None:
        url = self.redirects.get(number, self.urls[self.owner])
        await connection.send(protocol.encode({"type": "redirect", "url": url}))
        if self.hangs_up:
            await connection.close(1012)
        await connection.wait_closed()

    async def _handle(self, number: int, connection: ServerConnection) -> None:
        self.visits.append(number)
        if (act := self.visit_acts.pop(len(self.visits), None)) is not None:
            act(self)
        assert msgpack.unpackb(await connection.recv())["type"] == "hello"
        if number in self.redirects or number != self.owner:
            await self._redirect(number, connection)
            return
        welcome = {"type": "welcome", "version": 1, "credit": 4, "models": []}
        await connection.send(protocol.encode(welcome))
        self._sockets[connection] = number
        try:
            async for data in connection:
                if number == self.owner:
                    await self._take(connection, msgpack.unpackb(data)["nr"])
        finally:
            del self._sockets[connection]

    async def _take(self, connection: ServerConnection, number: int) -> None:
        assert number <= len(self.stored)
        if number == len(self.stored):
            self.stored.append(number)
            if (act := self._acts.pop(number, None)) is not None:
                act(self)
                return
        ack = {"type": "ack", "session": "s", "stream": "", "next": len(self.stored)}
        await connection.send(protocol.encode(ack))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def recorded() -> DeviceClient:
    client = DeviceClient("token", "watch-1")
    client.open_session("s", 0, "server", [])
    for number in range(LABELS):
        client.label("s", number, number + 1, "squat", 8, None)
    return client


def play(
    count: int,
    *,
    given: tuple[int, ...] = (0,),
    running: tuple[int, ...] | None = None,
    prepare: Act = lambda nodes: None,
    acts: dict[int, Act] | None = None,
) -> tuple[Nodes, DeviceClient, BaseException | None]:
    """Deliver everything to `count` nodes, of which the device was `given` some, or give up."""

    async def main() -> tuple[Nodes, DeviceClient, BaseException | None]:
        nodes, client = Nodes(count, acts or {}), recorded()
        prepare(nodes)
        told: list[dict[str, Any]] = []
        async with AsyncExitStack() as stack:
            for number in range(count) if running is None else running:
                await nodes.start(number)
                stack.callback(lambda n=number: nodes.servers[n].close() if n in nodes.servers else None)
            url, *more_urls = [nodes.urls[number] for number in given]
            connection = DeviceConnection(client, url, told.append, random.Random(1), more_urls=more_urls)
            serving = asyncio.create_task(connection.run())
            idle = asyncio.create_task(connection.until(lambda: client.is_idle))
            await asyncio.wait({serving, idle}, return_when=asyncio.FIRST_COMPLETED)
            idle.cancel()
            connection.stop()
            (error,) = await asyncio.gather(serving, return_exceptions=True)
        assert told == []  # redirects are no business of the application's
        return nodes, client, error

    return asyncio.run(main())


def check_delivered(nodes: Nodes, client: DeviceClient, error: BaseException | None) -> None:
    assert error is None
    assert nodes.stored == list(range(LABELS + 1))
    assert client.is_idle
    assert not client.refusals


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge.connection, "BACKOFF_SECONDS", (0.001, 0.01))
    monkeypatch.setattr(edge.connection, "RETRY_SECONDS", 0.001)


@pytest.fixture
def _never_pausing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever pauses waits for longer than the test may take."""
    monkeypatch.setattr(edge.connection, "BACKOFF_SECONDS", (3600.0, 3600.0))


@pytest.mark.usefixtures("_never_pausing")
def test_a_device_is_redirected_when_it_says_hello() -> None:
    played = play(2, prepare=lambda nodes: nodes.move(1))
    check_delivered(*played)
    assert played[0].visits == [0, 1]


@pytest.mark.usefixtures("_never_pausing")
def test_a_device_follows_its_user_from_node_to_node() -> None:
    acts: dict[int, Act] = {10: lambda nodes: nodes.move(1), 20: lambda nodes: nodes.move(2)}
    played = play(3, acts=acts | {30: lambda nodes: nodes.move(0)})
    check_delivered(*played)
    assert played[0].visits == [0, 1, 2, 0]


@pytest.mark.usefixtures("_never_pausing")
def test_a_device_leaves_also_when_the_server_does_not_hang_up() -> None:
    def prepare(nodes: Nodes) -> None:
        nodes.hangs_up = False
        nodes.move(1)

    check_delivered(*play(3, prepare=prepare, acts={10: lambda nodes: nodes.move(2)}))


def test_a_target_that_is_not_there_is_asked_for_again_at_home() -> None:
    """A node has died and the view of the other does not know yet."""

    def lose(nodes: Nodes) -> None:
        nodes.stop(1)
        nodes.redirects[0] = nodes.urls[1]
        nodes.visit_acts[5] = recover

    def recover(nodes: Nodes) -> None:
        nodes.redirects.clear()
        nodes.move(0)

    played = play(2, prepare=lambda nodes: nodes.move(1), acts={10: lose})
    check_delivered(*played)
    assert played[0].visits == [0, 1, 0, 0, 0]


def test_redirects_in_a_circle_are_left_with_a_pause_until_they_end() -> None:
    def circle(nodes: Nodes) -> None:
        nodes.redirects.update({0: nodes.urls[1], 1: nodes.urls[0]})
        nodes.visit_acts[2 * (REDIRECTS_MAX + 1)] = lambda nodes: nodes.redirects.clear()

    played = play(2, prepare=circle)
    check_delivered(*played)
    assert played[0].visits == [0, 1] * (REDIRECTS_MAX + 1) + [0]


def test_redirects_in_a_circle_that_does_not_end_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge.connection, "ATTEMPTS_MAX", 3)

    def circle(nodes: Nodes) -> None:
        nodes.redirects.update({0: nodes.urls[1], 1: nodes.urls[0]})

    nodes, client, error = play(2, prepare=circle)
    assert isinstance(error, ProcessFailed)
    assert len(nodes.visits) == 4 * (REDIRECTS_MAX + 1)
    assert len(client.outbox) == LABELS + 1


def test_of_several_addresses_one_that_answers_is_enough() -> None:
    played = play(3, given=(0, 1, 2), running=(2,), prepare=lambda nodes: nodes.move(2))
    check_delivered(*played)
    assert played[0].visits == [2]


def test_a_node_that_drains_is_left_for_the_next_address() -> None:
    def drain(nodes: Nodes) -> None:
        nodes.owner = 1
        nodes.stop(0)

    played = play(2, given=(0, 1), acts={15: drain})
    check_delivered(*played)
    assert played[0].visits == [0, 1]


def test_a_node_that_stands_still_is_left_for_the_next_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its machine has lost its power or its network: the connection stays, and nothing comes."""
    monkeypatch.setattr(edge.connection, "PING_SECONDS", (0.1, 0.1))
    monkeypatch.setattr(edge.connection, "CLOSE_SECONDS", 0.1)

    def stand_still(nodes: Nodes) -> None:
        nodes.owner = 1
        for connection in nodes._sockets:
            connection.transport.pause_reading()

    nodes, client, error = play(2, given=(0, 1), acts={15: stand_still})
    assert error is None
    assert client.is_idle
    assert sorted(set(nodes.stored)) == list(range(LABELS + 1))
    assert nodes.visits[-1] == 1


def test_a_node_that_does_not_answer_the_handshake_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge.connection, "OPEN_SECONDS", 0.2)
    with socket.socket() as silent:

        def listen(nodes: Nodes) -> None:
            nodes.owner = 1
            silent.bind(("127.0.0.1", int(nodes.urls[0].rpartition(":")[2])))
            silent.listen()

        check_delivered(*play(2, given=(0, 1), running=(1,), prepare=listen))


def test_a_redirect_to_what_is_no_address_is_a_failure_like_others() -> None:
    def nowhere(nodes: Nodes) -> None:
        nodes.redirects[0] = "ws://a b"
        nodes.visit_acts[4] = lambda nodes: nodes.redirects.clear()

    check_delivered(*play(1, prepare=nowhere))
