"""Commands that wait for a shard host: per user in order, and a user's only while none of its is at work."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from actors.messages import Envelope
from domain.identifiers import UserId

GROUP_COMMANDS_MAX = 256  # of a group: a few milliseconds of work, in which nothing else is answered
# Commands that are worth a group while none, one, ... others are in flight: a write costs much the same
# whether it has one row or thirty, so the busier the store the more is sent together.
WORTH_A_GROUP = (1, 32, 64, 96, 128, 128)


class Work(NamedTuple):
    batch_nr: int
    envelope: Envelope


Works = dict[UserId, list[Work]]


class Waiting:
    """Who is at work is `busy`."""

    def __init__(self) -> None:
        self._by_user: Works = {}
        self._ready: OrderedDict[UserId, None] = OrderedDict()  # of those waiting, who is not busy
        self._busy: set[UserId] = set()

    @property
    def busy(self) -> Collection[UserId]:
        return self._busy

    def add(self, batch_nr: int, envelopes: Sequence[Envelope]) -> None:
        for envelope in envelopes:
            user = envelope.user
            works = self._by_user.get(user)
            if works is None:
                works = self._by_user[user] = []
                if user not in self._busy:
                    self._ready[user] = None
            works.append(Work(batch_nr, envelope))

    def is_worth_a_group(self, in_flight: int) -> bool:
        """Whether to take a group now, while so many are in flight."""
        if not self._ready or in_flight >= len(WORTH_A_GROUP):
            return False
        wanted = WORTH_A_GROUP[in_flight]
        return len(self._ready) >= wanted or sum(len(self._by_user[user]) for user in self._ready) >= wanted

    def take_group(self) -> Works:
        """Commands for one group, of the users that waited longest; those are busy now."""
        works: Works = {}
        count = 0
        while self._ready and count < GROUP_COMMANDS_MAX:
            user, _ = self._ready.popitem(last=False)
            works[user] = self._by_user.pop(user)
            count += len(works[user])
        self._busy.update(works)
        return works

    def done(self, users: Iterable[UserId]) -> None:
        """These are no longer busy."""
        for user in users:
            self._busy.discard(user)
            if user in self._by_user:
                self._ready[user] = None

    def take_all(self) -> Works:
        """Everything that waits; nobody becomes busy."""
        works, self._by_user = self._by_user, {}
        self._ready.clear()
        return works
