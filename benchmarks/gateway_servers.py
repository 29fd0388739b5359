"""Two servers side by side: picows that sends back what it gets, and the device gateway without shard hosts.

    python -m benchmarks.gateway_servers echo|gateway

The gateway reads, checks the token, decodes, checks every limit, and acknowledges at once what came in a turn
of its loop, cumulatively as a shard host does. Prints its port.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

from actors.messages import Addressed, Envelope
from domain.commands import AcceptFrame, OpenSession
from domain.identifiers import StreamId
from domain.replies import Acknowledged
from gateway.auth import Tokens
from gateway.devices.limits import Limits
from gateway.devices.offers import Offers
from gateway.devices.server import DeviceServer
from gateway.lanes import Done
from persistence.models import ModelStore
from persistence.sqlite import SqliteStore

KEY = b"b" * 32
UNLIMITED = Limits(user_messages_per_second=1e9, gateway_messages_per_second=1e9)


class _Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY:
            transport.send(WSMsgType.BINARY, frame.get_payload_as_memoryview())


class _Acknowledging:
    """Answers what the gateway forwards, once in a turn of the loop."""

    def __init__(self) -> None:
        self.server: DeviceServer | None = None
        self._came: list[Envelope] = []

    def forward(self, envelope: Envelope) -> None:
        if not self._came:
            asyncio.get_running_loop().call_soon(self._answer)
        self._came.append(envelope)

    def _answer(self) -> None:
        assert self.server is not None, "it forwards what it gets"
        came, self._came = self._came, []
        newest = {(each.connection, type(each.command)): each for each in came}
        done: list[Done] = [(each.connection, each.user) for each in came]
        self.server.deliver([_answer(each) for each in newest.values()], done)


def _answer(envelope: Envelope) -> Addressed:
    command = envelope.command
    if isinstance(command, AcceptFrame):
        frame = command.frame
        reply = Acknowledged(session=frame.session, stream=frame.stream, next_nr=frame.sequence_nr + 1)
    else:
        assert isinstance(command, OpenSession), "the load sends nothing else"
        reply = Acknowledged(session=command.session, stream=StreamId(""), next_nr=1)
    return Addressed(envelope.connection, envelope.user, reply)


async def _serve(kind: str, directory: Path) -> None:
    if kind == "echo":
        listening = await ws_create_server(lambda _: _Echo(), "127.0.0.1", 0)
        port: int = listening.sockets[0].getsockname()[1]
    else:
        acknowledging = _Acknowledging()
        offers = Offers(ModelStore(SqliteStore(directory)))
        server = DeviceServer(Tokens(KEY, time.time), offers, UNLIMITED, acknowledging.forward)
        acknowledging.server = server
        port = await server.start("127.0.0.1", 0)
    print(port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="muvr-gateway-") as made:
        uvloop.run(_serve(sys.argv[1], Path(made)))
