"""The Thespian process around a shard host and its membership.

The store's threads and the membership's thread meet the actor's loop in a pipe: what they have to say is
queued, and a byte in the pipe wakes the loop.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import time
import uuid
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from thespian.actors import ActorExitRequest, ActorTypeDispatcher, ThespianWatch, WakeupMessage

from actors import counts
from actors.answers import refusal
from actors.erasing import ErasureThread
from actors.groups import GroupThread
from actors.handlers import handled_once
from actors.membership import Holding, Membership
from actors.membership_thread import MembershipThread
from actors.messages import (
    Addressed,
    Directory,
    Envelope,
    ModelsChanged,
    ShardAnswer,
    ShardBatch,
    Started,
    StartFailed,
    StartShardHost,
    ViewChanged,
    decode_envelopes,
    encode_addressed,
    is_of_api,
    live_updates,
)
from actors.recognition import ModelShelf
from actors.session_actor import internal_error
from actors.shard_host import Answers, ShardHost
from actors.tenure import Tenure, machine_s
from actors.user_stores import UserStores
from domain.identifiers import UserId
from persistence.erasure import ErasureStore
from persistence.learned import cluster_finder
from persistence.models import ModelStore
from persistence.ports import Store
from telemetry import metrics, spans
from telemetry.answering import TURN_SECONDS, turned

log = logging.getLogger(__name__)

PASSIVATE_EVERY_SECONDS = 10.0
PASSIVATE_MAX = 200  # at a time: batches wait meanwhile
CLOSE_SECONDS_MAX = 1.0
SWITCH_SECONDS = 0.0005  # how long the loop may hold the interpreter while the store's threads wait
LEAVE_SECONDS_MAX = 2.0
WATCHERS = ("api",)  # who is sent live updates
ROUTERS = ("gateway", "api")  # who is told which host owns which shard


@dataclass(frozen=True)
class _Turn:
    """Wakeup: say that the loop turns. Without it: let go of idle users, tidy up."""


class ShardHostActor(ActorTypeDispatcher):
    stop_stage = 1  # before the gateway, which brings its last answers to devices, and says who serves them

    _host: ShardHost | None = None
    _shelf: ModelShelf
    _start: StartShardHost
    _store: Store
    _membership: MembershipThread
    _groups: GroupThread
    _erasing: ErasureThread
    _erased: deque[list[UserId]]
    _holdings: deque[Holding]
    _holding: Holding | None = None
    _is_releasing = False
    _gateway: Any = None
    _api: Any = None
    _addresses: Mapping[str, Any] = {}
    _wake_read: int
    _wake_write: int

    def receiveMessage(self, message: object, sender: Any) -> Any:  # noqa: N802
        """Every message is answered with the watch over the pipe, or Thespian would drop it."""
        self._handle(message, sender)
        return ThespianWatch([self._wake_read]) if self._host is not None else None

    @handled_once
    def _handle(self, message: object, sender: Any) -> None:
        super().receiveMessage(message, sender)

    def receiveMsg_StartShardHost(self, message: StartShardHost, sender: Any) -> None:  # noqa: N802
        try:
            self._open(message)
        except Exception as error:
            log.exception("a shard host cannot start")
            self.send(sender, StartFailed(str(internal_error(error))))
            return
        self.send(sender, Started())
        self.wakeupAfter(timedelta(seconds=PASSIVATE_EVERY_SECONDS))
        self._turn()

    def receiveMsg_ShardBatch(self, message: ShardBatch, sender: Any) -> None:  # noqa: N802
        """Whatever happens the sender gets an answer, or it would wait with all that follows."""
        if is_of_api(message.number):
            self._api = sender
        else:
            self._gateway = sender
        envelopes: list[Envelope] = []
        try:
            envelopes = decode_envelopes(message.envelopes)
            assert self._host is not None, "started first"
            self._host.submit(message.number, envelopes)
        except Exception as error:
            log.exception("a batch cannot be taken")
            failure = internal_error(error)
            replies = [Addressed(e.connection, e.user, refusal(e.command, failure)) for e in envelopes]
            self._answer(Answers([message.number], replies))
            return
        self._advance()

    def receiveMsg_WatchMessage(self, message: Any, sender: Any) -> None:  # noqa: N802
        with suppress(BlockingIOError):
            os.read(self._wake_read, 65536)
        while self._holdings:
            self._take_over(self._holdings.popleft())
        while self._erased and self._host is not None:
            self._host.evict(self._erased.popleft())
        self._advance()

    def receiveMsg_Directory(self, message: Directory, sender: Any) -> None:  # noqa: N802
        self._addresses = message.addresses
        self._tell_view()

    def receiveMsg_ModelsChanged(self, message: ModelsChanged, sender: Any) -> None:  # noqa: N802
        if self._host is not None:
            self._shelf.refresh()

    def receiveMsg_WakeupMessage(self, message: WakeupMessage, sender: Any) -> None:  # noqa: N802
        if isinstance(message.payload, _Turn):
            self._turn()
            return
        self.wakeupAfter(timedelta(seconds=PASSIVATE_EVERY_SECONDS))
        if self._host is not None:
            idle_ms = int(self._start.passivate_after_s * 1000)
            self._host.passivate(idle_ms, PASSIVATE_MAX)
            gc.collect()  # only what came since the last time is looked at:
            gc.freeze()  # walking 100,000 live users again and again would be a pause of 0.2 s each time

    def receiveMsg_ActorExitRequest(self, message: ActorExitRequest, sender: Any) -> None:  # noqa: N802
        if self._host is not None:
            self._answer(self._host.close(CLOSE_SECONDS_MAX))
            if not self._membership.leave(LEAVE_SECONDS_MAX):
                log.warning("%s did not leave in time: others wait for its lease", self._start.member_id)
            self._groups.stop(LEAVE_SECONDS_MAX)
            self._erasing.stop(LEAVE_SECONDS_MAX)
            self._host = None
            self._store.close()
            spans.end_recording()

    def _open(self, message: StartShardHost) -> None:
        metrics.count_as(message.member_id.rpartition("/")[2])
        store = self._store = message.open_store()
        stores = UserStores.over(store, message.master_key)
        self._start = message
        self._shelf = ModelShelf(ModelStore(store), cluster_finder(store, message.pseudonym_key))
        self._shelf.refresh()
        self._holdings = deque()
        self._erased = deque()
        sys.setswitchinterval(SWITCH_SECONDS)
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        tenure = Tenure(machine_s)
        self._host = ShardHost(
            store, stores, self._shelf, tenure, _now_ms, woken=self._wake, sessions_max=message.sessions_max
        )
        membership = Membership(
            store,
            message.member_id,
            message.url,
            tenure,
            machine_s,
            new_incarnation=lambda: uuid.uuid4().hex,
            lease_s=message.lease_s,
            api_url=message.api_url,
        )
        self._membership = MembershipThread(membership, self._changed)
        self._membership.start()
        self._groups = GroupThread(stores.groups)
        self._groups.start()
        self._erasing = ErasureThread(ErasureStore(store), message.member_id, self._asked_to_let_go)
        self._erasing.start()
        gc.freeze()

    def _turn(self) -> None:
        """The loop comes round again in a second, and says so."""
        turned()
        self.wakeupAfter(timedelta(seconds=TURN_SECONDS), payload=_Turn())

    def _changed(self, holding: Holding) -> None:
        """Called in the membership's thread."""
        self._holdings.append(holding)
        self._wake()

    def _asked_to_let_go(self, users: list[UserId]) -> None:
        """Called in the erasures' thread."""
        self._erased.append(users)
        self._wake()

    def _wake(self) -> None:
        """Called in any thread."""
        with suppress(BlockingIOError):  # a full pipe wakes the actor as well
            os.write(self._wake_write, b"x")

    def _take_over(self, holding: Holding) -> None:
        assert self._host is not None, "started first"
        self._holding = holding
        self._is_releasing = True
        self._host.serve(holding.epochs)
        counts.shards(len(holding.epochs))
        self._tell_view()

    def _advance(self) -> None:
        if self._host is None:
            return
        self._answer(self._host.advance())
        for user in self._erasing.waited_for:
            if self._host.has_let_go(user):
                self._erasing.let_go(user)
        if self._is_releasing and self._holding is not None and self._host.has_released:
            self._is_releasing = False
            self._membership.released(self._holding)

    def _answer(self, answers: Answers) -> None:
        """Batches are answered to who sent them; what no connection asked for is the gateway's."""
        counts.answered(answers.finished, answers.replies)
        for_api, for_gateway = _parted(answers)
        self._answer_to(self._api, for_api)
        self._answer_to(self._gateway or self._addresses.get("gateway"), for_gateway)
        if (updates := live_updates(for_gateway.replies)) is not None:
            self._send_all(WATCHERS, updates)

    def _answer_to(self, address: Any, answers: Answers) -> None:
        if address is not None and (answers.finished or answers.replies):
            self.send(address, ShardAnswer(tuple(answers.finished), encode_addressed(answers.replies)))

    def _tell_view(self) -> None:
        if self._holding is not None:
            self._send_all(ROUTERS, ViewChanged(self._holding.view))

    def _send_all(self, names: tuple[str, ...], message: object) -> None:
        for name in names:
            if name in self._addresses:
                self.send(self._addresses[name], message)


def _parted(answers: Answers) -> tuple[Answers, Answers]:
    """The API's and the gateway's."""
    for_api, for_gateway = Answers(), Answers()
    for number in answers.finished:
        (for_api if is_of_api(number) else for_gateway).finished.append(number)
    for each in answers.replies:
        is_asked = each.connection is not None and is_of_api(each.connection)
        (for_api if is_asked else for_gateway).replies.append(each)
    return for_api, for_gateway


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
