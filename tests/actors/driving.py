"""Drives a shard host as its actor does, one batch after the other."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

from actors.messages import Addressed, Envelope
from actors.shard_host import ShardHost
from actors.tenure import Tenure
from actors.user_stores import UserStores
from domain.identifiers import SHARD_COUNT, ShardNr
from persistence.ports import Store
from tests.actors.helpers import DEADLINE_SECONDS

MASTER_KEY = b"m" * 32


def stores_of(store: Store) -> UserStores:
    return UserStores.over(store, MASTER_KEY)


def every_shard(epoch: int = 0) -> Tenure:
    """A tenure of all shards that never ends."""
    tenure = Tenure(lambda: 0.0)
    tenure.valid_until_s = math.inf
    tenure.epochs = {ShardNr(number): epoch for number in range(SHARD_COUNT)}
    return tenure


class DrivenHost:
    """A shard host and what waits for it. Each one that is made writes under a higher epoch."""

    _epochs = itertools.count(1)

    def __init__(
        self,
        store: Store,
        shelf: Any,
        now_ms: Callable[[], int],
        *,
        sessions_max: int = 100,
        tenure: Tenure | None = None,
    ) -> None:
        self._some = threading.Event()
        self._numbers = itertools.count()
        self.tenure = tenure or every_shard(next(self._epochs) << 20)
        self.host = ShardHost(
            store,
            stores_of(store),
            shelf,
            self.tenure,
            now_ms,
            woken=self._some.set,
            sessions_max=sessions_max,
        )

    def process(self, envelopes: Sequence[Envelope]) -> list[Addressed]:
        """The replies to a batch, once all is answered."""
        number = next(self._numbers)
        self.host.submit(number, envelopes)
        replies: list[Addressed] = []
        while True:
            self._some.clear()
            answers = self.host.advance()
            replies += answers.replies
            if number in answers.finished:
                return replies
            assert self._some.wait(DEADLINE_SECONDS), "the host's writes do not end"

    def passivate(self, idle_ms: int, count_max: int | None = None) -> int:
        """Passivate, and wait for the snapshots."""
        count = self.host.passivate(idle_ms, count_max)
        self.host._snapshots.wait_for_all(DEADLINE_SECONDS)
        return count
