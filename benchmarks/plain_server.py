"""The ceiling: a hand-tuned server without actors that decodes frames, writes them in batches, acknowledges.

Same websocket library, same store, same rows; no sessions, no tokens checked, no rules, no recovery. What
muvr adds to it is what muvr costs.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import Future

import msgspec
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

from gateway.devices import protocol
from persistence.location import open_store
from persistence.ports import Insert, Store
from persistence.schema import Samples, Timestamp
from persistence.tables import SENSOR, SensorRow

IN_FLIGHT_MAX = 6
ROWS_MAX = 256
ROWS_GOOD = 32  # that are worth a write while others are in flight

_encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[protocol.DeviceMessage] = msgspec.msgpack.Decoder(protocol.DeviceMessage)

Pending = list[tuple[WSTransport, protocol.Frame]]


class PlainServer:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._pending: Pending = []
        self._in_flight = 0
        self._is_planned = False

    def add(self, transport: WSTransport, frame: protocol.Frame) -> None:
        self._pending.append((transport, frame))
        self._plan()

    def _plan(self) -> None:
        if not self._is_planned:
            self._is_planned = True
            self._loop.call_soon(self._commit)

    def _commit(self) -> None:
        self._is_planned = False
        while self._pending and self._in_flight < IN_FLIGHT_MAX:
            if self._in_flight and len(self._pending) < ROWS_GOOD:
                return
            some, self._pending = self._pending[:ROWS_MAX], self._pending[ROWS_MAX:]
            self._in_flight += 1
            future = self._store.submit([Insert(SENSOR, _row(frame)) for _, frame in some])
            future.add_done_callback(
                lambda done, some=some: self._loop.call_soon_threadsafe(self._written, some, done)  # type: ignore[misc]
            )

    def _written(self, some: Pending, done: Future[None]) -> None:
        done.result()
        self._in_flight -= 1
        for transport, frame in some:
            ack = protocol.Ack(user="u", session=frame.session, stream=frame.stream, next=frame.nr + 1)
            transport.send(WSMsgType.BINARY, _encode(ack))
        self._plan()


class _Listener(WSListener):
    def __init__(self, server: PlainServer) -> None:
        self._server = server

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.BINARY:
            return
        message = _decoder.decode(frame.get_payload_as_bytes())
        if isinstance(message, protocol.Frame):
            self._server.add(transport, message)
        elif isinstance(message, protocol.Open):
            ack = protocol.Ack(user="u", session=message.session, stream="", next=1)
            transport.send(WSMsgType.BINARY, _encode(ack))


def _row(frame: protocol.Frame) -> SensorRow:
    return SensorRow(
        "u",
        frame.session,
        frame.stream,
        frame.nr,
        frame.sensor,
        Timestamp(frame.start_ms),
        frame.rate_hz,
        frame.scale,
        Samples(frame.samples),
    )


async def main(location: str) -> None:
    server = PlainServer(open_store(location))
    listening = await ws_create_server(lambda _: _Listener(server), "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
