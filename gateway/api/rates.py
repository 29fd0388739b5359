"""How often the same may be asked for: buckets that fill again, per address and for all together."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from gateway.api.problems import TooManyRequests

ADDRESSES_MAX = 10_000  # that are remembered; of more, the one seen longest ago is forgotten


@dataclass(frozen=True)
class Rate:
    """`burst` at once, and `per_minute` on the whole."""

    burst: int
    per_minute: float


class Rates:
    """Takes one from the bucket of an address and from that of all. `now_s` is monotonic."""

    def __init__(self, per_address: Rate, of_all: Rate, now_s: Callable[[], float]) -> None:
        self._per_address = per_address
        self._of_all = of_all
        self._now_s = now_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # left, as of when
        self._all: tuple[float, float] = (of_all.burst, now_s())

    def check(self, address: str) -> None:
        """Raise TooManyRequests if there were too many of `address`, or of all."""
        now_s = self._now_s()
        fresh: tuple[float, float] = (self._per_address.burst, now_s)
        own = _filled(self._buckets.pop(address, fresh), self._per_address, now_s)
        everyones = _filled(self._all, self._of_all, now_s)
        is_allowed = own >= 1 and everyones >= 1
        self._buckets[address] = (own - is_allowed, now_s)
        self._all = (everyones - is_allowed, now_s)
        if len(self._buckets) > ADDRESSES_MAX:
            self._buckets.popitem(last=False)
        if not is_allowed:
            rate = self._per_address if own < 1 else self._of_all
            raise TooManyRequests(
                "this was asked for too often",
                expected=f"{rate.per_minute:g} a minute",
                remedy="wait a little",
            )


def _filled(bucket: tuple[float, float], rate: Rate, now_s: float) -> float:
    left, at_s = bucket
    return min(float(rate.burst), left + (now_s - at_s) * rate.per_minute / 60)
