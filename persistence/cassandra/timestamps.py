"""Write times: of two values of a cell Cassandra keeps the one written later, by these."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def _now_us() -> int:
    return time.time_ns() // 1000


class Timestamps:
    """Microseconds since 1970 UTC that only ever grow; the clock may stand still or go back meanwhile."""

    def __init__(self, now_us: Callable[[], int] = _now_us) -> None:
        self._now_us = now_us
        self._last_us = 0
        self._lock = threading.Lock()

    def take(self, count: int) -> int:
        """The first of `count` successive times that nothing else gets."""
        with self._lock:
            first = max(self._now_us(), self._last_us + 1)
            self._last_us = first + count - 1
            return first

    def not_before(self, at_ms: int) -> None:
        """Let all that are taken from now on be later than any within the millisecond `at_ms`."""
        with self._lock:
            self._last_us = max(self._last_us, at_ms * 1000 + 999)
