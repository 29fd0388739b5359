"""The live view as server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import msgspec
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from domain.errors import NotAuthorised
from domain.identifiers import UserId
from gateway.api.live import LiveChanges, LiveView, Subscription

EVENT_INTERVAL_SECONDS = 0.1  # between two events of a stream: what changes meanwhile goes together
HEARTBEAT_SECONDS = 15.0  # a comment in silence, so that proxies and both ends notice a broken connection
RECONNECT_MS = 2_000


class LiveEvents(StreamingResponse):
    """A stream of `live` events, each a LiveChanges, the first one complete.

    `still_allowed` is called at each heartbeat and raises NotAuthorised to end the stream. Made on the event
    loop that serves it; raises TooManyReaders.
    """

    def __init__(self, live: LiveView, user: UserId | None, still_allowed: Callable[[], object]) -> None:
        wake, woken = _bell()
        self._subscription = live.subscribe(wake, user)
        super().__init__(
            _events(self._subscription, woken, still_allowed),
            media_type="text/event-stream",
            headers={"X-Accel-Buffering": "no"},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._subscription.close()


def _bell() -> tuple[Callable[[], None], asyncio.Event]:
    """A function that any thread may call, and the event of this loop that it sets."""
    loop, woken = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed, its readers with it
            loop.call_soon_threadsafe(woken.set)

    return wake, woken


async def _events(
    subscription: Subscription, woken: asyncio.Event, still_allowed: Callable[[], object]
) -> AsyncIterator[bytes]:
    try:
        yield f"retry: {RECONNECT_MS}\n\n".encode()
        while not subscription.ended:
            woken.clear()
            changes = subscription.take()
            if changes is not None:
                yield _event(changes)
                await asyncio.sleep(EVENT_INTERVAL_SECONDS)
            try:
                await asyncio.wait_for(woken.wait(), HEARTBEAT_SECONDS)
            except TimeoutError:
                still_allowed()
                yield b": still here\n\n"
    except NotAuthorised:
        return  # the token has expired: the reader connects again and is told so


def _event(changes: LiveChanges) -> bytes:
    return b"event: live\ndata: " + msgspec.json.encode(changes) + b"\n\n"
