"""A shard host in this process, for benchmarks that have the load inside."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Sequence

from actors.messages import Addressed, Envelope
from actors.recognition import ModelShelf
from actors.shard_host import ShardHost
from actors.shard_host_actor import SWITCH_SECONDS
from actors.tenure import Tenure
from actors.user_stores import UserStores
from domain.identifiers import SHARD_COUNT, ShardNr
from persistence.models import ModelStore
from persistence.ports import Store

MASTER_KEY = os.urandom(32)


def stores_of(store: Store) -> UserStores:
    return UserStores.over(store, MASTER_KEY)


class Host:
    """A shard host of all shards."""

    def __init__(self, store: Store, *, epoch: int = 1 << 20) -> None:
        self._woken = threading.Event()
        self._batch_nr = 0
        sys.setswitchinterval(SWITCH_SECONDS)
        tenure = Tenure(time.monotonic)
        tenure.valid_until_s = math.inf
        tenure.epochs = {ShardNr(number): epoch for number in range(SHARD_COUNT)}
        self.host = ShardHost(
            store,
            stores_of(store),
            ModelShelf(ModelStore(store)),
            tenure,
            now_ms,
            woken=self._woken.set,
            sessions_max=10**9,
        )

    def submit(self, envelopes: Sequence[Envelope]) -> None:
        if envelopes:
            self._batch_nr += 1
            self.host.submit(self._batch_nr, envelopes)
            self._woken.set()

    def replies(self, wait_s: float | None = None) -> list[Addressed]:
        """The replies that there are; waits so long for something to happen."""
        if wait_s is not None:
            self._woken.wait(wait_s)
        self._woken.clear()
        return self.host.advance().replies

    def settle(self) -> list[Addressed]:
        """Wait until all is answered."""
        replies = self.replies()
        while not self.host.is_idle:
            replies += self.replies(0.05)
        return replies


def now_ms() -> int:
    return time.time_ns() // 1_000_000
