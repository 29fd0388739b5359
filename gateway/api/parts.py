"""Whether the node's other processes are there for devices: the gateway, and its shard hosts."""

from __future__ import annotations

from pathlib import Path

from gateway.api.problems import NotReady
from telemetry.answering import silent


class Parts:
    """`roles` are the processes that devices need; they count in `directory`. Without one nobody is asked."""

    def __init__(self, directory: Path | None = None, roles: tuple[str, ...] = ()) -> None:
        self._directory = directory
        self._roles = roles

    def check(self, now_ms: int) -> None:
        """Raise NotReady unless all of them answer. Reads a file for each."""
        if self._directory is None:
            return
        if missing := silent(self._directory, self._roles, now_ms / 1000):
            raise NotReady(
                f"{', '.join(missing)} of this node does not answer",
                expected="the gateway and every shard host",
                remedy="wait until it was started again; see the node's log",
            )
