"""A node: an actor system of processes on loopback under one supervisor."""

from __future__ import annotations

import logging
import os
import random
import socket
import time
from contextlib import suppress
from types import TracebackType
from typing import Any

import psutil
from thespian.actors import ActorAddress, ActorSystem, ActorSystemException, InvalidActorAddress
from thespian.system.transport.IPBase import IPActorAddress

from actors.messages import Directory, GetDirectory, Started, StartFailed, Supervise
from actors.supervisor import STOP_SECONDS_MAX, Own, Stop, Supervisor, is_running
from domain.errors import ConfigurationError, ProcessFailed

START_SECONDS = 30.0
ASK_SECONDS = 10.0
KILL_SECONDS = 0.5  # from the end of the actor system to that of its processes
POLL_SECONDS = 0.01
LOOPBACK = "127.0.0.1"
PORTS = (20_000, 32_000)
PORT_TRIES_MAX = 3

log = logging.getLogger(__name__)


class Node:
    """Use as a context manager; leaving it stops every process that it started."""

    def __init__(self, log_definitions: dict[str, Any] | None = None) -> None:
        self._system = actor_system(log_definitions)
        self._supervisor = self._system.createActor(Supervisor)
        owned = self._system.ask(self._supervisor, Own(os.getpid()), START_SECONDS)
        if owned is None:
            self._system.shutdown()
            raise ProcessFailed("the node's supervisor did not start", remedy="see the node's log")
        self._supervisor_process = psutil.Process(owned.pid)
        self._admin: psutil.Process = self._supervisor_process.parent()

    def __enter__(self) -> Node:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, name: str, actor_class: type, message: object) -> int | None:
        """Run an actor under supervision; return the port it listens on. Raises ConfigurationError."""
        answer = self._system.ask(self._supervisor, Supervise(name, actor_class, message), START_SECONDS)
        if isinstance(answer, Started):
            return answer.port
        if isinstance(answer, StartFailed):
            raise ConfigurationError(answer.message)
        raise ProcessFailed(f"{name} did not start within {START_SECONDS:g} s", remedy="see the node's log")

    def check(self) -> None:
        """Raise ProcessFailed if the node can serve no more: a part was given up, or nothing supervises."""
        if given_up := self._directory().given_up:
            names = ", ".join(given_up)
            raise ProcessFailed(f"{names} died again and again", remedy="see the node's log; start it again")

    def ask(self, name: str, message: object) -> Any:
        """The answer of a running part; raises ProcessFailed if there is none."""
        address: ActorAddress | None = self._directory().addresses.get(name)
        answer = self._system.ask(address, message, ASK_SECONDS) if address is not None else None
        if answer is None:
            raise ProcessFailed(f"{name} does not answer", remedy="see the node's log; restart the node")
        return answer

    def _directory(self) -> Directory:
        is_there = is_running(self._supervisor_process)
        directory = self._system.ask(self._supervisor, GetDirectory(), ASK_SECONDS) if is_there else None
        if not isinstance(directory, Directory):
            raise ProcessFailed("the node's supervisor is gone", remedy="start the node again")
        return directory

    def stop(self) -> None:
        """Stop every process of the node, part by part; what does not end in time is killed."""
        processes = _with_descendants(self._admin)
        if is_running(self._supervisor_process):
            self._system.ask(self._supervisor, Stop(), STOP_SECONDS_MAX + KILL_SECONDS)
        self._system.shutdown()
        deadline_s = time.monotonic() + KILL_SECONDS
        while any(map(is_running, processes)) and time.monotonic() < deadline_s:
            time.sleep(POLL_SECONDS)
        for process in filter(is_running, processes):
            with suppress(psutil.NoSuchProcess):
                process.kill()


def _keep_to_loopback() -> None:
    """Thespian unpickles what it receives: its sockets must never be reached from elsewhere.

    Its setting only says under which address actors are known; they listen on every interface nevertheless.
    The processes of the node are forked, so what is changed here holds in all of them.
    """
    os.environ["THESPIAN_BASE_IPADDR"] = LOOPBACK
    IPActorAddress.bindArgs = property(lambda address: ((LOOPBACK, address.bindname[1]),))


def _with_descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def actor_system(log_definitions: dict[str, Any] | None) -> ActorSystem:
    """Processes for actors, on loopback alone.

    Thespian wants to be told its port, and another program may take the one that was free.
    """
    _keep_to_loopback()
    for _ in range(PORT_TRIES_MAX):
        capabilities = {"Admin Port": _free_port(), "Convention Address.IPv4": None}
        try:
            return ActorSystem(
                "multiprocTCPBase", capabilities, logDefs=log_definitions, transientUnique=True
            )
        except (ActorSystemException, InvalidActorAddress) as error:
            log.warning("the actor system did not start and is tried again: %s", error)
    raise ProcessFailed("the node's actor system does not start", remedy="see the node's log")


def _free_port() -> int:
    """A free port below those that Linux gives to outgoing connections, which come and go."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            port = random.randrange(*PORTS)
            probe.bind((LOOPBACK, port))
            return port
