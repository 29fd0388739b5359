"""The device gateway's process: an asyncio thread with the websocket server beside a Thespian actor's loop.

The two meet in a pipe: the thread queues commands and wakes the actor when enough of them wait for a batch;
the actor sends batches to the shard hosts, and their answers go back into the thread's loop.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import uvloop
from thespian.actors import ActorExitRequest, ActorTypeDispatcher, ThespianWatch

from actors.handlers import handled_once
from actors.messages import (
    Directory,
    Envelope,
    ModelsChanged,
    ShardAnswer,
    Started,
    StartFailed,
    ViewChanged,
    decode_addressed,
)
from domain.errors import MuvrError
from gateway import counts
from gateway.auth import Tokens
from gateway.lanes import Lanes
from gateway.offers import Offers
from gateway.server import DeviceServer, Limits
from persistence.learned import cluster_finder
from persistence.models import ModelStore
from persistence.ports import Store
from telemetry import metrics

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


class DeviceGatewayActor(ActorTypeDispatcher):
    _lanes: Lanes
    _server: DeviceServer
    _offers: Offers
    _loop: asyncio.AbstractEventLoop
    _wake_read: int
    _wake_write: int
    _started = False
    # Shared by the two threads, each of which changes one value at a time.
    _inbox: deque[Envelope]  # what the asyncio thread has for the actor
    _wake_at: float = 1  # how much must be in it before the actor is woken
    _is_waking = False

    def receiveMessage(self, message: object, sender: Any) -> Any:  # noqa: N802
        """Every message is answered with the watch over the pipe, or Thespian would drop it."""
        self._handle(message, sender)
        return ThespianWatch([self._wake_read]) if self._started else None

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
        self.send(sender, Started(port))

    def receiveMsg_WatchMessage(self, message: Any, sender: Any) -> None:  # noqa: N802
        with suppress(BlockingIOError):
            os.read(self._wake_read, 65536)
        self._is_waking = False
        self._pump()

    def receiveMsg_ShardAnswer(self, message: ShardAnswer, sender: Any) -> None:  # noqa: N802
        """Replies are true whoever sends them; numbers of a host that was made again since are not known."""
        self._lanes.finished(message.finished)
        self._pump(message.replies)

    def receiveMsg_Directory(self, message: Directory, sender: Any) -> None:  # noqa: N802
        self._lanes.addresses_changed(message.addresses)
        self._pump()

    def receiveMsg_ViewChanged(self, message: ViewChanged, sender: Any) -> None:  # noqa: N802
        """Every shard host of the node tells of each view."""
        if self._lanes.view_changed(message.view):
            self._loop.call_soon_threadsafe(self._server.reroute, self._lanes.routes)
            self._pump()

    def receiveMsg_ModelsChanged(self, message: ModelsChanged, sender: Any) -> None:  # noqa: N802
        try:
            news = self._offers.refresh()
            self._loop.call_soon_threadsafe(self._server.offer, news)
        except MuvrError as error:
            log.error("the served models were not read: %s", error)

    def receiveMsg_ActorExitRequest(self, message: ActorExitRequest, sender: Any) -> None:  # noqa: N802
        if self._started:
            self._started = False
            with suppress(Exception):  # the process ends in any case
                asyncio.run_coroutine_threadsafe(self._server.stop(), self._loop).result(2.0)
            self._loop.call_soon_threadsafe(self._loop.stop)

    def _start(self, message: StartGateway) -> int:
        metrics.count_as("gateway")
        self._lanes, self._inbox = Lanes(message.lanes, after_nr=time.time_ns()), deque()
        store = message.open_store()
        self._offers = Offers(ModelStore(store), cluster_finder(store, message.pseudonym_key))
        self._offers.refresh()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        sys.setswitchinterval(SWITCH_SECONDS)
        logging.getLogger("picows").setLevel(logging.WARNING)  # it tells of every connection
        self._server = DeviceServer(message.open_tokens(), self._offers, message.limits, self._queue)
        started: Future[int] = Future()
        threading.Thread(target=self._serve, args=(message, started), daemon=True).start()
        return started.result(10.0)

    def _serve(self, message: StartGateway, started: Future[int]) -> None:
        self._loop = uvloop.new_event_loop()
        asyncio.set_event_loop(self._loop)

        async def start() -> None:
            try:
                started.set_result(await self._server.start(message.host, message.port))
            except Exception as error:
                started.set_exception(error)
                self._loop.stop()

        self._loop.create_task(start())
        self._loop.run_forever()

    def _queue(self, envelope: Envelope) -> None:
        """Called in the asyncio thread. The actor is woken once for all that the loop reads in one turn."""
        self._inbox.append(envelope)
        if not self._is_waking and len(self._inbox) >= self._wake_at:
            self._is_waking = True
            self._loop.call_soon(self._wake)

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # a full pipe wakes the actor as well
            os.write(self._wake_write, b"x")

    def _pump(self, replies: bytes = b"") -> None:
        """Send what may be sent, then bring back answers."""
        while True:
            self._lanes.take(self._inbox)
            for address, batch in self._lanes.batches():
                self.send(address, batch)
            self._wake_at = self._lanes.wanted()
            if len(self._inbox) < self._wake_at:  # else more came before `_wake_at` was set, and woke nobody
                break
        counts.stand(*self._lanes.standing())
        addressed, done = decode_addressed(replies) if replies else [], self._lanes.take_done()
        if addressed or done:
            self._loop.call_soon_threadsafe(self._server.deliver, addressed, done)
