"""The bounds of a device gateway, each of which an operator may change; and rates, without a clock."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from domain.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class Limits:
    """`docs/protocol.md` lists them for devices, `docs/operations.md` for operators.

    `strangers_max` bounds the connections of one address that are not authenticated yet, `hello_seconds` how
    long one may stay so. `strikes_at_once` connections of an address may end badly, and `strikes_per_second`
    of them all the time, before its new ones wait. After `ping_seconds` of silence a device is pinged and has
    `pong_seconds` to answer. `slow_seconds` is how long it may leave replies unread, `outgoing_bytes_max` how
    much of them may wait, `goodbye_seconds` how long it may take to answer a close. Rates count messages of
    any type, and `burst_seconds` of a rate may come at once.
    """

    connections_max: int = 20_000
    strangers_max: int = 1_000
    hello_seconds: float = 10.0
    strikes_per_second: float = 50.0
    strikes_at_once: int = 100
    ping_seconds: float = 20.0
    pong_seconds: float = 20.0
    slow_seconds: float = 15.0
    goodbye_seconds: float = 1.0
    outgoing_bytes_max: int = 1 << 20
    user_messages_per_second: float = 1_000.0
    gateway_messages_per_second: float = 20_000.0
    burst_seconds: float = 2.0


def limits_of(settings: Sequence[str]) -> Limits:
    """The default limits with those changed that `settings` name, as "NAME=VALUE"; ConfigurationError."""
    limits = Limits()
    kinds = {name: type(value) for name, value in asdict(limits).items()}
    for setting in settings:
        name, _, text = setting.partition("=")
        try:
            value = kinds[name](text)
        except (KeyError, ValueError):
            value = math.nan
        if not 0 < value < math.inf:
            raise ConfigurationError(
                f"the limit {setting!r}",
                expected=f"NAME=VALUE, above 0, of {', '.join(kinds)}",
                remedy="correct --limit",
            )
        limits = replace(limits, **{name: value})
    if limits.pong_seconds > limits.ping_seconds:
        raise ConfigurationError(
            f"the limit pong_seconds={limits.pong_seconds:g}",
            expected=f"at most ping_seconds, {limits.ping_seconds:g}",
            remedy="correct --limit",
        )
    return limits


class Rate:
    """Counts what comes against `per_second`, `burst_seconds` of which may come at once.

    The generic cell rate algorithm (ITU-T I.371, annex A): one number, the time at which all that came would
    have come at the rate itself.
    """

    __slots__ = ("_burst_s", "_due_s", "_interval_s")

    def __init__(self, per_second: float, burst_seconds: float) -> None:
        self._interval_s = 1.0 / per_second
        self._burst_s = burst_seconds
        self._due_s = -math.inf

    def count(self, now_s: float) -> float:
        """One more came: the seconds until the next may come, 0 if it may at once."""
        due_s = self._due_s if self._due_s > now_s else now_s
        self._due_s = due_s = due_s + self._interval_s
        return max(0.0, due_s - now_s - self._burst_s)

    def may_count(self, now_s: float) -> bool:
        """Whether one more may come; if so it is counted."""
        if self._due_s - now_s > self._burst_s:
            return False
        self.count(now_s)
        return True
