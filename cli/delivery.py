"""A device's client on its connection, and waiting until the server has answered."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from types import TracebackType

from domain.errors import ProcessFailed
from edge.client import DeviceClient
from edge.connection import DeviceConnection
from edge.protocol import Message

PENDING_MAX = 64  # messages recorded ahead of the server's acknowledgements
ACK_SECONDS_MAX = 30.0


class Delivery:
    """Within `async with` the client is connected, and connects again when that breaks."""

    def __init__(
        self,
        client: DeviceClient,
        url: str,
        notify: Callable[[Message], None],
        seed: str,
        *,
        more_urls: Sequence[str] = (),
    ) -> None:
        self.client = client
        self._notify = notify
        self._connection = DeviceConnection(client, url, self._told, random.Random(seed), more_urls=more_urls)
        self._refusal: Message | None = None  # the last that asked to try again
        self._running: asyncio.Task[None]

    async def __aenter__(self) -> Delivery:
        self._running = asyncio.create_task(self._connection.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.stop()
        await asyncio.gather(self._running, return_exceptions=True)

    def changed(self) -> None:
        """The client has recorded something."""
        self._connection.changed()

    async def has_room(self) -> None:
        """Wait until few enough messages are unacknowledged to record more."""
        self.changed()
        if len(self.client.outbox) >= PENDING_MAX:
            await self.until(lambda: len(self.client.outbox) < PENDING_MAX, "no acknowledgement")

    async def until(self, condition: Callable[[], bool], wrong: str) -> None:
        """Wait for `condition`; raises what ended the connection, or ProcessFailed when it takes too long."""
        waiting = asyncio.create_task(self._connection.until(condition))
        await asyncio.wait(
            {waiting, self._running}, timeout=ACK_SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED
        )
        if waiting.done():
            return
        waiting.cancel()
        if self._running.done():
            self._running.result()
        if self._refusal is not None:
            raise ProcessFailed(
                f"the server refuses what is sent: {self._refusal['wrong']}",
                remedy=self._refusal.get("remedy") or "see the node's log",
            )
        raise ProcessFailed(f"{wrong} for {ACK_SECONDS_MAX:g} s", remedy="see the node's log")

    def _told(self, message: Message) -> None:
        if message["type"] == "error":
            self._refusal = message
        self._notify(message)
