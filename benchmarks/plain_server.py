"""The ceiling: a hand-tuned server without actors that decodes frames, writes them in batches, acknowledges.

Same websocket library, same store, no sessions, no tokens checked, no rules, no recovery. What muvr adds to
it is what muvr costs.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

from gateway import protocol
from persistence.ports import Insert
from persistence.schema import Samples, Timestamp
from persistence.sqlite import SqliteStore
from persistence.tables import SENSOR, SensorRow

_encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[protocol.DeviceMessage] = msgspec.msgpack.Decoder(protocol.DeviceMessage)


class PlainServer:
    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._pending: list[tuple[WSTransport, protocol.Frame]] = []

    def add(self, transport: WSTransport, frame: protocol.Frame) -> None:
        self._pending.append((transport, frame))
        if len(self._pending) == 1:
            asyncio.get_running_loop().call_soon(self._commit)

    def _commit(self) -> None:
        pending, self._pending = self._pending, []
        self._store.write([Insert(SENSOR, _row(frame)) for _, frame in pending])
        for transport, frame in pending:
            ack = protocol.Ack(user="u", session=frame.session, stream=frame.stream, next=frame.nr + 1)
            transport.send(WSMsgType.BINARY, _encode(ack))


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


async def main(directory: str) -> None:
    server = PlainServer(SqliteStore(Path(directory)))
    listening = await ws_create_server(lambda _: _Listener(server), "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
