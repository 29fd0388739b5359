"""Who may come in: connections are counted from their first byte on, before any handshake."""

from __future__ import annotations

import asyncio
import logging
from asyncio import Transport
from collections import Counter
from collections.abc import Callable
from typing import Any

from picows import WSAutoPingStrategy, WSListener, WSUpgradeRequest
from picows.picows import WSProtocol  # type: ignore[attr-defined]

from gateway import counts
from gateway.limits import Limits

READ_BUFFER_BYTES = 2048  # to begin with; it grows with what a device sends

_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 42\r\n\r\n"
    b"all connections are taken; try again later"
)

log = logging.getLogger(__name__)
# One adapter for all: of a plain logger picows would make one for each connection, of which it tells all.
_picows_log = logging.LoggerAdapter(logging.getLogger("picows.server"))
_picows_log.logger.setLevel(logging.WARNING)


class Visit:
    """A connection from an address; a stranger until it is `known`."""

    __slots__ = ("_doorman", "address", "is_stranger")

    def __init__(self, doorman: Doorman, address: str) -> None:
        self._doorman = doorman
        self.address = address
        self.is_stranger = True

    def known(self) -> None:
        """The device has said who it is."""
        if self.is_stranger:
            self.is_stranger = False
            self._doorman.stranger_gone(self.address)


class Doorman:
    """Counts connections, and of each address those that are not authenticated."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._count = 0
        self._strangers: Counter[str] = Counter()

    def enter(self, address: str) -> Visit | None:
        """None if there is no place."""
        if self._count >= self._limits.connections_max:
            log.warning("a connection of %s was turned away: there are %d", address, self._count)
            counts.turned_away()
            return None
        if self._strangers[address] >= self._limits.strangers_max:
            log.warning("a connection of %s was turned away: too many of it said no hello", address)
            counts.turned_away()
            return None
        self._count += 1
        self._strangers[address] += 1
        return Visit(self, address)

    def leave(self, visit: Visit) -> None:
        self._count -= 1
        visit.known()

    def stranger_gone(self, address: str) -> None:
        self._strangers[address] -= 1
        if not self._strangers[address]:
            del self._strangers[address]


class DeviceProtocol(WSProtocol):
    """picows' end of a connection, for which the doorman is asked first; `accept` makes its listener."""

    def __init__(
        self, doorman: Doorman, limits: Limits, frame_bytes_max: int, accept: Callable[[Visit], WSListener]
    ) -> None:
        super().__init__(
            None,  # host and port, path: of clients
            None,
            False,
            self._accepted,
            _picows_log,
            True,  # disconnect on exceptions
            limits.hello_seconds,
            True,  # ping
            limits.ping_seconds,
            limits.pong_seconds,
            WSAutoPingStrategy.PING_WHEN_IDLE,
            True,  # answer pings
            frame_bytes_max,
            None,  # more headers
            READ_BUFFER_BYTES,
        )
        self._doorman = doorman
        self._accept = accept
        self._visit: Visit | None = None

    def connection_made(self, transport: Transport) -> None:
        peer = transport.get_extra_info("peername")
        self._visit = self._doorman.enter(peer[0] if peer else "")
        if self._visit is None:
            transport.write(_FULL)
            # Not at once: the loop still has to begin to read it, and may not do so with a closed file.
            asyncio.get_running_loop().call_soon(transport.close)
            return
        super().connection_made(transport)

    def connection_lost(self, exception: Exception | None) -> None:
        if self._visit is not None:
            self._doorman.leave(self._visit)
            super().connection_lost(exception)

    def _accepted(self, request: WSUpgradeRequest) -> Any:
        assert self._visit is not None, "who was turned away is not read"
        return self._accept(self._visit)
