"""The HTTP API as an actor: a process of its own, so that a slow query never delays an acknowledgement."""

from __future__ import annotations

import logging

import msgspec
from thespian.actors import ActorAddress, ActorExitRequest, ActorTypeDispatcher

from actors.handlers import handled_once
from actors.messages import LiveUpdates, Started, StartFailed
from domain.errors import ConfigurationError, MuvrError
from domain.replies import LiveUpdate
from gateway.api import create_app
from gateway.api_guard import is_loopback
from gateway.api_messages import StartApi
from gateway.api_metrics import serve_metrics
from gateway.api_server import ApiServer
from gateway.live import LiveView
from persistence.ports import Store
from telemetry.metrics import count_as
from telemetry.pages import node_directory

_log = logging.getLogger(__name__)
_UPDATES = msgspec.msgpack.Decoder(list[LiveUpdate])


class ApiActor(ActorTypeDispatcher):
    """Takes the messages of `gateway.api_messages`; stops the server when it is told to exit."""

    def __init__(self) -> None:
        super().__init__()
        self._live = LiveView()
        self._store: Store | None = None
        self._server: ApiServer | None = None

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
    def receiveMsg_LiveUpdates(self, message: LiveUpdates, _: ActorAddress) -> None:  # noqa: N802
        self._live.apply(_UPDATES.decode(message.encoded))

    @handled_once
    def receiveMsg_ActorExitRequest(self, _: ActorExitRequest, __: ActorAddress) -> None:  # noqa: N802
        self._stop()

    def _start(self, message: StartApi) -> int:
        """The port that is served, also if it was served before."""
        if self._server is None:
            self._count(message)
            self._store = message.open_store()
            tokens = message.open_tokens() if message.open_tokens else None
            if tokens is None and not is_loopback(message.host):
                raise ConfigurationError(
                    f"without tokens the HTTP API cannot listen at {message.host}",
                    expected="a loopback address such as 127.0.0.1",
                    remedy="listen there, or start muvr with tokens",
                )
            server = ApiServer(create_app(self._store, self._live, tokens), message.host, message.port)
            server.start()
            self._server = server
        return self._server.port

    def _count(self, message: StartApi) -> None:
        count_as("api")
        directory = node_directory()
        if directory is not None and message.metrics_port is not None:
            serve_metrics(directory, message.metrics_host, message.metrics_port)

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
