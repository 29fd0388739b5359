"""The port through which programs of the night are run, on this machine or by a cluster's own scheduler.

A run is known by its key, which whoever asks for it has chosen and written down before. So nobody can be in
doubt whether it was started: asked for again, it is not started again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

LOG_CHARACTERS_MAX = 4000


class RunState(Enum):
    """`LOST`: this launcher knows no such run. `EXPIRED`: it was ended as nobody kept it any longer."""

    RUNNING = "running"
    ENDED = "ended"
    EXPIRED = "expired"
    LOST = "lost"


@dataclass(frozen=True, kw_only=True)
class Report:
    """How a run stands. `lines` are the JSON objects that it printed since the report before.

    `status` is the program's exit status once it has ended, minus the number of the signal that ended it; or
    None if the launcher was not told.
    """

    state: RunState
    status: int | None = None
    lines: Sequence[dict[str, Any]] = ()


class Launcher(Protocol):
    """Runs programs. Used by one thread; no call waits for a program.

    A run either ends by the time `until_s` that it was last given, whatever happens to the process that
    started it, or is known to every launcher that is asked for its key, in whatever process. In the first
    case, to another one it is LOST, and may be begun again once that time is over; in the second, it is
    adopted. Times are of `machine_s`.
    """

    def start(self, key: str, argv: Sequence[str], until_s: float) -> None:
        """Run `argv` under `key`, unless that was started before.

        Raises ProcessFailed if it cannot be started; then it never will be.
        """

    def keep(self, key: str, until_s: float) -> None:
        """Let it go on until then. Nothing happens if it has ended or is unknown."""

    def poll(self, key: str) -> Report:
        """How it stands."""

    def stop(self, key: str) -> None:
        """Begin to end it, with every process that it started. A later `poll` says when that is done."""

    def log(self, key: str) -> str:
        """The end of what it printed for people, at most LOG_CHARACTERS_MAX."""

    def retain(self, keys: Collection[str]) -> None:
        """Forget what is left of runs that have ended, but for these: logs, and what a cluster remembers."""

    def close(self) -> None:
        """End what would not outlive this process anyway; returns when it has ended."""
