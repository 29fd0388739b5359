"""Small parts of a node, for tests of what runs them."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thespian.actors import ActorExitRequest, ActorTypeDispatcher

from actors.messages import Directory, Started, StartFailed


@dataclass(frozen=True)
class StartPart:
    """`how` is what happens at the start; the part notes its life in `notes`."""

    notes: Path
    how: str = "starts"
    port: int = 0


@dataclass(frozen=True)
class GetPart:
    """Answered with Part."""


@dataclass(frozen=True)
class Part:
    pid: int
    port: int
    known: tuple[str, ...]


class PartActor(ActorTypeDispatcher):
    _known: tuple[str, ...] = ()
    _start: StartPart

    def receiveMsg_StartPart(self, message: StartPart, sender: Any) -> None:  # noqa: N802
        self._start = message
        if message.how == "fails" or (message.how == "fails once made again" and message.notes.exists()):
            self.send(sender, StartFailed("no room for this part"))
        elif message.how == "raises":
            raise ValueError("out of tune")
        elif message.how == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            self._note("started")
            self.send(sender, Started(message.port or 4711))

    def receiveMsg_Directory(self, message: Directory, sender: Any) -> None:  # noqa: N802
        self._known = tuple(sorted(message.addresses))

    def receiveMsg_GetPart(self, message: GetPart, sender: Any) -> None:  # noqa: N802
        self.send(sender, Part(os.getpid(), self._start.port, self._known))

    def receiveMsg_ActorExitRequest(self, message: ActorExitRequest, sender: Any) -> None:  # noqa: N802
        if self._start.how == "hangs":
            time.sleep(600)
        self._note("ended")

    def _note(self, what: str) -> None:
        with self._start.notes.open("a") as notes:
            notes.write(f"{self._start.notes.name} {what}\n")


class LaterPartActor(PartActor):
    stop_stage = 1

    def _note(self, what: str) -> None:
        with self._start.notes.open("a") as notes:
            notes.write(f"later {what}\n")
