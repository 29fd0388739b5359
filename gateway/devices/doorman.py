"""Who may come in: connections are counted from their first byte on, before any handshake."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable

from gateway import counts
from gateway.devices.limits import Limits
from gateway.devices.seldom import Seldom
from gateway.devices.strikes import LEFT_WEIGHT, Strikes, network_of

log = logging.getLogger(__name__)


class Visit:
    """A connection of an address: it waits until it `comes_in`, and is a stranger until it is `known`."""

    __slots__ = ("_doorman", "_is_here", "_is_struck", "address", "is_stranger", "is_waiting")

    def __init__(self, doorman: Doorman, address: str) -> None:
        self._doorman = doorman
        self._is_here = True
        self._is_struck = False
        self.address = address
        self.is_waiting = True
        self.is_stranger = True

    @property
    def wait_s(self) -> float:
        """How long it still has to wait; 0 if it may come in."""
        return self._doorman.wait_s(self.address)

    def come_in(self) -> None:
        self.is_waiting = False
        self._doorman.came_in(self.address)

    def known(self) -> None:
        """The device has said who it is."""
        if self.is_stranger:
            self.is_stranger = False
            self._doorman.stranger_gone(self)

    def strike(self) -> None:
        """It is cut off for something that no device does; counted once."""
        if not self._is_struck:
            self._is_struck = True
            self._doorman.struck(self.address)

    def leave(self) -> None:
        """It has ended."""
        if self._is_here:
            self._is_here = False
            self._doorman.left(self, is_counted=self.is_stranger and not (self._is_struck or self.is_waiting))


class Doorman:
    """Counts connections, of each address those that are not authenticated, and those that ended badly.

    `now_s` is a clock that never goes back.
    """

    def __init__(self, limits: Limits, now_s: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._strikes = Strikes(limits, now_s)
        self._count = 0
        self._strangers: Counter[str] = Counter()  # those that wait among them
        self._inside: Counter[str] = Counter()  # strangers that do not wait
        self._say_full, self._say_strangers, self._say_struck = (Seldom(log, now_s) for _ in range(3))

    def enter(self, address: str) -> Visit | None:
        """One more has come, and waits; None if there is no place."""
        network = network_of(address)
        if self._count >= self._limits.connections_max:
            self._say_full("a connection of %s was turned away: there are %d", network, self._count)
            counts.turned_away()
            return None
        if self._strangers[network] >= self._limits.strangers_max:
            self._say_strangers("a connection of %s was turned away: too many of it said no hello", network)
            counts.turned_away()
            return None
        self._count += 1
        self._strangers[network] += 1
        return Visit(self, network)

    def wait_s(self, network: str) -> float:
        """How long one more of `network` has to wait before it comes in."""
        return self._strikes.wait_s(network, self._inside[network])

    def came_in(self, network: str) -> None:
        self._inside[network] += 1

    def stranger_gone(self, visit: Visit) -> None:
        _take_one(self._strangers, visit.address)
        if not visit.is_waiting:
            _take_one(self._inside, visit.address)

    def struck(self, network: str) -> None:
        self._strikes.count(network)
        if self._strikes.wait_s(network, 0):
            self._say_struck("new connections of %s wait: too many of it ended badly", network)

    def left(self, visit: Visit, *, is_counted: bool) -> None:
        self._count -= 1
        if is_counted:
            self._strikes.count(visit.address, LEFT_WEIGHT)
        visit.known()


def _take_one(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
