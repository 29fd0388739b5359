"""A device, or a network before it, that repeats messages, brings old ones again and changes their order."""

from __future__ import annotations

import random
from collections import deque

from tests.cluster.crowd import NotingClient

REMEMBERED_MAX = 200
TWICE, AGAIN, SWAPPED = 0.1, 0.05, 0.1  # of the messages


class HostileClient(NotingClient):
    """Keeps to the protocol otherwise; `pranks` counts what it did."""

    def __init__(self, token: str, device: str, rng: random.Random) -> None:
        super().__init__(token, device, rng)
        self.pranks = 0
        self._held: bytes | None = None
        self._old: deque[bytes] = deque(maxlen=REMEMBERED_MAX)

    def hello(self) -> bytes:
        self._held = None  # what was held is sent again by the outbox
        return super().hello()

    def to_send(self) -> list[bytes]:
        given = super().to_send()
        sent: list[bytes] = []
        for data in given:
            sent += self._mangled(data)
        if not given and self._held is not None and self.is_welcome:
            sent.append(self._held)
            self._held = None
        self._old.extend(given)
        return sent

    def _mangled(self, data: bytes) -> list[bytes]:
        what = self.rng.random()
        held, self._held = self._held, None
        after = [held] if held is not None else []
        if what < TWICE:
            self.pranks += 1
            return [data, *after, data]
        if what < TWICE + AGAIN and self._old:
            self.pranks += 1
            return [self.rng.choice(self._old), data, *after]
        if what < TWICE + AGAIN + SWAPPED and held is None:
            self.pranks += 1
            self._held = data  # until something else has overtaken it
            return []
        return [data, *after]
