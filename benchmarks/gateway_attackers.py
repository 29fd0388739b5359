"""Those who mean ill: 100 connections at a time, until stdin ends. Then it prints what they did.

    python -m benchmarks.gateway_attackers slowloris|oversized|garbage PORT

`slowloris` sends a handshake byte by byte, `oversized` messages of 1 MiB after it, `garbage` random
bytes as messages as fast as they are taken. Who is cut off comes again at once.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

import uvloop

CONNECTIONS = 100
DRIBBLE_SECONDS = 0.05
PAUSE_SECONDS = 0.01  # of who was refused
MASK = bytes(4)
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
done: Counter[str] = Counter()


def _message(payload: bytes) -> bytes:
    """A masked binary websocket frame; the mask of nought leaves the payload as it is."""
    size = len(payload)
    if size < 126:
        return bytes([0x82, 0x80 | size]) + MASK + payload
    if size < 1 << 16:
        return bytes([0x82, 0xFE]) + size.to_bytes(2, "big") + MASK + payload
    return bytes([0x82, 0xFF]) + size.to_bytes(8, "big") + MASK + payload


async def slowloris(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for byte in UPGRADE:
        writer.write(bytes([byte]))
        await writer.drain()
        done["bytes"] += 1
        await asyncio.sleep(DRIBBLE_SECONDS)


async def oversized(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _shake(reader, writer)
    writer.write(_message(bytes(1 << 20)))
    await writer.drain()
    done["messages"] += 1
    await reader.read(1 << 16)


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _shake(reader, writer)
    while not reader.at_eof():
        writer.write(_message(os.urandom(200)) * 50)
        await writer.drain()
        done["messages"] += 50
        await asyncio.sleep(0)


async def _shake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(UPGRADE)
    await reader.readuntil(b"\r\n\r\n")


ATTACKS: dict[str, Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]] = {
    "slowloris": slowloris,
    "oversized": oversized,
    "garbage": garbage,
}


async def _keep_on(attack: str, port: int) -> None:
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            done["connections"] += 1
            try:
                await ATTACKS[attack](reader, writer)
            finally:
                writer.transport.abort()
        except (OSError, asyncio.IncompleteReadError):
            await asyncio.sleep(PAUSE_SECONDS)


async def main(attack: str, port: int) -> None:
    tasks = [asyncio.create_task(_keep_on(attack, port)) for _ in range(CONNECTIONS)]
    print("begun", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps(done), flush=True)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
