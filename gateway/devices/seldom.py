"""Lines for the log that a stranger can cause as often as they like: each kind is written now and then."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

SECONDS = 10.0  # at least between two lines of a kind


class Seldom:
    """Warnings of one kind; each says how many were left out before it."""

    def __init__(self, log: logging.Logger, now_s: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._now_s = now_s
        self._next_s = -float("inf")
        self._left_out = 0

    def __call__(self, text: str, *arguments: object) -> None:
        now_s = self._now_s()
        if now_s < self._next_s:
            self._left_out += 1
            return
        more = f" ({self._left_out} lines like this were left out)" if self._left_out else ""
        self._log.warning(text + more, *arguments)
        self._next_s, self._left_out = now_s + SECONDS, 0
