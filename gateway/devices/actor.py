"""The device gateway's process: an asyncio thread with the websocket server beside a Thespian actor's loop.

The two meet in the pump of their lanes.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import uvloop
from thespian.actors import ActorExitRequest, ActorTypeDispatcher, ThespianWatch, WakeupMessage

from actors.handlers import handled_once
from actors.membership import stored_view
from actors.messages import (
    Addressed,
    Directory,
    ModelsChanged,
    ShardAnswer,
    Started,
    StartFailed,
    ViewChanged,
)
from domain.errors import MuvrError
from gateway.auth import Tokens
from gateway.devices.limits import Limits
from gateway.devices.offers import Offers
from gateway.devices.permits import Permits
from gateway.devices.server import DeviceServer
from gateway.devices.tls import TlsFiles, tls_context
from gateway.lane_pump import LanePump
from gateway.lanes import Done, Lanes
from gateway.revocations import Revocations, RevocationThread
from persistence.learned import cluster_finder
from persistence.models import ModelStore
from persistence.ports import Store
from telemetry import metrics, spans
from telemetry.answering import TURN_SECONDS, turned

log = logging.getLogger(__name__)

SWITCH_SECONDS = 0.0005  # how long one thread may hold the interpreter while the other waits


@dataclass(frozen=True)
class StartGateway:
    """Node to gateway: listen. Answered with Started or StartFailed.

    `lanes` are this node's shard hosts: the member id of each, and its name in the Directory.
    """

    host: str
    port: int
    limits: Limits
    open_store: Callable[[], Store]
    open_tokens: Callable[[], Tokens]
    pseudonym_key: bytes
    lanes: tuple[tuple[str, str], ...]
    tls: TlsFiles | None = None


class DeviceGatewayActor(ActorTypeDispatcher):
    stop_stage = 2  # after the shard hosts, whose last answers and new owners it has to bring to devices

    _pump: LanePump
    _revocations: RevocationThread
    _store: Store
    _server: DeviceServer
    _offers: Offers
    _loop: asyncio.AbstractEventLoop
    _started = False

    def receiveMessage(self, message: object, sender: Any) -> Any:  # noqa: N802
        """Every message is answered with the watch over the pipe, or Thespian would drop it."""
        self._handle(message, sender)
        return ThespianWatch([self._pump.wake_read]) if self._started else None

    @handled_once
    def _handle(self, message: object, sender: Any) -> None:
        super().receiveMessage(message, sender)

    def receiveMsg_StartGateway(self, message: StartGateway, sender: Any) -> None:  # noqa: N802
        try:
            port = self._start(message)
        except Exception as error:  # raised once more by Thespian otherwise, and nobody would be answered
            if not isinstance(error, MuvrError):
                log.exception("the device gateway did not start")
            self.send(sender, StartFailed(str(error) or type(error).__name__))
            return
        self._started = True
        self._turn()
        self.send(sender, Started(port))

    def receiveMsg_WatchMessage(self, message: Any, sender: Any) -> None:  # noqa: N802
        self._pump.woken()

    def receiveMsg_ShardAnswer(self, message: ShardAnswer, sender: Any) -> None:  # noqa: N802
        self._pump.answered(message)

    def receiveMsg_Directory(self, message: Directory, sender: Any) -> None:  # noqa: N802
        self._pump.directed(message)

    def receiveMsg_ViewChanged(self, message: ViewChanged, sender: Any) -> None:  # noqa: N802
        """Every shard host of the node tells of each view."""
        lanes = self._pump.lanes
        if lanes.view_changed(message.view):
            self._loop.call_soon_threadsafe(self._server.reroute, lanes.routes)
            self._pump.pump()

    def receiveMsg_ModelsChanged(self, message: ModelsChanged, sender: Any) -> None:  # noqa: N802
        try:
            news = self._offers.refresh()
            self._loop.call_soon_threadsafe(self._server.offer, news)
        except MuvrError as error:
            log.error("the served models were not read: %s", error)

    def receiveMsg_WakeupMessage(self, message: WakeupMessage, sender: Any) -> None:  # noqa: N802
        if self._started:
            self._turn()

    def receiveMsg_ActorExitRequest(self, message: ActorExitRequest, sender: Any) -> None:  # noqa: N802
        if self._started:
            self._started = False
            self._revocations.stop()
            self._look_for_owners()
            with suppress(Exception):  # the process ends in any case
                asyncio.run_coroutine_threadsafe(self._server.stop(), self._loop).result(2.0)
            self._loop.call_soon_threadsafe(self._loop.stop)
            spans.end_recording()

    def _turn(self) -> None:
        """Both loops come round again in a second, and say so."""
        self._loop.call_soon_threadsafe(turned)
        self.wakeupAfter(timedelta(seconds=TURN_SECONDS))

    def _look_for_owners(self) -> None:
        """The node's shard hosts have left: their users' devices are told who serves them now."""
        try:
            view = stored_view(self._store)
        except MuvrError as error:
            log.error("devices are not told who serves them now: %s", error)
            return
        lanes = self._pump.lanes
        if view is not None and lanes.view_changed(view):
            self._loop.call_soon_threadsafe(self._server.reroute, lanes.routes)

    def _start(self, message: StartGateway) -> int:
        metrics.count_as("gateway")
        lanes = Lanes(message.lanes, after_nr=time.time_ns())
        self._pump = LanePump(lanes, send=self.send, deliver=self._deliver)
        self._store = store = message.open_store()
        self._offers = Offers(ModelStore(store), cluster_finder(store, message.pseudonym_key))
        self._offers.refresh()
        sys.setswitchinterval(SWITCH_SECONDS)
        tokens, revocations = message.open_tokens(), Revocations(store)
        revocations.refresh()
        tokens.is_revoked = revocations.include
        self._revocations = RevocationThread(revocations, tokens, self._look_at_tokens)
        self._server = DeviceServer(
            tokens,
            self._offers,
            message.limits,
            self._pump.queue,
            permit=Permits(store, lambda: time.time_ns() // 1_000_000),
        )
        started: Future[int] = Future()
        threading.Thread(target=self._serve, args=(message, started), daemon=True).start()
        port = started.result(10.0)
        self._revocations.start()
        return port

    def _serve(self, message: StartGateway, started: Future[int]) -> None:
        self._loop = uvloop.new_event_loop()
        asyncio.set_event_loop(self._loop)

        async def start() -> None:
            try:
                tls = None if message.tls is None else tls_context(message.tls)
                started.set_result(await self._server.start(message.host, message.port, tls))
            except Exception as error:
                started.set_exception(error)
                self._loop.stop()

        self._loop.create_task(start())
        self._loop.run_forever()

    def _look_at_tokens(self) -> None:
        """Called in the thread of the revocations."""
        self._loop.call_soon_threadsafe(self._server.check_tokens)

    def _deliver(self, addressed: list[Addressed], done: list[Done]) -> None:
        self._loop.call_soon_threadsafe(self._server.deliver, addressed, done)
