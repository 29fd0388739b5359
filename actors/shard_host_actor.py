"""The Thespian process around a shard host."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from thespian.actors import ActorExitRequest, ActorTypeDispatcher, WakeupMessage

from actors.answers import refusal
from actors.handlers import handled_once
from actors.messages import (
    Addressed,
    Directory,
    Envelope,
    LiveUpdates,
    ModelsChanged,
    ShardAnswer,
    ShardBatch,
    Started,
    StartFailed,
    StartShardHost,
    decode_envelopes,
    encode_addressed,
    live_updates,
)
from actors.recognition import ModelShelf
from actors.session_actor import internal_error
from actors.shard_host import ShardHost
from actors.user_entity import UserStores
from persistence.journal import Journal, SnapshotStore
from persistence.keys import DataKeyStore
from persistence.models import ModelStore
from persistence.ports import Store
from persistence.sensors import SensorStore

log = logging.getLogger(__name__)

PASSIVATE_EVERY_SECONDS = 10.0
PASSIVATE_MAX = 200  # at a time: batches wait meanwhile, and each is a write
CLOSE_SECONDS_MAX = 2.0
WATCHERS = ("api",)  # who is sent live updates


class ShardHostActor(ActorTypeDispatcher):
    stop_stage = 1  # after the gateway, which still has answers to bring to devices

    _host: ShardHost | None = None
    _shelf: ModelShelf
    _start: StartShardHost
    _store: Store
    _addresses: Mapping[str, Any] = {}

    @handled_once
    def receiveMsg_StartShardHost(self, message: StartShardHost, sender: Any) -> None:  # noqa: N802
        try:
            self._open(message)
        except Exception as error:
            log.exception("a shard host cannot start")
            self.send(sender, StartFailed(str(internal_error(error))))
            return
        self.send(sender, Started())
        self.wakeupAfter(timedelta(seconds=PASSIVATE_EVERY_SECONDS))

    @handled_once
    def receiveMsg_ShardBatch(self, message: ShardBatch, sender: Any) -> None:  # noqa: N802
        replies = self._answer(message)
        self.send(sender, ShardAnswer(message.number, encode_addressed(replies)))
        updates: LiveUpdates | None = live_updates(replies)
        if updates is not None:
            for name in WATCHERS:
                if name in self._addresses:
                    self.send(self._addresses[name], updates)

    @handled_once
    def receiveMsg_Directory(self, message: Directory, sender: Any) -> None:  # noqa: N802
        self._addresses = message.addresses

    @handled_once
    def receiveMsg_ModelsChanged(self, message: ModelsChanged, sender: Any) -> None:  # noqa: N802
        if self._host is not None:
            self._shelf.refresh()

    @handled_once
    def receiveMsg_WakeupMessage(self, message: WakeupMessage, sender: Any) -> None:  # noqa: N802
        self.wakeupAfter(timedelta(seconds=PASSIVATE_EVERY_SECONDS))
        if self._host is not None:
            idle_ms = int(self._start.passivate_after_s * 1000)
            self._host.passivate(idle_ms, PASSIVATE_MAX)

    @handled_once
    def receiveMsg_ActorExitRequest(self, message: ActorExitRequest, sender: Any) -> None:  # noqa: N802
        if self._host is not None:
            self._host.close(CLOSE_SECONDS_MAX)
            self._store.close()

    def _answer(self, message: ShardBatch) -> list[Addressed]:
        """Whatever happens the gateway gets an answer, or it would wait with all that follows."""
        envelopes: list[Envelope] = []
        try:
            envelopes = decode_envelopes(message.envelopes)
            assert self._host is not None, "started first"
            return self._host.process(envelopes)
        except Exception as error:
            log.exception("a batch failed")
            failure = internal_error(error)
            return [Addressed(e.connection, e.user, refusal(e.command, failure)) for e in envelopes]

    def _open(self, message: StartShardHost) -> None:
        store = self._store = message.open_store()
        stores = UserStores(
            Journal(store), SnapshotStore(store), SensorStore(store), DataKeyStore(store, message.master_key)
        )
        self._start = message
        self._shelf = ModelShelf(ModelStore(store))
        self._shelf.refresh()
        self._host = ShardHost(store, stores, self._shelf, _now_ms, sessions_max=message.sessions_max)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
