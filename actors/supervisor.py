"""Keeps a node's processes running: starts them, makes them again when they die, tells each of the others."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from thespian.actors import (
    ActorAddress,
    ActorExitRequest,
    ActorTypeDispatcher,
    ChildActorExited,
    WakeupMessage,
)

from actors.messages import Directory, GetDirectory, Started, StartFailed, Supervise

log = logging.getLogger(__name__)

RESTARTS_MAX = 5
RESTARTS_WITHIN_SECONDS = 60.0
OWNER_CHECK_SECONDS = 1.0


@dataclass
class _Child:
    request: Supervise
    address: ActorAddress
    asker: ActorAddress | None
    is_ready: bool = False
    restarts: deque[float] = field(default_factory=lambda: deque(maxlen=RESTARTS_MAX))


@dataclass(frozen=True)
class Own:
    """Node to supervisor: stop everything when the process `pid` is gone. No answer."""

    pid: int


class Supervisor(ActorTypeDispatcher):
    def __init__(self) -> None:
        super().__init__()
        self._children: dict[str, _Child] = {}
        self._owner_pid = 0
        self._stopping = False

    def receiveMsg_Own(self, message: Own, sender: Any) -> None:  # noqa: N802
        self._owner_pid = message.pid
        self.wakeupAfter(timedelta(seconds=OWNER_CHECK_SECONDS))

    def receiveMsg_Supervise(self, message: Supervise, sender: Any) -> None:  # noqa: N802
        self._children[message.name] = _Child(message, self._create(message), sender)

    def receiveMsg_Started(self, message: Started, sender: Any) -> None:  # noqa: N802
        child = self._child_at(sender)
        if child is None:
            return
        child.is_ready = True
        self._publish()
        self._answer(child, message)

    def receiveMsg_StartFailed(self, message: StartFailed, sender: Any) -> None:  # noqa: N802
        child = self._child_at(sender)
        if child is not None:
            log.error("%s did not start: %s", child.request.name, message.message)
            self._answer(child, message)

    def receiveMsg_ChildActorExited(self, message: ChildActorExited, sender: Any) -> None:  # noqa: N802
        child = self._child_at(message.childAddress)
        if child is None or self._stopping:
            return
        child.is_ready = False
        self._publish()
        now_s = time.monotonic()
        if len(child.restarts) == RESTARTS_MAX and now_s - child.restarts[0] < RESTARTS_WITHIN_SECONDS:
            log.error("%s died %d times in a minute and stays down", child.request.name, RESTARTS_MAX)
            return
        log.error("%s died and is started again", child.request.name)
        child.restarts.append(now_s)
        child.address = self._create(child.request)

    def receiveMsg_WakeupMessage(self, message: WakeupMessage, sender: Any) -> None:  # noqa: N802
        if _is_running(self._owner_pid):
            self.wakeupAfter(timedelta(seconds=OWNER_CHECK_SECONDS))
        else:
            log.error("the process that started this node is gone: the node stops")
            self.actorSystemShutdown()

    def receiveMsg_ActorExitRequest(self, message: ActorExitRequest, sender: Any) -> None:  # noqa: N802
        self._stopping = True  # the children are told by Thespian

    def _create(self, request: Supervise) -> ActorAddress:
        address = self.createActor(request.actor_class)
        self.send(address, request.start)
        return address

    def _child_at(self, address: ActorAddress) -> _Child | None:
        return next((child for child in self._children.values() if child.address == address), None)

    def receiveMsg_GetDirectory(self, message: GetDirectory, sender: Any) -> None:  # noqa: N802
        self.send(sender, self._directory())

    def _directory(self) -> Directory:
        return Directory({name: child.address for name, child in self._children.items() if child.is_ready})

    def _publish(self) -> None:
        directory = self._directory()
        for address in directory.addresses.values():
            self.send(address, directory)

    def _answer(self, child: _Child, message: Started | StartFailed) -> None:
        if child.asker is not None:
            self.send(child.asker, message)
            child.asker = None


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it runs, under another user
    return True
