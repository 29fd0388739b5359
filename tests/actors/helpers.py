"""What the tests of the actors share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

import psutil

ValueT = TypeVar("ValueT")

DEADLINE_SECONDS = 60.0  # generous: it only bounds a test that fails
POLL_SECONDS = 0.02


def eventually(look: Callable[[], ValueT | None], what: str, seconds: float = DEADLINE_SECONDS) -> ValueT:
    """The first true value of `look`; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (value := look()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(POLL_SECONDS)
    return value


def are_gone(processes: Iterable[psutil.Process]) -> bool:
    """Whether all have ended; a zombie has."""
    return not any(is_alive(process) for process in processes)


def is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
