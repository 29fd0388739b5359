"""The Thespian process around a shard host."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from thespian.actors import ActorExitRequest, ActorTypeDispatcher, WakeupMessage

from actors.messages import (
    Addressed,
    Directory,
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
from actors.shard_host import ShardHost
from actors.user_entity import UserStores, refusal
from domain.errors import MuvrError
from persistence.journal import Journal, SnapshotStore
from persistence.keys import DataKeyStore
from persistence.models import ModelStore
from persistence.sensors import SensorStore

log = logging.getLogger(__name__)

PASSIVATE_EVERY_SECONDS = 10.0
WATCHERS = ("api",)  # who is sent live updates


class ShardHostActor(ActorTypeDispatcher):
    _host: ShardHost
    _shelf: ModelShelf
    _start: StartShardHost
    _addresses: Mapping[str, Any] = {}

    def receiveMsg_StartShardHost(self, message: StartShardHost, sender: Any) -> None:  # noqa: N802
        try:
            self._open(message)
        except MuvrError as error:
            self.send(sender, StartFailed(str(error)))
            return
        self.send(sender, Started())
        self.wakeupAfter(timedelta(seconds=PASSIVATE_EVERY_SECONDS))

    def receiveMsg_ShardBatch(self, message: ShardBatch, sender: Any) -> None:  # noqa: N802
        envelopes = decode_envelopes(message.envelopes)
        try:
            replies = self._host.process(envelopes)
        except Exception as error:  # raised once more by Thespian otherwise, and the batch would run twice
            log.exception("a batch failed")
            failure = MuvrError(f"internal error: {error}", remedy="tell the operator; see the node's log")
            replies = [Addressed(e.connection, e.user, refusal(e.command, failure)) for e in envelopes]
        self.send(sender, ShardAnswer(message.number, encode_addressed(replies)))
        updates: LiveUpdates | None = live_updates(replies)
        if updates is not None:
            for name in WATCHERS:
                if name in self._addresses:
                    self.send(self._addresses[name], updates)

    def receiveMsg_Directory(self, message: Directory, sender: Any) -> None:  # noqa: N802
        self._addresses = message.addresses

    def receiveMsg_ModelsChanged(self, message: ModelsChanged, sender: Any) -> None:  # noqa: N802
        try:
            self._shelf.refresh()
        except MuvrError as error:
            log.error("the served models were not read: %s", error)

    def receiveMsg_WakeupMessage(self, message: WakeupMessage, sender: Any) -> None:  # noqa: N802
        try:
            self._host.passivate(int(self._start.passivate_after_s * 1000))
        except Exception:  # see receiveMsg_ShardBatch
            log.exception("passivation failed")
        self.wakeupAfter(timedelta(seconds=PASSIVATE_EVERY_SECONDS))

    def receiveMsg_ActorExitRequest(self, message: ActorExitRequest, sender: Any) -> None:  # noqa: N802
        if hasattr(self, "_host"):
            try:
                self._host.close()
            except Exception:
                log.exception("a shard host did not stop cleanly; its users recover from the journal")

    def _open(self, message: StartShardHost) -> None:
        store = message.open_store()
        stores = UserStores(
            Journal(store), SnapshotStore(store), SensorStore(store), DataKeyStore(store, message.master_key)
        )
        self._start = message
        self._shelf = ModelShelf(ModelStore(store))
        self._shelf.refresh()
        self._host = ShardHost(store, stores, self._shelf, _now_ms, sessions_max=message.sessions_max)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
