"""Joins a device client to real websockets: sends what it may, follows redirects, reconnects with backoff."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from domain.errors import ProcessFailed
from edge.addresses import Addresses
from edge.client import DeviceClient, is_retry
from edge.protocol import Message

BACKOFF_SECONDS = (0.1, 2.0)  # first and longest pause; doubles, with jitter, as in RFC 6455, 7.2.3
ATTEMPTS_MAX = 40
OPEN_SECONDS = 3.0  # for a connection to be made
PING_SECONDS = (4.0, 6.0)  # between pings, and for the answer: a machine that is gone says nothing
CLOSE_SECONDS = 1.0
RETRY_SECONDS = 0.2
CLOSE_FAILED = 1011
CLOSE_LEAVING = (1001, 1012)  # RFC 6455 and IANA's registry: going away, service restart


class DeviceConnection:
    """Runs a client against the node at `url`, or one at `more_urls` where that is not reached.

    `notify` is given what the application should know. Raises InvalidInput for what is no websocket address.
    """

    def __init__(
        self,
        client: DeviceClient,
        url: str,
        notify: Callable[[Message], None],
        rng: random.Random,
        *,
        more_urls: Sequence[str] = (),
    ) -> None:
        self._client = client
        self._addresses = Addresses((url, *more_urls))
        self._notify = notify
        self._rng = rng
        self._changed = asyncio.Event()  # there may be something to send, or nothing left to wait for
        self._progress = asyncio.Condition()
        self._stopped = asyncio.Event()
        self._retry: asyncio.TimerHandle | None = None  # while it waits, nothing is sent
        self._is_leaving = False  # the server, by the close code of the last connection

    def changed(self) -> None:
        """The client has recorded something."""
        self._changed.set()

    def stop(self) -> None:
        """Close the connection; what is unacknowledged stays in the outbox."""
        self._stopped.set()
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is looked at after every message of the server."""
        async with self._progress:
            await self._progress.wait_for(condition)

    async def run(self) -> None:
        """Serve until `stop`; raises what the server or the client found wrong for good."""
        while not self._stopped.is_set():
            url, error = self._addresses.url, await self._attempt()
            self._client.disconnected()
            is_at_once = self._addresses.ended(is_leaving=self._is_leaving)
            if self._addresses.failures > ATTEMPTS_MAX:
                raise ProcessFailed(
                    f"{url} cannot be reached ({error})", remedy="start the node, or correct the URL"
                ) from error
            wait_s = self._addresses.wait_s + (0.0 if is_at_once else self._backoff_s())
            if wait_s and not self._stopped.is_set():
                await self._pause(wait_s)

    async def _attempt(self) -> Exception | None:
        """One connection, from its beginning to its end; what ended it, if that may pass."""
        self._is_leaving = False
        try:
            async with self._connect() as socket:
                await self._serve(socket)
        except (OSError, ConnectionClosed, InvalidHandshake, InvalidURI) as error:
            return error
        return None

    def _connect(self) -> connect:
        ping_interval, ping_timeout = PING_SECONDS
        return connect(
            self._addresses.url,
            compression=None,
            max_size=1 << 20,
            proxy=None,
            open_timeout=OPEN_SECONDS,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            close_timeout=CLOSE_SECONDS,
        )

    def _backoff_s(self) -> float:
        first, longest = BACKOFF_SECONDS
        return min(longest, first * 2.0**self._addresses.failures) * self._rng.uniform(0.5, 1.0)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)

    async def _serve(self, socket: ClientConnection) -> None:
        await socket.send(self._client.hello())
        reader = asyncio.create_task(self._read(socket))
        try:
            while not (self._stopped.is_set() or reader.done() or self._addresses.is_redirected):
                self._changed.clear()
                for data in self._client.to_send() if self._retry is None else ():
                    await socket.send(data)
                await self._changed.wait()
        except ConnectionClosed:
            pass  # the reader has seen it too, and perhaps why
        finally:
            if self._retry is not None:
                self._retry.cancel()
                self._retry = None
            await socket.close()
            self._is_leaving = socket.close_code in CLOSE_LEAVING or _fell_silent(socket)
            await asyncio.gather(reader, return_exceptions=True)
        await reader

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for data in socket:
                await self._take(data if isinstance(data, bytes) else data.encode())
        finally:
            self._changed.set()

    async def _take(self, data: bytes) -> None:
        message = self._client.receive(data)
        if self._client.is_welcome:
            self._addresses.welcomed()
        if message is not None and message["type"] == "redirect":
            self._addresses.redirected(message["url"], message.get("wait_ms") or 0)
        elif message is not None and message["type"] == "leaving":
            self._addresses.told_to_wait(message["wait_ms"])
        elif message is not None:
            self._notify(message)
            if is_retry(message) and self._retry is None:
                self._retry = asyncio.get_running_loop().call_later(RETRY_SECONDS, self._send_again)
        self._changed.set()
        async with self._progress:
            self._progress.notify_all()

    def _send_again(self) -> None:
        """All refusals of one failed write have come by now: one repetition answers them."""
        self._retry = None
        self._client.retry()
        self._changed.set()


def _fell_silent(socket: ClientConnection) -> bool:
    """A ping was not answered, so that this end has failed the connection."""
    sent = socket.protocol.close_sent
    return socket.protocol.close_rcvd is None and sent is not None and sent.code == CLOSE_FAILED
