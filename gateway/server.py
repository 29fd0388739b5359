"""The websocket server in front of the connections: picows listeners, limits, and delivery of replies."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    ws_create_server,
)

from actors.messages import Addressed, Envelope
from domain.errors import ConfigurationError, InvalidInput
from domain.identifiers import UserId
from domain.replies import LiveReply
from gateway import protocol
from gateway.auth import Tokens
from gateway.connection import Connection, Output
from gateway.offers import Offers

log = logging.getLogger(__name__)

CLOSE_UNSUPPORTED = WSCloseCode.UNSUPPORTED_DATA
PING_IDLE_SECONDS = 20.0
PING_REPLY_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds of a server. `hello_seconds` is how long a connection may stay unauthenticated,
    `slow_seconds` how long a device may leave its replies unread.
    """

    connections_max: int = 20_000
    hello_seconds: float = 10.0
    slow_seconds: float = 15.0


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
        self._next_number = 0
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port. Raises ConfigurationError if it cannot be had."""
        try:
            self._server = await ws_create_server(
                self._accept,
                host,
                port,
                max_frame_size=protocol.MESSAGE_BYTES_MAX,
                websocket_handshake_timeout=self._limits.hello_seconds,
                enable_auto_ping=True,
                auto_ping_idle_timeout=PING_IDLE_SECONDS,
                auto_ping_reply_timeout=PING_REPLY_SECONDS,
            )
        except OSError as error:
            raise ConfigurationError(
                f"the device gateway cannot listen on {host}:{port}: {error.strerror}",
                remedy="choose another port with --gateway-port, or stop what uses it",
            ) from error
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Stop listening and say goodbye; devices keep what is unacknowledged."""
        if self._server is not None:
            self._server.close()
        for listener in list(self._listeners.values()):
            listener.close(WSCloseCode.GOING_AWAY)
        await asyncio.sleep(0)

    def deliver(self, replies: list[Addressed], answered: list[int]) -> None:
        """Send replies; `answered` names the connection of each command that they complete."""
        for number, count in Counter(answered).items():
            if (listener := self._listeners.get(number)) is not None:
                listener.connection.answered(count)
        for addressed in replies:
            data = protocol.encode(protocol.message_of(addressed.user, addressed.reply))
            if addressed.connection is not None:
                self._send(addressed.connection, data)
                continue
            for number in self._by_user.get(addressed.user, ()):
                self._send(number, data, droppable=isinstance(addressed.reply, LiveReply))

    def offer(self, offers: list[protocol.Offer]) -> None:
        """Tell every authenticated device of new models."""
        encoded = [protocol.encode(offer) for offer in offers]
        for listener in list(self._listeners.values()):
            if listener.connection.is_authenticated:
                for data in encoded:
                    listener.send(data, droppable=True)

    def take(self, number: int, output: Output) -> None:
        """Carry out what a connection asked for."""
        listener = self._listeners[number]
        for message in output.send:
            listener.send(protocol.encode(message))
        for user, command in output.forward:
            self._by_user.setdefault(user, set()).add(number)
            self._forward(Envelope(number, user, command))
        if output.close_code is not None:
            listener.close(WSCloseCode(output.close_code))
        for user in listener.connection.users:
            self._by_user.setdefault(user, set()).add(number)

    def gone(self, number: int) -> None:
        """A connection has ended."""
        listener = self._listeners.pop(number, None)
        if listener is None:
            return
        for user in listener.connection.users:
            numbers = self._by_user.get(user, set())
            numbers.discard(number)
            if not numbers:
                self._by_user.pop(user, None)

    def _accept(self, request: WSUpgradeRequest) -> WSListener | None:
        if len(self._listeners) >= self._limits.connections_max:
            log.warning("a connection was turned away: there are %d", len(self._listeners))
            return None
        self._next_number += 1
        listener = _Listener(self, self._next_number, Connection(self._tokens, self._offers), self._limits)
        self._listeners[self._next_number] = listener
        return listener

    def _send(self, number: int, data: bytes, *, droppable: bool = False) -> None:
        if (listener := self._listeners.get(number)) is not None:
            listener.send(data, droppable=droppable)


class _Listener(WSListener):
    """One picows connection."""

    def __init__(self, server: DeviceServer, number: int, connection: Connection, limits: Limits) -> None:
        self.connection = connection
        self._server = server
        self._number = number
        self._limits = limits
        self._transport: WSTransport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._is_slow = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._close_in(self._limits.hello_seconds, "no hello came in time")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
            return
        if frame.msg_type not in (WSMsgType.BINARY, WSMsgType.TEXT, WSMsgType.CONTINUATION):
            return
        if frame.msg_type != WSMsgType.BINARY or not frame.fin:
            error = InvalidInput("a text or fragmented message", expected="whole binary messages")
            self.send(protocol.encode(protocol.error_message(error)))
            self.close(CLOSE_UNSUPPORTED)
            return
        was_authenticated = self.connection.is_authenticated
        self._server.take(self._number, self.connection.receive(frame.get_payload_as_bytes()))
        if not was_authenticated and self.connection.is_authenticated:
            self._cancel_deadline()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._cancel_deadline()
        self._server.gone(self._number)

    def pause_writing(self) -> None:
        self._is_slow = True
        self._close_in(self._limits.slow_seconds, "it does not read its replies")

    def resume_writing(self) -> None:
        self._is_slow = False
        self._cancel_deadline()

    def send(self, data: bytes, *, droppable: bool = False) -> None:
        """Send a binary message; one that may be dropped is not queued for a device that does not read."""
        if self._transport is not None and not (droppable and self._is_slow):
            self._transport.send(WSMsgType.BINARY, data)

    def close(self, code: WSCloseCode) -> None:
        if self._transport is not None and not self._transport.is_disconnected:
            self._transport.send_close(code)
            self._transport.disconnect()

    def _close_in(self, seconds: float, why: str) -> None:
        self._cancel_deadline()

        def expire() -> None:
            log.info("connection %d is closed: %s", self._number, why)
            self.close(WSCloseCode.POLICY_VIOLATION)

        self._deadline = asyncio.get_running_loop().call_later(seconds, expire)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
