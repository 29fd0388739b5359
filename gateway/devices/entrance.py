"""The open port: lets connections in, holds those that have to wait, turns away those without a place."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import ssl
from asyncio import BaseProtocol
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import aiofastnet

from domain.errors import ConfigurationError
from gateway import counts
from gateway.devices.doorman import Doorman, Visit
from gateway.devices.limits import Limits

ACCEPTS_MAX = 16  # in one turn of the loop, in which those who are inside wait
BACKLOG = 128  # that the kernel holds
REST_SECONDS = 1.0  # without accepting, when there are no more files
TURN_SECONDS = (0.01, 1.0)  # at least and at most, until those of an address who wait are looked at again
REQUEST_BYTES = 4096  # that are read of whom is turned away: unread ones would make TCP drop the answer

_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 42\r\n\r\n"
    b"all connections are taken; try again later"
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Held:
    peer: socket.socket
    visit: Visit
    until_s: float  # then it has waited long enough to be told


class Entrance:
    """Asks the doorman about each connection before anything is made for it.

    Who has to wait is not read meanwhile, and costs a file and no more. Of those of one address any may be
    next: so who comes back at once gains nothing by it, and many gain by their number alone. `choose` picks a
    number below the one that it is given.
    """

    def __init__(
        self,
        doorman: Doorman,
        limits: Limits,
        make_protocol: Callable[[Visit], BaseProtocol],
        tls: ssl.SSLContext | None = None,
        choose: Callable[[int], int] = random.randrange,
    ) -> None:
        self._doorman = doorman
        self._wait_seconds_max = limits.hello_seconds
        self._make_protocol = make_protocol
        self._choose = choose
        self._listening: list[socket.socket] = []
        self._held: dict[str, list[_Held]] = {}
        self._beginning: set[asyncio.Task[None]] = set()
        self._tls = tls

    async def open(self, host: str, port: int) -> int:
        """Listen in the running loop; return the port. Raises ConfigurationError if it cannot be had."""
        self._loop = asyncio.get_running_loop()
        try:
            found = await self._loop.getaddrinfo(
                host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            for family, _, _, _, address in dict.fromkeys(found):
                self._listening.append(_listening(family, (address[0], port, *address[2:])))
        except (OSError, OverflowError) as error:
            self.close()
            raise ConfigurationError(
                f"the device gateway cannot listen on {host}:{port}: {getattr(error, 'strerror', error)}",
                remedy="choose another port with --gateway-port, or stop what uses it",
            ) from error
        for each in self._listening:
            self._loop.add_reader(each.fileno(), self._accept, each)
        bound: int = self._listening[0].getsockname()[1]
        return bound

    def close(self) -> None:
        """Take nobody more; those who wait are hung up."""
        for each in self._listening:
            self._loop.remove_reader(each.fileno())
            each.close()
        self._listening.clear()
        for waiting in self._held.values():
            for held in waiting:
                _hang_up(held)
        self._held.clear()

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTS_MAX):
            try:
                peer, address = listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:  # the kernel would go on telling that somebody is there
                log.error("no connections are taken for %g s: %s", REST_SECONDS, error.strerror)
                self._loop.remove_reader(listening.fileno())
                self._loop.call_later(REST_SECONDS, self._accept_again, listening)
                return
            peer.setblocking(False)
            self._came(peer, str(address[0]))

    def _accept_again(self, listening: socket.socket) -> None:
        if listening in self._listening:
            self._loop.add_reader(listening.fileno(), self._accept, listening)

    def _came(self, peer: socket.socket, address: str) -> None:
        visit = self._doorman.enter(address)
        if visit is None:
            self._turn_away(peer)
            return
        waiting = self._held.get(visit.address)
        if waiting is None and not visit.wait_s:
            self._let_in(peer, visit)
            return
        counts.held_back()
        held = _Held(peer, visit, self._loop.time() + self._wait_seconds_max)
        if waiting is None:
            self._held[visit.address] = [held]
            self._look_again(visit)
        else:
            waiting.append(held)

    def _look_again(self, visit: Visit) -> None:
        least_s, most_s = TURN_SECONDS
        self._loop.call_later(max(least_s, min(visit.wait_s, most_s)), self._take_turn, visit.address)

    def _take_turn(self, address: str) -> None:
        """Let in as many of `address` as may come now; who left meanwhile, or waited too long, goes."""
        waiting = self._held.pop(address, [])  # none once it is closed
        waiting = [held for held in waiting if not self._is_over(held)]
        while waiting and not waiting[0].visit.wait_s:
            held = waiting.pop(self._choose(len(waiting)))
            self._let_in(held.peer, held.visit)
        if waiting:
            self._held[address] = waiting
            self._look_again(waiting[0].visit)

    def _is_over(self, held: _Held) -> bool:
        if _has_left(held.peer):
            _hang_up(held)
            return True
        if self._loop.time() < held.until_s:
            return False
        held.visit.leave()
        counts.turned_away()
        self._turn_away(held.peer)
        return True

    def _turn_away(self, peer: socket.socket) -> None:
        with suppress(OSError):
            if self._tls is None:
                peer.send(_FULL)
                peer.recv(REQUEST_BYTES)
        peer.close()

    def _let_in(self, peer: socket.socket, visit: Visit) -> None:
        visit.come_in()
        task = self._loop.create_task(self._begin(peer, visit))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    async def _begin(self, peer: socket.socket, visit: Visit) -> None:
        """From here on the protocol has the connection, and tells the doorman when it ends."""
        seconds = self._wait_seconds_max if self._tls is not None else None
        try:
            await aiofastnet.connect_accepted_socket(
                self._loop,
                lambda: self._make_protocol(visit),
                peer,
                ssl=self._tls,
                ssl_handshake_timeout=seconds,
            )
        except BaseException as error:
            peer.close()
            visit.leave()
            if not isinstance(error, OSError):  # else no TLS, or none that they could agree upon
                raise


def _listening(family: int, address: tuple[object, ...]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # IPv4 has a socket of its own
        made.setblocking(False)
        made.bind(address)
        made.listen(BACKLOG)
    except BaseException:
        made.close()
        raise
    return made


def _has_left(peer: socket.socket) -> bool:
    try:
        return not peer.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _hang_up(held: _Held) -> None:
    held.peer.close()
    held.visit.leave()
