"""The device gateway as a real process of a real actor system, before a shard host that tells what it got."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgpack
import psutil
import pytest
from thespian.actors import ActorExitRequest, ActorTypeDispatcher
from websockets.asyncio.client import ClientConnection, connect

from actors.messages import (
    Addressed,
    Directory,
    ModelsChanged,
    ShardAnswer,
    ShardBatch,
    Started,
    StartFailed,
    ViewChanged,
    decode_envelopes,
    encode_addressed,
)
from actors.node import actor_system
from actors.view import Member, View
from domain.commands import session_of
from domain.replies import Acknowledged
from gateway.devices.actor import DeviceGatewayActor, StartGateway
from gateway.devices.limits import Limits
from gateway.lanes import LANE_BATCHES_MAX
from persistence.sqlite import SqliteStore
from tests.gateway.device_example import MODEL_DIGEST, hello, make_tokens, message, serve_model, token
from tests.gateway.server_rig import closed, read

ASK_SECONDS_MAX = 30
EXIT_SECONDS_MAX = 30
LANES = (("here-0", "shard-host-0"), ("here-1", "shard-host-1"))
ELSEWHERE = "ws://elsewhere:8081/"


class FakeShardHost(ActorTypeDispatcher):
    """Answers each batch at once, or keeps it; any text asks how many came, `keep` to keep them, and `answer`
    for what was kept: the replies one by one, and then in one message the numbers.
    """

    def __init__(self) -> None:
        super().__init__()
        self._keeps = False
        self._batches: list[int] = []
        self._replies: list[Addressed] = []
        self._gateway: Any = None

    def receiveMsg_str(self, message: str, sender: Any) -> None:  # noqa: N802
        if message == "keep":
            self._keeps = True
        elif message == "answer":
            for reply in self._replies:
                self.send(self._gateway, ShardAnswer((), encode_addressed([reply])))
            self.send(self._gateway, ShardAnswer(tuple(self._batches), encode_addressed([])))
        self.send(sender, len(self._batches))

    def receiveMsg_ShardBatch(self, message: ShardBatch, sender: Any) -> None:  # noqa: N802
        self._batches.append(message.number)
        replies = [
            Addressed(
                envelope.connection,
                envelope.user,
                Acknowledged(session=session_of(envelope.command), stream="", next_nr=1),  # type: ignore[arg-type]
            )
            for envelope in decode_envelopes(message.envelopes)
        ]
        if self._keeps:
            self._gateway = sender
            self._replies += replies
        else:
            self.send(sender, ShardAnswer((message.number,), encode_addressed(replies)))


class PidActor(DeviceGatewayActor):
    """The gateway, which also says which process it is."""

    def receiveMsg_str(self, message: str, sender: Any) -> Any:  # noqa: N802
        self.send(sender, os.getpid())
        return self._watch()


@pytest.fixture(scope="module")
def system() -> Iterator[Any]:
    system = actor_system(None)
    yield system
    system.shutdown()


@pytest.fixture
def gateway(system: Any) -> Iterator[Any]:
    actor = system.createActor(PidActor)
    yield actor
    system.tell(actor, ActorExitRequest())


@pytest.fixture
def shard_host(system: Any) -> Iterator[Any]:
    actor = system.createActor(FakeShardHost)
    yield actor
    system.tell(actor, ActorExitRequest())


def start_message(directory: Path, **changed: Any) -> StartGateway:
    fields: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": 0,
        "limits": Limits(),
        "open_store": partial(SqliteStore, directory),
        "open_tokens": make_tokens,
        "pseudonym_key": b"of the test",
        "lanes": LANES[:1],
    }
    return StartGateway(**(fields | changed))


def started(system: Any, gateway: Any, directory: Path, **changed: Any) -> int:
    answer = system.ask(gateway, start_message(directory, **changed), ASK_SECONDS_MAX)
    assert isinstance(answer, Started), answer
    assert answer.port
    return answer.port


def tell_view(system: Any, gateway: Any, number: int, **urls: str) -> None:
    """Tell of the members that have these URLs by name."""
    members = tuple(Member(name.replace("_", "-"), "1", url) for name, url in urls.items())
    system.tell(gateway, ViewChanged(View(number, members)))


def play(port: int, act: Callable[..., Awaitable[None]], *users: str) -> None:
    """Run `act` with a welcomed connection of each user."""

    async def main() -> None:
        clients: list[ClientConnection] = []
        for user in users:
            client = await connect(f"ws://127.0.0.1:{port}", compression=None, proxy=None)
            await client.send(hello(token(user)))
            assert (await read(client))["type"] == "welcome"
            clients.append(client)
        await act(*clients)
        await asyncio.gather(*(client.close() for client in clients))

    asyncio.run(asyncio.wait_for(main(), ASK_SECONDS_MAX))


def test_commands_travel_in_batches_and_answers_come_back(
    system: Any, gateway: Any, shard_host: Any, tmp_path: Path
) -> None:
    port = started(system, gateway, tmp_path)
    tell_view(system, gateway, 1, here_0="ws://here")
    system.tell(gateway, Directory({"shard-host-0": shard_host}))

    async def act(ann: ClientConnection, ben: ClientConnection) -> None:
        for number in range(20):
            for client, user in ((ann, "ann"), (ben, "ben")):
                await client.send(message("open", session=f"s-{number}-{user}"))
        for client, user in ((ann, "ann"), (ben, "ben")):
            answers = [await read(client) for _ in range(20)]
            assert {answer["type"] for answer in answers} == {"ack"}
            assert [answer["session"] for answer in answers] == [f"s-{n}-{user}" for n in range(20)]

    play(port, act, "ann", "ben")
    assert 1 <= system.ask(shard_host, "count", ASK_SECONDS_MAX) <= 40


def test_each_user_has_the_lane_of_their_shard(system: Any, gateway: Any, tmp_path: Path) -> None:
    hosts = {name: system.createActor(FakeShardHost) for _, name in LANES}
    port = started(system, gateway, tmp_path, lanes=LANES)
    system.tell(gateway, Directory(hosts))
    tell_view(system, gateway, 1, here_0="ws://here", here_1="ws://here")
    users = [f"user-{number}" for number in range(20)]

    async def act(*clients: ClientConnection) -> None:
        for client in clients:
            await client.send(message("open"))
        for client, user in zip(clients, users, strict=True):
            assert (await read(client))["user"] == user

    play(port, act, *users)
    for host in hosts.values():
        assert system.ask(host, "count", ASK_SECONDS_MAX) > 0
        system.tell(host, ActorExitRequest())


def test_a_shard_host_that_was_made_again_is_given_the_batch_again(
    system: Any, gateway: Any, shard_host: Any, tmp_path: Path
) -> None:
    port = started(system, gateway, tmp_path)
    dying = system.createActor(FakeShardHost)
    system.ask(dying, "keep", ASK_SECONDS_MAX)
    tell_view(system, gateway, 1, here_0="ws://here")
    system.tell(gateway, Directory({"shard-host-0": dying}))

    async def act(ann: ClientConnection) -> None:
        for number in range(3):
            await ann.send(message("open", session=f"s-{number}"))
        while system.ask(dying, "count", ASK_SECONDS_MAX) == 0:
            pass
        system.tell(dying, ActorExitRequest())
        system.tell(gateway, Directory({}))
        await ann.send(message("open", session="s-3"))
        system.tell(gateway, Directory({"shard-host-0": shard_host}))
        assert [(await read(ann))["session"] for _ in range(4)] == [f"s-{n}" for n in range(4)]

    play(port, act, "ann")


def test_several_batches_are_on_their_way_and_answers_come_before_their_end(
    system: Any, gateway: Any, shard_host: Any, tmp_path: Path
) -> None:
    port = started(system, gateway, tmp_path)
    system.ask(shard_host, "keep", ASK_SECONDS_MAX)
    tell_view(system, gateway, 1, here_0="ws://here")
    system.tell(gateway, Directory({"shard-host-0": shard_host}))

    async def act(ann: ClientConnection) -> None:
        await ann.send(message("open", session="s-0"))
        while system.ask(shard_host, "count", ASK_SECONDS_MAX) == 0:
            pass
        await ann.send(message("open", session="s-1"))
        while (count := system.ask(shard_host, "count", ASK_SECONDS_MAX)) == 1:
            pass
        assert count == 2 < LANE_BATCHES_MAX
        assert system.ask(shard_host, "answer", ASK_SECONDS_MAX) == 2
        assert [(await read(ann))["session"] for _ in range(2)] == ["s-0", "s-1"]

    play(port, act, "ann")


def test_commands_wait_for_a_view_and_those_of_another_node_are_redirected(
    system: Any, gateway: Any, shard_host: Any, tmp_path: Path
) -> None:
    port = started(system, gateway, tmp_path)
    system.tell(gateway, Directory({"shard-host-0": shard_host}))

    async def act(ann: ClientConnection, ben: ClientConnection) -> None:
        await ann.send(message("open"))
        assert system.ask(shard_host, "count", ASK_SECONDS_MAX) == 0
        tell_view(system, gateway, 2, here_0="ws://here")
        assert (await read(ann))["type"] == "ack"
        tell_view(system, gateway, 3, there_0=ELSEWHERE)
        tell_view(system, gateway, 2, here_0="ws://here")  # of a host that is behind
        for client in (ann, ben):
            told = await read(client)
            assert (told["type"], told["url"]) == ("redirect", ELSEWHERE)
            assert (await closed(client))[0] == 1012

    play(port, act, "ann", "ben")

    async def come_again() -> None:
        async with connect(f"ws://127.0.0.1:{port}", compression=None, proxy=None) as client:
            await client.send(hello(token("ann")))
            told = await read(client)
            assert (told["type"], told["url"]) == ("redirect", ELSEWHERE)
            assert (await closed(client))[0] == 1012

    asyncio.run(asyncio.wait_for(come_again(), ASK_SECONDS_MAX))


def test_new_models_are_offered(system: Any, gateway: Any, tmp_path: Path) -> None:
    port = started(system, gateway, tmp_path)

    async def act(ann: ClientConnection) -> None:
        serve_model(SqliteStore(tmp_path))
        system.tell(gateway, ModelsChanged())
        offer = await read(ann)
        assert (offer["type"], offer["digest"]) == ("model", MODEL_DIGEST)
        await ann.send(msgpack.packb({"type": "get_model", "digest": MODEL_DIGEST, "offset": 0}))
        assert (await read(ann))["type"] == "model_part"

    play(port, act, "ann")


def test_exit_says_goodbye_to_devices_and_ends_the_process(system: Any, gateway: Any, tmp_path: Path) -> None:
    port = started(system, gateway, tmp_path)
    process = psutil.Process(system.ask(gateway, "pid", ASK_SECONDS_MAX))

    async def act(*clients: ClientConnection) -> None:
        system.tell(gateway, ActorExitRequest())
        for client in clients:
            assert await closed(client) == (1001, "the server stops")

    play(port, act, "ann", "ben")
    process.wait(EXIT_SECONDS_MAX)


def test_a_taken_port_is_answered_in_words(system: Any, gateway: Any, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        answer = system.ask(gateway, start_message(tmp_path, port=taken.getsockname()[1]), ASK_SECONDS_MAX)
    assert isinstance(answer, StartFailed)
    assert "cannot listen" in answer.message


@pytest.mark.parametrize("changed", [{"port": 70_000}, {"host": "no.such.host.invalid"}])
def test_an_address_that_is_none_is_answered_in_words(
    system: Any, gateway: Any, tmp_path: Path, changed: dict[str, Any]
) -> None:
    answer = system.ask(gateway, start_message(tmp_path, **changed), ASK_SECONDS_MAX)
    assert isinstance(answer, StartFailed), answer
    assert str(next(iter(changed.values()))) in answer.message
