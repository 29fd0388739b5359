"""The naive design: one process-based Thespian actor per session, which writes one event at a time.

Same websocket library, same store, same rows. The websockets are in one more actor of the same system.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server
from thespian.actors import ActorExitRequest, ActorTypeDispatcher, ThespianWatch

from actors.node import actor_system
from benchmarks.plain_server import _row
from gateway.devices import protocol
from persistence.location import open_store
from persistence.ports import Insert, Store
from persistence.tables import SENSOR

_decoder: msgspec.msgpack.Decoder[protocol.DeviceMessage] = msgspec.msgpack.Decoder(protocol.DeviceMessage)
START_SECONDS = 30.0


@dataclass(frozen=True)
class Begin:
    """To either actor: where the store is. The gateway answers with its port."""

    location: str


@dataclass(frozen=True)
class Event:
    """Gateway to a session's actor: a frame's message. Answered with Written."""

    connection: int
    data: bytes


@dataclass(frozen=True)
class Written:
    connection: int
    session: str
    stream: str
    next_nr: int


class SessionProcess(ActorTypeDispatcher):
    _store: Store

    def receiveMsg_Begin(self, message: Begin, sender: Any) -> None:  # noqa: N802
        self._store = open_store(message.location)

    def receiveMsg_Event(self, message: Event, sender: Any) -> None:  # noqa: N802
        frame = _decoder.decode(message.data)
        assert isinstance(frame, protocol.Frame)
        self._store.write([Insert(SENSOR, _row(frame))])
        self.send(sender, Written(message.connection, frame.session, frame.stream, frame.nr + 1))


class NaiveGateway(ActorTypeDispatcher):
    """An asyncio thread with the websockets beside the actor's loop, joined by a pipe."""

    _location = ""
    _started = False

    def receiveMessage(self, message: object, sender: Any) -> Any:  # noqa: N802
        super().receiveMessage(message, sender)
        return ThespianWatch([self._wake_read]) if self._started else None

    def receiveMsg_Begin(self, message: Begin, sender: Any) -> None:  # noqa: N802
        self._location = message.location
        self._incoming: deque[tuple[int, bytes, bool]] = deque()
        self._sessions: dict[int, Any] = {}
        self._transports: list[WSTransport] = []
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        started: Future[int] = Future()
        threading.Thread(target=lambda: uvloop.run(self._serve(started)), daemon=True).start()
        self._started = True
        self.send(sender, started.result(START_SECONDS))

    def receiveMsg_WatchMessage(self, message: Any, sender: Any) -> None:  # noqa: N802
        with suppress(BlockingIOError):
            os.read(self._wake_read, 65536)
        while self._incoming:
            number, data, is_opening = self._incoming.popleft()
            if is_opening:
                self._sessions[number] = self.createActor(SessionProcess)
                self.send(self._sessions[number], Begin(self._location))
            else:
                self.send(self._sessions[number], Event(number, data))

    def receiveMsg_Written(self, message: Written, sender: Any) -> None:  # noqa: N802
        ack = protocol.Ack(user="u", session=message.session, stream=message.stream, next=message.next_nr)
        self._loop.call_soon_threadsafe(self._send, message.connection, ack)

    async def _serve(self, started: Future[int]) -> None:
        self._loop = asyncio.get_running_loop()
        listening = await ws_create_server(lambda _: _Listener(self), "127.0.0.1", 0)
        started.set_result(listening.sockets[0].getsockname()[1])
        await listening.serve_forever()

    def connected(self, transport: WSTransport) -> int:
        self._transports.append(transport)
        return len(self._transports) - 1

    def take(self, number: int, data: bytes) -> None:
        message = _decoder.decode(data)
        if isinstance(message, protocol.Open):
            self._send(number, protocol.Ack(user="u", session=message.session, stream="", next=1))
        elif not isinstance(message, protocol.Frame):
            return
        self._incoming.append((number, data, isinstance(message, protocol.Open)))
        os.write(self._wake_write, b"x")

    def _send(self, number: int, ack: protocol.Ack) -> None:
        self._transports[number].send(WSMsgType.BINARY, msgspec.msgpack.encode(ack))


class _Listener(WSListener):
    def __init__(self, gateway: NaiveGateway) -> None:
        self._gateway = gateway
        self._number = -1

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._number = self._gateway.connected(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY:
            self._gateway.take(self._number, frame.get_payload_as_bytes())


def main(location: str) -> None:
    system = actor_system(None)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    gateway = system.createActor(NaiveGateway)
    print(system.ask(gateway, Begin(location), START_SECONDS), flush=True)
    ended.wait()
    system.tell(gateway, ActorExitRequest())
    system.shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
