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
    decode_envelopes,
    encode_addressed,
)
from actors.node import actor_system
from domain.commands import session_of
from domain.replies import Acknowledged
from gateway.device_actor import DeviceGatewayActor, StartGateway
from gateway.server import Limits
from persistence.sqlite import SqliteStore
from tests.gateway.device_example import MODEL_DIGEST, hello, make_tokens, message, serve_model, token
from tests.gateway.server_rig import closed, read

ASK_SECONDS_MAX = 30
EXIT_SECONDS_MAX = 30


class FakeShardHost(ActorTypeDispatcher):
    """Answers each batch at once, or keeps it; any text asks how many came, and `keep` to keep them."""

    def __init__(self) -> None:
        super().__init__()
        self._keeps = False
        self._batches: list[int] = []

    def receiveMsg_str(self, message: str, sender: Any) -> None:  # noqa: N802
        if message == "keep":
            self._keeps = True
        self.send(sender, len(self._batches))

    def receiveMsg_ShardBatch(self, message: ShardBatch, sender: Any) -> None:  # noqa: N802
        self._batches.append(message.number)
        if self._keeps:
            return
        replies = [
            Addressed(
                envelope.connection,
                envelope.user,
                Acknowledged(session=session_of(envelope.command), stream="", next_nr=1),  # type: ignore[arg-type]
            )
            for envelope in decode_envelopes(message.envelopes)
        ]
        self.send(sender, ShardAnswer(message.number, encode_addressed(replies)))


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
        "shard_hosts": ("shard-host-0",),
    }
    return StartGateway(**(fields | changed))


def started(system: Any, gateway: Any, directory: Path, **changed: Any) -> int:
    answer = system.ask(gateway, start_message(directory, **changed), ASK_SECONDS_MAX)
    assert isinstance(answer, Started), answer
    assert answer.port
    return answer.port


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
    hosts = {f"shard-host-{number}": system.createActor(FakeShardHost) for number in range(2)}
    port = started(system, gateway, tmp_path, shard_hosts=tuple(hosts))
    system.tell(gateway, Directory(hosts))
    users = [f"user-{number}" for number in range(8)]

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
