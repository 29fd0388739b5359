"""Where a device connects next: the addresses that it was given, and where it is redirected to; no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from domain.errors import InvalidInput

WAIT_SECONDS_MAX = 60.0  # for a server that says when to connect
REDIRECTS_MAX = 5  # followed at once, one after the other without a welcome between


class Addresses:
    """`url` is for the next connection; tell what became of it with `welcomed`, `redirected` and `ended`.

    `failures` counts the connections since the last welcome that led nowhere. Raises InvalidInput for what is
    no websocket address.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        if not urls or not all(map(_is_websocket, urls)):
            raise InvalidInput(
                f"the addresses {', '.join(urls) or '(none)'}",
                expected="one or more like ws://HOST:PORT or wss://HOST",
                remedy="correct the device's settings",
            )
        self._configured = tuple(urls)
        self._learned: tuple[str, ...] = ()  # where the device was welcomed last, if it was redirected there
        self._target: str | None = None
        self._is_welcome = False
        self._redirects = 0
        self.url = urls[0]
        self.failures = 0
        self._told_s = 0.0
        self.wait_s = 0.0  # before the next connection, once one has `ended`

    @property
    def is_redirected(self) -> bool:
        """The connection is to be left for another."""
        return self._target is not None

    def welcomed(self) -> None:
        self._is_welcome = True
        self.failures = self._redirects = 0
        if self.url not in self._configured:
            self._learned = (self.url,)

    def redirected(self, url: str, wait_ms: int = 0) -> None:
        self._target = url
        self.told_to_wait(wait_ms)

    def told_to_wait(self, wait_ms: int) -> None:
        """So long the server wants the device to wait before it connects again."""
        self._told_s = min(max(0, wait_ms) / 1000, WAIT_SECONDS_MAX)

    def ended(self, *, is_leaving: bool) -> bool:
        """The connection has ended, or there was none; `is_leaving` if the server said that it goes away.

        True if the device connects to `url` as soon as `wait_s` is over, else after a pause as well.
        """
        was_welcome, self._is_welcome = self._is_welcome, False
        self.wait_s, self._told_s = self._told_s, 0.0
        target, self._target = self._target, None
        if target is not None and self._redirects < REDIRECTS_MAX and self._may_follow(target):
            self._redirects += 1
            self.url = target
            return True
        if target is not None or not was_welcome:
            self.failures += 1
            self._turn_to_next()
        elif is_leaving:
            self._turn_to_next()
        return False

    def _turn_to_next(self) -> None:
        """In turn: the addresses that were configured, and the one where the device was at home last."""
        candidates = self._configured + self._learned
        place = candidates.index(self.url) + 1 if self.url in candidates else 0
        self.url = candidates[place % len(candidates)]
        self._redirects = 0

    def _may_follow(self, target: str) -> bool:
        """A token that travels encrypted is not given to an address where it would not."""
        is_encrypted = urlsplit(self.url).scheme == "wss"
        return _is_websocket(target) and (urlsplit(target).scheme == "wss" or not is_encrypted)


def _is_websocket(url: str) -> bool:
    try:
        parts = urlsplit(url)
        (parts.hostname or "").encode("idna")
        return parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
