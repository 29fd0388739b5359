"""How long an answer is waited for, and how long before asking again."""

from __future__ import annotations

import random
from collections.abc import Callable

REQUEST_SECONDS = 4.0  # more than a server takes to say that another did not answer it: 2 s by default
_LAST_SECONDS = 0.5
_FIRST_SECONDS, _LONGEST_SECONDS = 0.05, 1.0


def request_seconds(remaining: float) -> float:
    """How long to wait for an answer if it is tried for `remaining` seconds more."""
    return max(_LAST_SECONDS, min(REQUEST_SECONDS, remaining))


def pause_seconds(failures: int, jitter: Callable[[], float] = random.random) -> float:
    """How long to wait after `failures` others; `jitter` gives from 0 to 1."""
    return min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** min(failures, 10)) * (0.5 + jitter())
