"""The device gateway's process: an asyncio thread with the websocket server beside a Thespian actor's loop.

The two meet in a pipe: the thread queues commands per shard host and wakes the actor, which sends each host
one batch at a time; answers go back into the thread's loop.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import uvloop
from thespian.actors import ActorExitRequest, ActorTypeDispatcher, ThespianWatch

from actors.handlers import handled_once
from actors.messages import (
    Directory,
    Envelope,
    ModelsChanged,
    ShardAnswer,
    ShardBatch,
    Started,
    StartFailed,
    decode_addressed,
    encode_envelopes,
)
from domain.errors import MuvrError
from domain.identifiers import shard_of
from gateway.auth import Tokens
from gateway.offers import Offers
from gateway.server import DeviceServer, Limits
from persistence.models import ModelStore
from persistence.ports import Store

log = logging.getLogger(__name__)

BATCH_MAX = 256  # commands per batch: one commit's worth, a few milliseconds of a shard host's work
SWITCH_SECONDS = 0.0005  # how long one thread may hold the interpreter while the other waits


@dataclass(frozen=True)
class StartGateway:
    """Node to gateway: listen. Answered with Started or StartFailed."""

    host: str
    port: int
    limits: Limits
    open_store: Callable[[], Store]
    open_tokens: Callable[[], Tokens]
    shard_hosts: tuple[str, ...]  # their names, in the order of their shards


@dataclass
class _Lane:
    """What waits for one shard host, and the batch that it is at."""

    name: str
    address: Any = None
    pending: deque[Envelope] = field(default_factory=deque)
    in_flight: list[Envelope] = field(default_factory=list)
    batch_nr: int = 0


class DeviceGatewayActor(ActorTypeDispatcher):
    _lanes: list[_Lane]
    _server: DeviceServer
    _offers: Offers
    _loop: asyncio.AbstractEventLoop
    _wake_read: int
    _wake_write: int
    _batch_nr = 0
    _started = False

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
        self._pump()

    def receiveMsg_ShardAnswer(self, message: ShardAnswer, sender: Any) -> None:  # noqa: N802
        for lane in self._lanes:
            if lane.in_flight and lane.batch_nr == message.number:
                answered = [envelope.connection for envelope in lane.in_flight]
                lane.in_flight = []
                self._pump()
                replies = decode_addressed(message.replies)
                self._loop.call_soon_threadsafe(self._server.deliver, replies, answered)

    def receiveMsg_Directory(self, message: Directory, sender: Any) -> None:  # noqa: N802
        """A shard host that was made again is given its batch again, which stores nothing twice."""
        for lane in self._lanes:
            address = message.addresses.get(lane.name)
            if address != lane.address:
                lane.address = address
                if lane.in_flight and address is not None:
                    self._send(lane)
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
        self._lanes = [_Lane(name) for name in message.shard_hosts]
        self._offers = Offers(ModelStore(message.open_store()))
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
        """Called in the asyncio thread; deque.append is atomic."""
        lane = self._lanes[shard_of(envelope.user) % len(self._lanes)]
        lane.pending.append(envelope)
        if not lane.in_flight:
            with suppress(BlockingIOError):  # a full pipe wakes the actor as well
                os.write(self._wake_write, b"x")

    def _pump(self) -> None:
        for lane in self._lanes:
            if lane.pending and not lane.in_flight and lane.address is not None:
                count = min(BATCH_MAX, len(lane.pending))
                lane.in_flight = [lane.pending.popleft() for _ in range(count)]
                self._send(lane)

    def _send(self, lane: _Lane) -> None:
        self._batch_nr += 1
        lane.batch_nr = self._batch_nr
        self.send(lane.address, ShardBatch(lane.batch_nr, encode_envelopes(lane.in_flight)))
