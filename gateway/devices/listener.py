"""One device's picows connection: reads it while there is no reason to wait, writes, and hangs up."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Protocol

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from domain.errors import InvalidInput, MuvrError, TooSlow
from domain.identifiers import UserId
from gateway import counts
from gateway.devices import protocol
from gateway.devices.connection import Connection
from gateway.devices.connection_output import Output
from gateway.devices.doorman import Visit
from gateway.devices.limits import Limits

FRAME_BYTES_MAX = 4 * protocol.MESSAGE_BYTES_MAX  # what is too long is read so far, to be answered in words
IGNORED_MAX = 400  # messages of a device after the end, more than it may have on the way; of a stranger none
NO_WEBSOCKET = (WSCloseCode.PROTOCOL_ERROR, WSCloseCode.INVALID_TEXT, WSCloseCode.MESSAGE_TOO_BIG)
REASON_BYTES_MAX = 123  # RFC 6455, 5.5: a close frame holds 125 bytes with its code

log = logging.getLogger(__name__)


class Server(Protocol):
    """What a listener tells its server."""

    def joined(self, listener: DeviceListener) -> int:
        """A connection has begun; its number."""

    def take(self, number: int, output: Output) -> None:
        """Carry out what a connection asked for."""

    def gone(self, number: int) -> None:
        """A connection has ended."""


class DeviceListener(WSListener):
    """`connection` is the protocol's end of it.

    While there is a reason not to read, nothing more is read from the device, and what picows had read before
    is held. So what one connection can make the server keep is bounded in both directions.
    """

    def __init__(self, server: Server, connection: Connection, visit: Visit, limits: Limits) -> None:
        self.connection = connection
        self._server = server
        self._visit = visit
        self._limits = limits
        self._number = 0
        self._transport: WSTransport | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._pauses: set[str] = set()
        self._held: deque[bytes] = deque()
        self._is_closing = False
        self._ignored = 0

    @property
    def is_slow(self) -> bool:
        """The device does not read its replies."""
        return "slow" in self._pauses

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._number = self._server.joined(self)
        self._close_in(self._limits.hello_seconds, "no hello came in time")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind == WSMsgType.CLOSE:
            self._is_closing = True
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
            self._abort_in(self._limits.goodbye_seconds)
        elif self._is_closing:
            self._ignore(transport)
        elif kind == WSMsgType.PING or kind == WSMsgType.PONG:
            return
        elif kind != WSMsgType.BINARY or not frame.fin:
            error = InvalidInput("a text or fragmented message", expected="whole binary messages")
            self.refuse(error, WSCloseCode.UNSUPPORTED_DATA)
        elif frame.payload_size > protocol.MESSAGE_BYTES_MAX:
            self.refuse(protocol.too_long(frame.payload_size), WSCloseCode.MESSAGE_TOO_BIG)
        elif self._pauses:
            self._held.append(frame.get_payload_as_bytes())
        else:
            self._receive(frame.get_payload_as_bytes())

    def was_closed(self) -> None:
        """A close was sent. If picows refused what came, nothing more is read until it hangs up."""
        if self._is_closing or self._transport is None:
            return
        handshake = self._transport.close_handshake
        if handshake is not None and handshake.sent is not None and handshake.sent.code in NO_WEBSOCKET:
            self._is_closing = True
            self._visit.strike()
            self._transport.underlying_transport.pause_reading()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        for name in list(self._timers):
            self._cancel(name)
        self._held.clear()
        self._server.gone(self._number)

    def pause_writing(self) -> None:
        """The device does not read its replies: until it does, it is not read, which bounds what waits."""
        if not self._is_closing:
            self._pause("slow")
            self._set("slow", self._limits.slow_seconds, self._too_slow)

    def resume_writing(self) -> None:
        self._cancel("slow")
        self._unpause("slow")

    def answered(self, user: UserId, count: int) -> None:
        """`count` forwarded commands of `user` are answered."""
        self.connection.answered(user, count)
        if "full" in self._pauses and not self.connection.is_full:
            self._unpause("full")

    def send(self, data: bytes, *, droppable: bool = False) -> None:
        """Send a binary message; one that may be dropped is not queued for a device that does not read."""
        transport = self._transport
        if transport is None or self._is_closing or (droppable and self.is_slow):
            return
        transport.send(WSMsgType.BINARY, data)
        if self.is_slow and self._waiting_bytes() > self._limits.outgoing_bytes_max:
            self._too_slow()

    def close(self, code: WSCloseCode, reason: str, *, is_fault: bool = False) -> None:
        """Say why, wait a little for the device's own close, then hang up; a fault counts as a strike.

        Hanging up at once would make TCP throw away what the device has not read, the reason among it.
        """
        if self._transport is None or self._is_closing:
            return
        self._is_closing = True
        if is_fault:
            self._visit.strike()
        self._transport.send_close(code, reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore"))
        self._abort_in(self._limits.goodbye_seconds)
        self._held.clear()
        self._pauses.clear()
        self._transport.underlying_transport.resume_reading()  # only its own close counts now

    def refuse(self, error: MuvrError, code: WSCloseCode) -> None:
        """Tell the device what was wrong, and end the connection."""
        if self._transport is not None and not self._is_closing:
            self._transport.send(WSMsgType.BINARY, protocol.encode(protocol.error_message(error)))
            self.close(code, str(error), is_fault=True)

    def _ignore(self, transport: WSTransport) -> None:
        """It was told to go. What was on the way is passed over, but who floods is not read any more."""
        self._ignored += 1
        if self._ignored > (0 if self._visit.is_stranger else IGNORED_MAX):
            transport.underlying_transport.pause_reading()

    def _receive(self, data: bytes) -> None:
        counts.came(len(data))
        output = self.connection.receive(data)
        self._server.take(self._number, output)
        if self._visit.is_stranger and self.connection.is_authenticated:
            self._visit.known()
            self._cancel("hello")
        if output.pause_s:
            self._pause("rate")
            self._set("rate", output.pause_s, lambda: self._unpause("rate"))
        if self.connection.is_full:
            self._pause("full")

    def _pause(self, reason: str) -> None:
        if not self._pauses and self._transport is not None:
            self._transport.underlying_transport.pause_reading()
        self._pauses.add(reason)

    def _unpause(self, reason: str) -> None:
        """What was held comes first, as long as there is no other reason to wait."""
        self._pauses.discard(reason)
        while self._held and not self._pauses and not self._is_closing:
            self._receive(self._held.popleft())
        if not self._pauses and self._transport is not None and not self._transport.is_disconnected:
            self._transport.underlying_transport.resume_reading()

    def _waiting_bytes(self) -> int:
        assert self._transport is not None, "there is something to send on"
        size: int = self._transport.underlying_transport.get_write_buffer_size()
        return size

    def _too_slow(self) -> None:
        log.info("connection %d is closed: replies were not read", self._number)
        self.refuse(
            TooSlow("replies were not read", expected="a device that reads", remedy="connect again"),
            WSCloseCode.POLICY_VIOLATION,
        )

    def _close_in(self, seconds: float, why: str) -> None:
        def expire() -> None:
            log.info("connection %d is closed: %s", self._number, why)
            self.close(WSCloseCode.POLICY_VIOLATION, why)

        self._set("hello", seconds, expire)

    def _abort_in(self, seconds: float) -> None:
        def abort() -> None:
            if self._transport is not None:
                self._transport.disconnect(graceful=False)

        self._set("goodbye", seconds, abort)

    def _set(self, name: str, seconds: float, callback: Callable[[], None]) -> None:
        self._cancel(name)
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, callback)

    def _cancel(self, name: str) -> None:
        if (timer := self._timers.pop(name, None)) is not None:
            timer.cancel()
