"""A device that does not read its replies costs little, loses no answer and is cut off in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest
import uvloop
from websockets.asyncio.client import ClientConnection

from actors.messages import Addressed
from domain.identifiers import SessionId, StreamId, UserId
from domain.replies import Acknowledged, RestBegan
from gateway.devices import protocol
from tests.gateway.device_example import (
    MODEL_DIGEST,
    MODEL_FILE,
    hello,
)
from tests.gateway.server_rig import Rig, read, run

ANN, BEN, CAT = UserId("ann"), UserId("ben"), UserId("cat")


def acknowledged(next_nr: int = 1) -> Acknowledged:
    return Acknowledged(session=SessionId("s"), stream=StreamId(""), next_nr=next_nr)


async def stalled(rig: Rig) -> tuple[ClientConnection, Any]:
    """A client that asks for parts of a model and reads none, with the server's end of it."""
    client = await rig.connect(greet=hello())
    (listener,) = rig.server._listeners.values()
    asked = msgpack.packb({"type": "get_model", "digest": MODEL_DIGEST, "offset": 0})
    client.transport.pause_reading()
    while not listener.is_slow:
        await client.send(asked)
        await asyncio.sleep(0)  # the server's turn
    return client, listener


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_who_does_not_read_is_cut_off(tmp_path: Path, loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def play(rig: Rig) -> None:
        client, _ = await stalled(rig)
        await rig.until(lambda: rig.is_empty)
        client.transport.abort()

    run(tmp_path, play, loop=loop, with_model=True, slow_seconds=0.05, goodbye_seconds=0.05)


def test_who_does_not_read_is_not_read_so_that_little_waits(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        client, listener = await stalled(rig)
        asked = msgpack.packb({"type": "get_model", "digest": MODEL_DIGEST, "offset": 0})
        sending = asyncio.create_task(send_all(client, [asked] * 5000))
        for _ in range(2000):
            await asyncio.sleep(0)
        assert listener._transport.underlying_transport.get_write_buffer_size() < 16 << 20
        client.transport.resume_reading()  # it catches up, and nothing is lost
        for _ in range(5000):
            assert len((await read(client))["data"]) == protocol.MODEL_PART_BYTES
        await sending
        assert not listener.is_slow
        client.transport.abort()

    run(tmp_path, play, with_model=True)


async def send_all(client: ClientConnection, messages: list[bytes]) -> None:
    for data in messages:
        await client.send(data)


def test_live_replies_are_dropped_for_who_does_not_read_and_answers_are_kept(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        client, listener = await stalled(rig)
        waiting = listener._transport.underlying_transport.get_write_buffer_size
        before = waiting()
        rig.server.deliver([Addressed(None, ANN, RestBegan(session=SessionId("s"), since_ms=1))] * 100, [])
        rig.server.offer([MODEL_DIGEST])
        assert waiting() == before
        rig.server.deliver([Addressed(listener._number, ANN, acknowledged())], [])
        assert waiting() > before
        client.transport.resume_reading()
        while (received := await read(client))["type"] == "model_part":
            pass
        assert received["type"] == "ack"

    run(tmp_path, play, with_model=True)


def test_stop_does_not_wait_for_who_never_says_goodbye(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        client, _ = await stalled(rig)
        await rig.server.stop()
        assert rig.is_empty
        client.transport.abort()

    run(tmp_path, play, with_model=True, goodbye_seconds=0.05)


def test_new_models_are_offered_to_who_is_welcome(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        client, stranger = await rig.connect(greet=hello()), await rig.connect()
        rig.server.offer([MODEL_DIGEST])
        assert await read(client) == {
            "type": "model",
            "model": "m-1",
            "sensor_set": "a@50",
            "digest": MODEL_DIGEST,
            "bytes": len(MODEL_FILE),
        }
        await stranger.send(b"\xc1")
        assert (await read(stranger))["type"] == "error"  # and no offer before it

    run(tmp_path, play, with_model=True)
