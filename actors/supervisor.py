"""Keeps a node's processes running: starts them, makes them again when they die, tells each of the others."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import timedelta
from typing import Any

import psutil
from thespian.actors import (
    ActorAddress,
    ActorExitRequest,
    ActorTypeDispatcher,
    ChildActorExited,
    PoisonMessage,
    WakeupMessage,
)

from actors.handlers import handled_once
from actors.kernel import die_with_parent
from actors.messages import Directory, GetDirectory, Started, StartFailed, Supervise

log = logging.getLogger(__name__)

RESTART_DELAYS_SECONDS = (0.0, 0.5, 2.0, 5.0, 10.0)  # before the restarts of a minute; then it stays down
RESTARTS_WITHIN_SECONDS = 60.0
OWNER_CHECK_SECONDS = 1.0
STOP_SECONDS_MAX = 6.0  # for all stages together; what has not ended by then is killed


@dataclass(frozen=True)
class Own:
    """Node to supervisor: stop everything when the process `pid` is gone. Answered with Owned."""

    pid: int


@dataclass(frozen=True)
class Owned:
    """`pid` is the supervisor's process."""

    pid: int


@dataclass(frozen=True)
class Stop:
    """Node to supervisor: end every part, stage by stage. Answered with Stopped when all have ended."""


@dataclass(frozen=True)
class Stopped:
    """The answer to Stop."""


@dataclass(frozen=True)
class _Look:
    """Wakeup: does the owner still run?"""


@dataclass(frozen=True)
class _Restart:
    """Wakeup: make this part again."""

    name: str


@dataclass(frozen=True)
class _Overdue:
    """Wakeup: stopping has taken too long."""


@dataclass
class _Child:
    request: Supervise
    address: ActorAddress | None
    asker: ActorAddress | None
    process: psutil.Process | None = None
    is_ready: bool = False
    is_told: bool = False  # to exit
    is_given_up: bool = False
    restarts: deque[float] = field(default_factory=lambda: deque(maxlen=len(RESTART_DELAYS_SECONDS)))


class Supervisor(ActorTypeDispatcher):
    def __init__(self) -> None:
        super().__init__()
        self._children: dict[str, _Child] = {}
        self._owner: psutil.Process | None = None
        self._stopping = False
        self._stopper: ActorAddress | None = None
        # Parts without a supervisor would hold the node's ports and nobody would know them.
        os.register_at_fork(after_in_child=die_with_parent)

    @handled_once
    def receiveMsg_Own(self, message: Own, sender: Any) -> None:  # noqa: N802
        self._owner = psutil.Process(message.pid)
        self.send(sender, Owned(os.getpid()))
        self.wakeupAfter(timedelta(seconds=OWNER_CHECK_SECONDS), payload=_Look())

    @handled_once
    def receiveMsg_Supervise(self, message: Supervise, sender: Any) -> None:  # noqa: N802
        child = self._children[message.name] = _Child(message, None, sender)
        self._create(child)

    @handled_once
    def receiveMsg_Started(self, message: Started, sender: Any) -> None:  # noqa: N802
        child = self._child_at(sender)
        if child is None:
            return
        child.is_ready, child.process = True, _process(message.pid)
        child.request = _keeping_port(child.request, message.port)
        self._publish()
        self._answer(child, message)

    @handled_once
    def receiveMsg_StartFailed(self, message: StartFailed, sender: Any) -> None:  # noqa: N802
        self._not_started(sender, message)

    @handled_once
    def receiveMsg_PoisonMessage(self, message: PoisonMessage, sender: Any) -> None:  # noqa: N802
        """A part raised at a message of the supervisor."""
        child = self._child_at(sender)
        if child is not None and not child.is_ready:
            reason = message.details.strip().rpartition("\n")[2] if message.details else "it raised"
            self._not_started(sender, StartFailed(f"{child.request.name} cannot start: {reason}"))

    @handled_once
    def receiveMsg_ChildActorExited(self, message: ChildActorExited, sender: Any) -> None:  # noqa: N802
        child = self._child_at(message.childAddress)
        if child is not None:
            self._exited(child)
        self._look_for_dead()

    @handled_once
    def receiveMsg_WakeupMessage(self, message: WakeupMessage, sender: Any) -> None:  # noqa: N802
        match message.payload:
            case _Look():
                self.wakeupAfter(timedelta(seconds=OWNER_CHECK_SECONDS), payload=_Look())
                self._look_for_dead()
                if self._owner is not None and not is_running(self._owner) and not self._stopping:
                    log.error("the process that started this node is gone: the node stops")
                    self._stop()
            case _Restart(name) if not self._stopping and name in self._children:
                self._create(self._children[name])
            case _Overdue():
                self._kill_rest()

    @handled_once
    def receiveMsg_Stop(self, message: Stop, sender: Any) -> None:  # noqa: N802
        self._stopper = sender
        self._stop()

    @handled_once
    def receiveMsg_ActorExitRequest(self, message: ActorExitRequest, sender: Any) -> None:  # noqa: N802
        self._stopping = True  # the children are told by Thespian

    @handled_once
    def receiveMsg_GetDirectory(self, message: GetDirectory, sender: Any) -> None:  # noqa: N802
        self.send(sender, self._directory())

    def _create(self, child: _Child) -> None:
        child.address = self.createActor(child.request.actor_class)
        self.send(child.address, child.request.start)

    def _look_for_dead(self) -> None:
        """Of children that die at the same time Thespian tells of one."""
        for child in list(self._children.values()):
            if child.is_ready and (child.process is None or not is_running(child.process)):
                self._exited(child)

    def _exited(self, child: _Child) -> None:
        child.address, child.is_ready = None, False
        if self._stopping:
            self._stop_stage()
            return
        self._publish()
        if child.asker is not None:
            name = child.request.name
            self._answer(child, StartFailed(f"{name} died while it started; see the node's log"))
            del self._children[name]
            return
        self._plan_restart(child)

    def _not_started(self, address: ActorAddress, message: StartFailed) -> None:
        """A part that was never ready is given up; one that was before is tried again when it has ended."""
        child = self._child_at(address)
        if child is None:
            return
        log.error("%s did not start: %s", child.request.name, message.message)
        if child.asker is not None:
            self._answer(child, message)
            del self._children[child.request.name]
        self.send(address, ActorExitRequest())

    def _plan_restart(self, child: _Child) -> None:
        name, now_s = child.request.name, time.monotonic()
        recent = [at_s for at_s in child.restarts if now_s - at_s < RESTARTS_WITHIN_SECONDS]
        if len(recent) == len(RESTART_DELAYS_SECONDS):
            log.error("%s died %d times in a minute and stays down", name, len(recent) + 1)
            child.is_given_up = True
            return
        log.error("%s died and is started again", name)
        child.restarts.append(now_s)
        if delay_s := RESTART_DELAYS_SECONDS[len(recent)]:
            self.wakeupAfter(timedelta(seconds=delay_s), payload=_Restart(name))
        else:
            self._create(child)

    def _stop(self) -> None:
        self._stopping = True
        self.wakeupAfter(timedelta(seconds=STOP_SECONDS_MAX), payload=_Overdue())
        self._stop_stage()

    def _stop_stage(self) -> None:
        """Tell the parts of the lowest stage to end, once those of the stages below it have."""
        left = [child for child in self._children.values() if child.address is not None]
        if not left:
            if self._stopper is not None:
                self.send(self._stopper, Stopped())
            else:
                _kill_node()
            return
        lowest = min(map(_stage, left))
        for child in left:
            if _stage(child) == lowest and not child.is_told:
                child.is_told = True
                self.send(child.address, ActorExitRequest())

    def _kill_rest(self) -> None:
        for process in psutil.Process().children(recursive=True):
            log.error("process %d did not end in time and is killed", process.pid)
            process.kill()
        if self._stopper is None:
            _kill_node()

    def _child_at(self, address: ActorAddress) -> _Child | None:
        return next((child for child in self._children.values() if child.address == address), None)

    def _directory(self) -> Directory:
        children = self._children.items()
        return Directory(
            {name: child.address for name, child in children if child.is_ready},
            tuple(name for name, child in children if child.is_given_up),
        )

    def _publish(self) -> None:
        directory = self._directory()
        for address in directory.addresses.values():
            self.send(address, directory)

    def _answer(self, child: _Child, message: Started | StartFailed) -> None:
        if child.asker is not None:
            self.send(child.asker, message)
            child.asker = None


def _keeping_port(request: Supervise, port: int | None) -> Supervise:
    """The request for a part that listens, so that one made again listens where its clients look for it."""
    start = request.start
    if port is None or not is_dataclass(start) or "port" not in {each.name for each in fields(start)}:
        return request
    return replace(request, start=replace(start, port=port))  # type: ignore[type-var]


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _kill_node() -> None:
    """The actor system's own processes. Asked to end, they may wait for ever for the death of children that
    they were not told of, and nobody is left who would see to it.
    """
    me = psutil.Process()
    admin = me.parent()
    siblings = [process for process in admin.children(recursive=True) if process != me]
    for process in [*siblings, admin, me]:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _stage(child: _Child) -> int:
    stage: int = getattr(child.request.actor_class, "stop_stage", 0)
    return stage


def is_running(process: psutil.Process) -> bool:
    """Whether the process has not ended; one that nobody waited for yet has."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
