"""picows' end of a connection, which leaves a stranger's mistakes unread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from picows import WSAutoPingStrategy, WSListener, WSUpgradeRequest
from picows.picows import WSProtocol  # type: ignore[attr-defined]

from gateway.devices.doorman import Visit
from gateway.devices.limits import Limits
from gateway.devices.seldom import Seldom

READ_BUFFER_BYTES = 2048  # to begin with; it grows with what a device sends

_BEGINNING = b"GET "
_NO_HTTP = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 77\r\n\r\n"
    b"expected a websocket handshake, without TLS unless the node has a certificate"
)


class _PicowsLog(logging.LoggerAdapter):  # type: ignore[type-arg]
    """One for all connections: of a plain logger picows would make one for each, of which it tells all."""

    def __init__(self) -> None:
        super().__init__(logging.getLogger("picows.server"))
        self.logger.setLevel(logging.WARNING)
        self._seldom = Seldom(self.logger)

    def error(self, msg: object, *args: object, **_: Any) -> None:
        """What a device sent is no websocket frame, or a too long one."""
        self._seldom(str(msg), *args)


_picows_log = _PicowsLog()


class DeviceProtocol(WSProtocol):
    """`accept` makes the listener of a connection that has shaken hands."""

    def __init__(
        self,
        visit: Visit,
        limits: Limits,
        frame_bytes_max: int,
        accept: Callable[[Visit], WSListener],
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
        self._visit = visit
        self._accept = accept
        self._has_begun = False

    def buffer_updated(self, nbytes: int) -> None:
        """After a frame that it refuses picows would read on, as much as is said to follow."""
        if self.listener is None:
            self._shake_hands(nbytes)
            return
        super().buffer_updated(nbytes)
        if self.transport.is_close_frame_sent:
            self.listener.was_closed()

    def connection_lost(self, exception: Exception | None) -> None:
        super().connection_lost(exception)
        self._visit.leave()

    def _shake_hands(self, nbytes: int) -> None:
        connection = self.transport.underlying_transport
        if not self._has_begun:
            self._has_begun = True
            beginning = bytes(self.get_buffer(-1)[: min(nbytes, len(_BEGINNING))])  # where they were read to
            if not _BEGINNING.startswith(beginning):
                self._visit.strike()
                connection.write(_NO_HTTP)
                connection.close()
                return
        super().buffer_updated(nbytes)
        if connection.is_closing():
            self._visit.strike()

    def _accepted(self, request: WSUpgradeRequest) -> Any:
        return self._accept(self._visit)
