"""Joins a device client to a real websocket: sends what it may, reconnects with backoff, stops when told."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from domain.errors import MuvrError, ProcessFailed
from edge.client import DeviceClient, is_retry
from edge.protocol import Message

BACKOFF_SECONDS = (0.1, 5.0)  # first and longest pause; doubles, with jitter, as in RFC 6455, 7.2.3
ATTEMPTS_MAX = 20
RETRY_SECONDS = 0.2


class DeviceConnection:
    """Runs a client against `url`. `notify` is given what the application should know."""

    def __init__(
        self, client: DeviceClient, url: str, notify: Callable[[Message], None], rng: random.Random
    ) -> None:
        self._client = client
        self._url = url
        self._notify = notify
        self._rng = rng
        self._changed = asyncio.Event()  # there may be something to send, or nothing left to wait for
        self._progress = asyncio.Condition()
        self._stopping = False

    def changed(self) -> None:
        """The client has recorded something."""
        self._changed.set()

    def stop(self) -> None:
        """Close the connection; what is unacknowledged stays in the outbox."""
        self._stopping = True
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is looked at after every message of the server."""
        async with self._progress:
            await self._progress.wait_for(condition)

    async def run(self) -> None:
        """Serve until `stop`; raises what the server or the client found wrong for good."""
        failures = 0
        while not self._stopping:
            try:
                async with connect(self._url, compression=None, max_size=1 << 20, proxy=None) as socket:
                    await self._serve(socket)
            except (OSError, ConnectionClosed, InvalidHandshake) as error:
                if failures >= ATTEMPTS_MAX:
                    raise ProcessFailed(
                        f"{self._url} cannot be reached ({error})", remedy="start the node, or correct the URL"
                    ) from error
            if not self._stopping:
                failures = 0 if self._client.is_welcome else failures + 1
                first, longest = BACKOFF_SECONDS
                await asyncio.sleep(min(longest, first * 2**failures) * self._rng.uniform(0.5, 1.0))

    async def _serve(self, socket: ClientConnection) -> None:
        await socket.send(self._client.hello())
        reader = asyncio.create_task(self._read(socket))
        try:
            while not self._stopping and not reader.done():
                self._changed.clear()
                for data in self._client.to_send():
                    await socket.send(data)
                await self._changed.wait()
        finally:
            await socket.close()
            await asyncio.gather(reader, return_exceptions=True)
        if not reader.cancelled() and (error := reader.exception()) is not None:
            raise error

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for data in socket:
                await self._take(data if isinstance(data, bytes) else data.encode())
        finally:
            self._changed.set()

    async def _take(self, data: bytes) -> None:
        try:
            message = self._client.receive(data)
        except MuvrError:
            self._stopping = True
            raise
        if message is not None:
            self._notify(message)
            if is_retry(message):
                await asyncio.sleep(RETRY_SECONDS)
                self._client.retry()
        self._changed.set()
        async with self._progress:
            self._progress.notify_all()
