"""The websocket server in front of the connections: picows listeners, limits, and delivery of replies."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from http import HTTPStatus

from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from actors.messages import Addressed, Envelope
from domain.errors import ConfigurationError, InvalidInput, MuvrError
from domain.identifiers import UserId
from domain.replies import DirectReply, PassingReply
from gateway import counts, protocol
from gateway.auth import Tokens
from gateway.connection import Connection, Output
from gateway.offers import Offers
from gateway.routes import Routes

log = logging.getLogger(__name__)

FRAME_BYTES_MAX = 4 * protocol.MESSAGE_BYTES_MAX  # what is too long is read so far, to be answered in words
REASON_BYTES_MAX = 123  # RFC 6455, 5.5: a close frame holds 125 bytes with its code
PING_IDLE_SECONDS = 20.0
PING_REPLY_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds of a server. `hello_seconds` is how long a connection may stay unauthenticated,
    `slow_seconds` how long a device may leave its replies unread, `goodbye_seconds` how long it may take to
    answer a close.
    """

    connections_max: int = 20_000
    hello_seconds: float = 10.0
    slow_seconds: float = 15.0
    goodbye_seconds: float = 1.0


class DeviceServer:
    """Runs in one asyncio loop. `forward` takes checked commands; `deliver` brings their replies back."""

    def __init__(
        self, tokens: Tokens, offers: Offers, limits: Limits, forward: Callable[[Envelope], None]
    ) -> None:
        self._tokens = tokens
        self._offers = offers
        self._limits = limits
        self._forward = forward
        self._listeners: dict[int, _Listener] = {}
        self._by_user: dict[UserId, set[int]] = {}
        self._routes = Routes(())
        # Replies may come late, for connections of an earlier gateway: no number is used twice.
        self._next_number = time.time_ns()
        self._server: asyncio.Server | None = None
        self._all_gone = asyncio.Event()

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port. Raises ConfigurationError if it cannot be had."""
        try:
            self._server = await ws_create_server(
                self._accept,
                host,
                port,
                max_frame_size=FRAME_BYTES_MAX,
                websocket_handshake_timeout=self._limits.hello_seconds,
                enable_auto_ping=True,
                auto_ping_idle_timeout=PING_IDLE_SECONDS,
                auto_ping_reply_timeout=PING_REPLY_SECONDS,
            )
        except (OSError, OverflowError) as error:
            raise ConfigurationError(
                f"the device gateway cannot listen on {host}:{port}: {getattr(error, 'strerror', error)}",
                remedy="choose another port with --gateway-port, or stop what uses it",
            ) from error
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Stop listening, say goodbye and wait until all are gone; devices keep what is unacknowledged."""
        if self._server is not None:
            self._server.close()
        self._all_gone.clear()
        for listener in list(self._listeners.values()):
            listener.close(WSCloseCode.GOING_AWAY, "the server stops")
        if self._listeners:
            await self._all_gone.wait()  # at most goodbye_seconds

    def deliver(self, replies: list[Addressed], answered: list[int]) -> None:
        """Send replies; `answered` names the connection of each command that they complete."""
        for number, count in Counter(answered).items():
            if (listener := self._listeners.get(number)) is not None:
                listener.connection.answered(count)
        for addressed in replies:
            assert not isinstance(addressed.reply, DirectReply), "it answers the API alone"
            data = protocol.encode(protocol.message_of(addressed.user, addressed.reply))
            if addressed.connection is not None:
                self._send(addressed.connection, data)
                continue
            for number in self._by_user.get(addressed.user, ()):
                self._send(number, data, droppable=isinstance(addressed.reply, PassingReply))

    def reroute(self, routes: Routes) -> None:
        """Tell the devices of users whom another node serves from now on."""
        self._routes = routes
        for user, numbers in list(self._by_user.items()):
            if (url := routes.elsewhere(user)) is not None:
                for number in tuple(numbers):
                    self.take(number, self._listeners[number].connection.redirect(user, url))

    def offer(self, digests: Collection[str]) -> None:
        """Tell every authenticated device of the new models that are for it."""
        for listener in list(self._listeners.values()):
            for offer in listener.connection.news(digests):
                listener.send(protocol.encode(offer), droppable=True)

    def joined(self, listener: _Listener) -> int:
        """A connection has begun; its number."""
        self._next_number += 1
        self._listeners[self._next_number] = listener
        counts.joined(len(self._listeners))
        return self._next_number

    def take(self, number: int, output: Output) -> None:
        """Carry out what a connection asked for."""
        listener = self._listeners[number]
        for user in output.joined:
            self._by_user.setdefault(user, set()).add(number)
        for user in output.left:
            self._leave(user, number)
        for message in output.send:
            counts.told(message)
            listener.send(protocol.encode(message))
        for user, command in output.forward:
            self._forward(Envelope(number, user, command))
        if output.close_code is not None:
            listener.close(WSCloseCode(output.close_code), output.close_reason)

    def gone(self, number: int) -> None:
        """A connection has ended: forget it."""
        listener = self._listeners.pop(number, None)
        if listener is None:
            return
        counts.left(len(self._listeners))
        for user in listener.connection.users:
            self._leave(user, number)
        if not self._listeners:
            self._all_gone.set()

    def _accept(self, request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener:
        """Called before the request is checked, so it is counted only once it is connected."""
        if len(self._listeners) >= self._limits.connections_max:
            log.warning("a connection was turned away: there are %d", len(self._listeners))
            counts.turned_away()
            full = WSUpgradeResponse.create_error_response(
                HTTPStatus.SERVICE_UNAVAILABLE, b"all connections are taken; try again later"
            )
            return WSUpgradeResponseWithListener(full, None)
        return _Listener(self, Connection(self._tokens, self._offers, self._elsewhere), self._limits)

    def _elsewhere(self, user: UserId) -> str | None:
        return self._routes.elsewhere(user)

    def _leave(self, user: UserId, number: int) -> None:
        numbers = self._by_user.get(user, set())
        numbers.discard(number)
        if not numbers:
            self._by_user.pop(user, None)

    def _send(self, number: int, data: bytes, *, droppable: bool = False) -> None:
        if (listener := self._listeners.get(number)) is not None:
            listener.send(data, droppable=droppable)


class _Listener(WSListener):
    """One picows connection."""

    def __init__(self, server: DeviceServer, connection: Connection, limits: Limits) -> None:
        self.connection = connection
        self._server = server
        self._number = 0
        self._limits = limits
        self._transport: WSTransport | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._is_slow = False
        self._is_closing = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._number = self._server.joined(self)
        self._close_in(self._limits.hello_seconds, "no hello came in time")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
            self._abort_in(self._limits.goodbye_seconds)
        elif self._is_closing or frame.msg_type in (WSMsgType.PING, WSMsgType.PONG):
            return
        elif frame.msg_type != WSMsgType.BINARY or not frame.fin:
            error = InvalidInput("a text or fragmented message", expected="whole binary messages")
            self._refuse(error, WSCloseCode.UNSUPPORTED_DATA)
        elif frame.payload_size > protocol.MESSAGE_BYTES_MAX:
            self._refuse(protocol.too_long(frame.payload_size), WSCloseCode.MESSAGE_TOO_BIG)
        else:
            counts.came(frame.payload_size)
            self._server.take(self._number, self.connection.receive(frame.get_payload_as_bytes()))
            if self._timers and self.connection.is_authenticated:
                self._cancel("hello")

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        for name in list(self._timers):
            self._cancel(name)
        self._server.gone(self._number)

    def pause_writing(self) -> None:
        """The device does not read its replies: until it does, it is not read, which bounds what waits."""
        self._is_slow = True
        if self._transport is not None:
            self._transport.underlying_transport.pause_reading()
        self._close_in(self._limits.slow_seconds, "replies were not read", name="slow")

    def resume_writing(self) -> None:
        self._is_slow = False
        if self._transport is not None and not self._transport.is_disconnected:
            self._transport.underlying_transport.resume_reading()
        self._cancel("slow")

    def send(self, data: bytes, *, droppable: bool = False) -> None:
        """Send a binary message; one that may be dropped is not queued for a device that does not read."""
        if self._transport is not None and not (droppable and self._is_slow):
            self._transport.send(WSMsgType.BINARY, data)

    def close(self, code: WSCloseCode, reason: str) -> None:
        """Say why, wait a little for the device's own close, then hang up.

        Hanging up at once would make TCP throw away what the device has not read, the reason among it.
        """
        if self._transport is None or self._is_closing:
            return
        self._is_closing = True
        self._transport.send_close(code, reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore"))
        self._abort_in(self._limits.goodbye_seconds)

    def _refuse(self, error: MuvrError, code: WSCloseCode) -> None:
        self.send(protocol.encode(protocol.error_message(error)))
        self.close(code, str(error))

    def _close_in(self, seconds: float, why: str, name: str = "hello") -> None:
        def expire() -> None:
            log.info("connection %d is closed: %s", self._number, why)
            self.close(WSCloseCode.POLICY_VIOLATION, why)

        self._set(name, seconds, expire)

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
