"""Which addresses have to wait, as too many of their connections ended badly; no I/O."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from gateway.devices.limits import Limits

ADDRESSES_MAX = 10_000  # that are remembered; beyond them the one that was struck least lately is forgiven
SECONDS_MAX = 60.0  # that are counted, unless the limits allow more at once: then all is forgiven
LEFT_WEIGHT = 0.1  # of a connection that went without a hello, and did nothing wrong


class Strikes:
    """Counts, of each address, the connections that ended badly.

    The generic cell rate algorithm (ITU-T I.371, annex A), one number for each address: until when what was
    counted lasts at `strikes_per_second`. `now_s` is a clock that never goes back.
    """

    def __init__(self, limits: Limits, now_s: Callable[[], float]) -> None:
        self._per_second = limits.strikes_per_second
        self._at_once = limits.strikes_at_once
        self._most_s = max(SECONDS_MAX, self._at_once / self._per_second)
        self._now_s = now_s
        self._until_s: dict[str, float] = {}  # the address that was struck last stands last

    def count(self, address: str, weight: float = 1.0) -> None:
        """A connection of `address` ended badly."""
        now_s = self._now_s()
        until_s = max(self._until_s.pop(address, now_s), now_s) + weight / self._per_second
        self._until_s[address] = min(until_s, now_s + self._most_s)
        if len(self._until_s) > ADDRESSES_MAX:
            del self._until_s[next(iter(self._until_s))]

    def wait_s(self, address: str, strangers: int) -> float:
        """How long one more has to wait while `strangers` of `address` are inside; 0 if it may come in.

        Of an address that was struck each stranger counts as if it were about to end badly. Where nothing
        ended badly lately, nobody waits.
        """
        until_s = self._until_s.get(address)
        if until_s is None:
            return 0.0
        left_s = until_s - self._now_s()
        if left_s <= 0:
            del self._until_s[address]
            return 0.0
        return max(0.0, left_s + (strangers + 1 - self._at_once) / self._per_second)


def network_of(address: str) -> str:
    """What counts as one address: of IPv6 a /64, which is what a household or a machine is given."""
    if ":" not in address:
        return address
    try:
        whole = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if whole.ipv4_mapped is not None:
        return str(whole.ipv4_mapped)
    return str(ipaddress.IPv6Address(int(whole) >> 64 << 64))
