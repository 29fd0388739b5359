"""What a shard host may act for, and until when."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from domain.identifiers import ShardNr, UserId, shard_of

ATTEMPTS_PER_VIEW = 1 << 20  # writer epochs between those of two views: one per write that failed


def machine_s() -> float:
    """Seconds by a clock of this machine that no one sets, and that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Tenure:
    """The shards that a host serves, with the epoch it writes each under, while its lease is valid.

    `clock_s` is `machine_s`, or a test's. The membership's thread renews it, the host's loop asks it; each
    field is replaced as a whole.
    """

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self.valid_until_s = float("-inf")
        self.epochs: Mapping[ShardNr, int] = {}

    @property
    def is_valid(self) -> bool:
        """Nobody else can own the shards now. Ask after a write was durable and before it is acknowledged."""
        return self._clock_s() < self.valid_until_s

    def epoch_of(self, user: UserId) -> int | None:
        """The epoch of the user's shard, or None if this host may not act for it."""
        return self.epochs.get(shard_of(user)) if self.is_valid else None
