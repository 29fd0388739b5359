"""How often a user may ask for what takes long: a bucket of turns that fills up again (a token bucket)."""

from __future__ import annotations

from domain.errors import TooOften

BURST = 10  # plans in a row
EVERY_MS = 5_000  # another one


class Pace:
    """Turns of one user, at most BURST in stock."""

    __slots__ = ("_at_ms", "_turns")

    def __init__(self) -> None:
        self._turns = float(BURST)
        self._at_ms = 0

    def take(self, now_ms: int) -> None:
        """Take a turn; raises TooOften if there is none. A clock that goes back brings none."""
        gained = max(0, now_ms - self._at_ms) / EVERY_MS
        self._turns, self._at_ms = min(float(BURST), self._turns + gained), max(now_ms, self._at_ms)
        if self._turns < 1:
            raise TooOften(
                "wishes and plans come too often",
                expected=f"at most {BURST} in a row, then one in {EVERY_MS // 1000} s",
                remedy="send it again later",
            )
        self._turns -= 1
