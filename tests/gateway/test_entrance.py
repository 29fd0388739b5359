"""Real connections of an address of which too many ended badly: they wait unread, the others do not."""

from __future__ import annotations

import asyncio
import resource
import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from domain.errors import ConfigurationError
from gateway.devices.device_protocol import _NO_HTTP
from gateway.devices.entrance import Entrance
from tests.gateway.device_example import hello, make_tokens, message
from tests.gateway.server_rig import Rig, closed, read, run

STRICT: dict[str, Any] = {"strikes_at_once": 1, "strikes_per_second": 20.0}
FOREVER: dict[str, Any] = {
    "strikes_at_once": 1,
    "strikes_per_second": 0.01,
}  # once struck it waits
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def held(rig: Rig) -> int:
    return sum(len(waiting) for each in rig.server._entrances for waiting in each._held.values())


async def be_struck(rig: Rig, times: int = 1) -> None:
    for _ in range(times):
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
        writer.write(b"\x16\x03\x01")
        await reader.read()
        writer.close()


async def begin(rig: Rig) -> asyncio.Task[ClientConnection]:
    """A client that is held."""
    before = held(rig)
    task = asyncio.create_task(rig.connect(greet=hello()))
    await rig.until(lambda: held(rig) == before + 1)
    return task


def test_new_connections_of_a_struck_address_wait_and_then_are_served(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        inside = await rig.connect(greet=hello())
        await be_struck(rig, times=3)
        waiting = [await begin(rig) for _ in range(3)]
        await inside.send(message("open"))  # who is inside is served meanwhile
        await rig.until(lambda: len(rig.forwarded) == 1)
        await asyncio.gather(*waiting)
        assert held(rig) == 0

    run(tmp_path, play, **STRICT)


def test_other_addresses_do_not_wait(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        await be_struck(rig)
        waiting = await begin(rig)
        other = connect(f"ws://127.0.0.1:{rig.port}", proxy=None, local_addr=("127.0.0.2", 0))
        async with other as client:
            await client.send(hello())
            assert (await read(client))["type"] == "welcome"
        assert not waiting.done()
        waiting.cancel()

    run(tmp_path, play, **FOREVER)


def test_many_honest_devices_of_one_address_never_wait(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        for _ in range(30):
            client = await rig.connect(greet=hello())
            assert held(rig) == 0
            await client.close()

    run(tmp_path, play, **FOREVER)


def test_a_token_that_was_good_once_is_no_strike_and_a_forged_one_is(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        old = make_tokens().issue("ann", "device", -1)  # type: ignore[arg-type]
        for sent, worth in ((hello(old), 0.1), (hello("forged"), 1.1)):
            client = await rig.connect()
            await client.send(sent)
            assert (await read(client))["code"] == "not_authorised"
            assert (await closed(client))[0] == 1008
            await rig.until(lambda: rig.is_empty)
            left_s = rig.server._doorman._strikes._until_s["127.0.0.1"] - time.monotonic()
            assert left_s * 0.02 == pytest.approx(worth, abs=0.05)

    run(tmp_path, play, strikes_at_once=9, strikes_per_second=0.02)


def test_a_strangers_first_mistake_is_the_last(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        client = await rig.connect()
        (listener,) = rig.server._listeners.values()
        await client.send(b"\xc1")
        assert (await read(client))["code"] == "invalid_input"
        with suppress(Exception):
            await client.send(b"\xc1")
        await rig.until(
            lambda: not listener._transport or not listener._transport.underlying_transport.is_reading()
        )
        assert (await closed(client))[0] == 1008
        assert rig.server._doorman.wait_s("127.0.0.1") > 0

    run(tmp_path, play, **FOREVER)


def test_what_does_not_begin_as_http_is_answered_at_its_first_byte(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        for sent in (b"\x16", b"POST / HTTP/1.1\r\n", b"gE"):
            reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
            writer.write(sent)
            assert await reader.read() == _NO_HTTP
            writer.close()
        head, _, body = _NO_HTTP.partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head

    run(tmp_path, play)


@pytest.mark.parametrize("greeted", [True, False])
def test_of_a_frame_that_is_far_too_long_nothing_is_read_after_its_header(
    tmp_path: Path, greeted: bool
) -> None:
    async def play(rig: Rig) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
        writer.write(UPGRADE)
        await reader.readuntil(b"\r\n\r\n")
        if greeted:
            greeting = hello()
            writer.write(bytes([0x82, 0xFE]) + struct.pack(">H", len(greeting)) + bytes(4) + greeting)
            await reader.readexactly(2)
        (listener,) = rig.server._listeners.values()
        before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        writer.write(bytes([0x82, 0xFF]) + struct.pack(">Q", 1 << 40) + bytes(4))
        writer.transport.set_write_buffer_limits(high=1 << 16)
        with suppress(OSError):
            for _ in range(2_000):
                writer.write(bytes(1 << 16))
                await writer.drain()
        assert listener._is_closing
        assert rig.server._doorman.wait_s("127.0.0.1") > 0
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 64 << 10
        writer.transport.abort()

    run(tmp_path, play, **FOREVER)


def test_an_error_of_the_server_is_no_strike(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        client = await rig.connect(greet=hello())
        rig.server._forward = lambda envelope: 1 / 0  # type: ignore[assignment]
        await client.send(message("open"))
        assert (await closed(client))[0] == 1011
        await rig.until(lambda: rig.is_empty)
        assert rig.server._doorman.wait_s("127.0.0.1") == 0
        assert not rig.server._doorman._strikes._until_s

    run(tmp_path, play, **FOREVER)


def test_a_device_that_hangs_up_while_it_waits_gives_its_place_back(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        await be_struck(rig, times=2)
        waiting = await begin(rig)
        waiting.cancel()
        await rig.until(lambda: held(rig) == 0)
        await rig.until(lambda: rig.server._doorman._count == 0)

    run(tmp_path, play, strikes_at_once=1, strikes_per_second=4.0)


def test_who_waits_too_long_is_turned_away(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        await be_struck(rig)
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
        writer.write(UPGRADE)
        assert (await reader.read()).startswith(b"HTTP/1.1 503 ")
        writer.close()
        assert rig.server._doorman._count == 0

    run(tmp_path, play, hello_seconds=0.05, **FOREVER)


def test_those_who_wait_are_hung_up_when_the_server_stops(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        await be_struck(rig)
        waiting = await begin(rig)
        await rig.server.stop()
        with pytest.raises(Exception, match=r".*"):
            await waiting
        assert rig.server._doorman._count == 0
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", rig.port)

    run(tmp_path, play, **FOREVER)


def test_any_of_those_who_wait_may_be_next(tmp_path: Path) -> None:
    """The last that came comes in first here, as the choice says."""

    async def play(rig: Rig) -> None:
        (entrance,) = rig.server._entrances
        entrance._choose = lambda count: count - 1
        await be_struck(rig, times=3)
        waiting = [await begin(rig) for _ in range(3)]
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert waiting[0] not in done
        await asyncio.gather(*waiting)

    run(tmp_path, play, strikes_at_once=2, strikes_per_second=20.0)


def test_who_attacks_is_let_in_at_the_rate_alone(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        began_s = asyncio.get_running_loop().time()
        await asyncio.gather(*(be_struck(rig, times=5) for _ in range(5)))
        seconds = asyncio.get_running_loop().time() - began_s
        assert seconds > (25 - 5 - 1) / 200 - 0.05, "5 come in before the first is struck, then 200 a second"

    run(tmp_path, play, strikes_at_once=1, strikes_per_second=200.0)


@pytest.mark.parametrize("fails", ["accept", "address"])
def test_an_entrance_without_files_or_a_port_says_so(tmp_path: Path, fails: str) -> None:
    async def play(rig: Rig) -> None:
        made: Any = Entrance(rig.server._doorman, rig.server._limits, rig.server._protocol)
        if fails == "address":
            with pytest.raises(ConfigurationError, match="cannot listen on"):
                await made.open("127.0.0.1", rig.port)
            return
        port = await made.open("127.0.0.1", 0)

        class NoFiles:
            def fileno(self) -> int:
                return int(made._listening[0].fileno())

            def accept(self) -> None:
                raise OSError(24, "Too many open files")

        made._accept(NoFiles())
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        made._accept_again(made._listening[0])
        writer.write(b"x")
        assert await reader.read() == _NO_HTTP
        writer.close()
        made.close()

    run(tmp_path, play)
