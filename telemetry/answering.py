"""Which of a node's processes answer: each says in its page when its loop last turned, every second."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

import psutil

from telemetry.metrics import DECLARED, LOOP_TURNED
from telemetry.pages import Page, pages

TURN_SECONDS = 1.0  # between two times that a process says so
SILENT_SECONDS = 10.0  # then it does not answer; by then a shard host has lost its lease, too

_TURNED = LOOP_TURNED.of()


def turned() -> None:
    """The loop of this process has turned."""
    _TURNED.set(time.time())


def silent(directory: Path, roles: Collection[str], now_s: float) -> list[str]:
    """Those of `roles` that are gone, have not begun, or have not turned for SILENT_SECONDS; `now_s` is since
    1970. A clock that was set makes all of them silent for a moment.
    """
    found = {page.role: page for page in pages(directory, DECLARED.layout())}
    return [role for role in roles if role not in found or not _answers(found[role], now_s)]


def _answers(page: Page, now_s: float) -> bool:
    turned_s = page.slots[_TURNED.at]
    return abs(now_s - turned_s) < SILENT_SECONDS and page.process is not None and _runs(page.process)


def _runs(process: psutil.Process) -> bool:
    """A process that was killed is there until somebody asks for its status."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
