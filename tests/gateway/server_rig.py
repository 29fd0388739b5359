"""A device server beside its clients in one loop, for tests with real websockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgpack
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from actors.messages import Envelope
from gateway.devices.limits import Limits
from gateway.devices.server import DeviceServer
from persistence.sqlite import SqliteStore
from tests.gateway.device_example import make_tokens, offers_of, serve_model

NEVER_SECONDS = 3600.0


class Rig:
    """A server in this loop; `forwarded` is what it passed on."""

    def __init__(self, server: DeviceServer, exit_stack: AsyncExitStack) -> None:
        self.server = server
        self.forwarded: list[Envelope] = []
        self.port = 0
        self._exit_stack = exit_stack

    async def connect(self, *, greet: bytes | None = None) -> ClientConnection:
        """A connection; with `greet`, one that was welcomed."""
        url = f"ws://127.0.0.1:{self.port}"
        opening = connect(url, compression=None, proxy=None, ping_interval=None, close_timeout=5)
        client = await self._exit_stack.enter_async_context(opening)
        if greet is not None:
            await client.send(greet)
            assert (await read(client))["type"] == "welcome"
        return client

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is looked at whenever the loop has nothing else to do."""
        while not condition():
            await asyncio.sleep(0)

    @property
    def is_empty(self) -> bool:
        return not self.server._listeners and not self.server._by_user


async def read(client: ClientConnection) -> dict[str, Any]:
    data = await client.recv()
    assert isinstance(data, bytes)
    decoded: dict[str, Any] = msgpack.unpackb(data)
    return decoded


async def closed(client: ClientConnection) -> tuple[int | None, str | None]:
    """How the server ended a connection, once it has; messages before it are dropped."""
    try:
        while True:
            await client.recv()
    except ConnectionClosed:
        return client.close_code, client.close_reason


def run(
    directory: Path,
    play: Callable[[Rig], Awaitable[None]],
    *,
    with_model: bool = False,
    loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
    **limits: Any,
) -> None:
    """Run `play` beside a server in one loop; afterwards the server must have forgotten everyone."""
    kept = {"hello_seconds": NEVER_SECONDS, "slow_seconds": NEVER_SECONDS} | limits

    async def main() -> None:
        store = SqliteStore(directory)
        if with_model:
            serve_model(store)
        async with AsyncExitStack() as exit_stack:
            forwarded: list[Envelope] = []
            server = DeviceServer(make_tokens(), offers_of(store), Limits(**kept), forwarded.append)
            rig = Rig(server, exit_stack)
            rig.forwarded = forwarded
            rig.port = await server.start("127.0.0.1", 0)
            await play(rig)
        await rig.until(lambda: rig.is_empty)
        await server.stop()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())
