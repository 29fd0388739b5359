"""The HTTP API as an actor: a process of its own, so that a slow query never delays an acknowledgement."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

import msgspec
from thespian.actors import (
    ActorAddress,
    ActorExitRequest,
    ActorTypeDispatcher,
    ThespianWatch,
    WatchMessage,
)

from actors.handlers import handled_once
from actors.messages import (
    Addressed,
    Directory,
    LiveUpdates,
    ShardAnswer,
    Started,
    StartFailed,
    ViewChanged,
)
from domain.errors import ConfigurationError, MuvrError
from domain.replies import LiveUpdate
from gateway.api.app import create_app
from gateway.api.commanding import Commands
from gateway.api.guard import is_loopback
from gateway.api.live import LiveView
from gateway.api.messages import StartApi
from gateway.api.metrics import serve_metrics
from gateway.api.node_load import NodeLoad
from gateway.api.oidc_provider import Provider
from gateway.api.parts import Parts
from gateway.api.server import ApiServer
from gateway.lane_pump import LanePump
from gateway.lanes import Done, Lanes
from persistence.ports import Store
from telemetry.metrics import count_as
from telemetry.pages import node_directory

SWITCH_SECONDS = 0.0005  # how long one thread may hold the interpreter while the others wait

_log = logging.getLogger(__name__)
_UPDATES = msgspec.msgpack.Decoder(list[LiveUpdate])


class ApiActor(ActorTypeDispatcher):
    """Takes the messages of `gateway.api.messages`; stops the server when it is told to exit.

    What requests say to users' actors goes through the pump of this node's lanes.
    """

    _pump: LanePump
    _commands: Commands

    def __init__(self) -> None:
        super().__init__()
        self._live = LiveView()
        self._store: Store | None = None
        self._server: ApiServer | None = None

    def receiveMessage(self, message: object, sender: Any) -> Any:  # noqa: N802
        """Every message is answered with the watch over the pipe, or Thespian would drop it."""
        super().receiveMessage(message, sender)
        return ThespianWatch([self._pump.wake_read]) if self._server is not None else None

    @handled_once
    def receiveMsg_StartApi(self, message: StartApi, sender: ActorAddress) -> None:  # noqa: N802
        try:
            self.send(sender, Started(self._start(message)))
        except MuvrError as error:
            self._stop()
            self.send(sender, StartFailed(str(error)))
        except Exception as error:
            _log.exception("the HTTP API could not be started")
            self._stop()
            self.send(sender, StartFailed(f"the HTTP API could not be started: {error!r}; see the log"))

    @handled_once
    def receiveMsg_WatchMessage(self, message: WatchMessage, _: ActorAddress) -> None:  # noqa: N802
        self._pump.woken()

    @handled_once
    def receiveMsg_ShardAnswer(self, message: ShardAnswer, _: ActorAddress) -> None:  # noqa: N802
        self._pump.answered(message)

    @handled_once
    def receiveMsg_Directory(self, message: Directory, _: ActorAddress) -> None:  # noqa: N802
        if self._server is not None:
            self._pump.directed(message)

    @handled_once
    def receiveMsg_ViewChanged(self, message: ViewChanged, _: ActorAddress) -> None:  # noqa: N802
        """Every shard host of the node tells of each view."""
        if self._server is not None and self._pump.lanes.view_changed(message.view):
            self._server.call(self._commands.reroute, self._pump.lanes.routes)
            self._pump.pump()

    @handled_once
    def receiveMsg_LiveUpdates(self, message: LiveUpdates, _: ActorAddress) -> None:  # noqa: N802
        self._live.apply(_UPDATES.decode(message.encoded))

    @handled_once
    def receiveMsg_ActorExitRequest(self, _: ActorExitRequest, __: ActorAddress) -> None:  # noqa: N802
        self._stop()

    def _start(self, message: StartApi) -> int:
        """The port that is served, also if it was served before."""
        if self._server is None:
            _count(message)
            sys.setswitchinterval(SWITCH_SECONDS)
            self._store = message.open_store()
            tokens = message.open_tokens() if message.open_tokens else None
            is_open = tokens is None or message.is_open
            if is_open and not is_loopback(message.host):
                raise ConfigurationError(
                    f"without tokens the HTTP API cannot listen at {message.host}",
                    expected="a loopback address such as 127.0.0.1",
                    remedy="listen there, or start muvr with tokens",
                )
            lanes = Lanes(message.lanes, after_nr=-time.time_ns())
            self._pump = LanePump(lanes, send=self.send, deliver=self._deliver)
            self._commands = Commands(self._pump.queue)
            app = create_app(
                self._store,
                self._live,
                tokens,
                self._commands,
                is_open=is_open,
                gateways=message.gateways,
                node_load=NodeLoad([member_id for member_id, _ in message.lanes]),
                keys=message.keys,
                provider=Provider(message.oidc, time.time) if message.oidc else None,
                parts=Parts(node_directory(), ("gateway", *(name for _, name in message.lanes))),
            )
            server = ApiServer(app, message.host, message.port)
            server.start()
            self._server = server
        return self._server.port

    def _deliver(self, replies: list[Addressed], done: list[Done]) -> None:
        if self._server is not None:
            self._server.call(self._commands.deliver, replies, done)

    def _stop(self) -> None:
        server, store = self._server, self._store
        self._server = self._store = None
        if server is not None:
            self._live.close()  # ends the event streams, which would outlast any grace
            if not server.stop():
                _log.warning("the HTTP API did not end in time; it ends with this process")
                return  # its threads may still read the store
        if store is not None:
            store.close()


def _count(message: StartApi) -> None:
    count_as("api")
    directory = node_directory()
    if directory is not None and message.metrics_port is not None:
        serve_metrics(directory, message.metrics_host, message.metrics_port)
