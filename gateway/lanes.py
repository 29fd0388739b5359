"""What waits for each shard host of the node and what it is at; no I/O.

A user's commands leave in the order in which they came, in batches over one connection per host. They are in
one lane at a time: when their owner changes, or their host is made again, those that were not answered are
taken back and go again before all that follow. So a host may see a command twice, and none before its
predecessor.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from actors.messages import Envelope, ShardBatch, encode_envelopes
from actors.view import View
from domain.identifiers import UserId
from gateway import counts
from gateway.routes import Routes

LANE_BATCHES_MAX = 4  # on their way to a shard host: what it writes, and what it prepares meanwhile
BATCH_MAX = 256  # commands per batch: one commit's worth, a few milliseconds of a shard host's work
BATCH_GOOD = 64  # commands that are worth a message when the host is busy
BATCH_SHARE = 2  # beside one batch a second holds at least half as much: a message costs what 20 commands do

Done = tuple[int, UserId]  # a connection, and of its users the one whose command it was


@dataclass
class _Lane:
    """`name` is the host's in the Directory, `in_flight` its unanswered batches by number, oldest first."""

    name: str
    address: Any = None
    pending: deque[Envelope] = field(default_factory=deque)
    in_flight: dict[int, list[Envelope]] = field(default_factory=dict)
    newest_size: int = 0

    def wanted(self) -> float:
        """How many commands must come before the next batch goes; none or fewer if it goes now."""
        if self.address is None or len(self.in_flight) >= LANE_BATCHES_MAX:
            return math.inf
        return self._least() - len(self.pending)

    def _least(self) -> int:
        match len(self.in_flight):
            case 0:
                return 1
            case 1:
                return max(1, min(BATCH_GOOD, self.newest_size // BATCH_SHARE))
            case _:
                return BATCH_GOOD

    def next_batch(self, number: int) -> ShardBatch:
        batch = [self.pending.popleft() for _ in range(min(BATCH_MAX, len(self.pending)))]
        self.in_flight[number], self.newest_size = batch, len(batch)
        counts.sent(number, self.name, batch)
        return ShardBatch(number, encode_envelopes(batch))

    def take_back(self) -> None:
        """The host that had the batches is gone: all of them wait again."""
        unanswered = [envelope for batch in self.in_flight.values() for envelope in batch]
        self.pending.extendleft(reversed(unanswered))
        self.in_flight.clear()

    def without(self, is_moved: Callable[[Envelope], bool]) -> list[Envelope]:
        """Take out what moved, in order. The host still has batches that were emptied, and answers them."""
        moved = [e for batch in (*self.in_flight.values(), self.pending) for e in batch if is_moved(e)]
        if moved:
            for number, batch in self.in_flight.items():
                self.in_flight[number] = [e for e in batch if not is_moved(e)]
            self.pending = deque(e for e in self.pending if not is_moved(e))
        return moved


class Lanes:
    """`names` are pairs of a shard host's member id and its name in the Directory. Batches have numbers above
    `after_nr`, which those of an earlier gateway have not: hosts may still answer them.

    Without a view of members commands wait. Those of users whom another node serves are dropped: their
    devices are redirected, and send them there.
    """

    def __init__(self, names: Sequence[tuple[str, str]], *, after_nr: int = 0) -> None:
        self._lanes = {member_id: _Lane(name) for member_id, name in names}
        self._unrouted: deque[Envelope] = deque()
        self._done: list[Done] = []
        self._batch_nr = after_nr
        self.routes = Routes(self._lanes)

    def take(self, commands: deque[Envelope]) -> None:
        """Take everything out of `commands`, to which another thread may append meanwhile."""
        member, lanes = self.routes.member, self._lanes
        while commands:
            envelope = commands.popleft()
            member_id = member(envelope.user)
            if member_id is not None:
                lanes[member_id].pending.append(envelope)
            else:
                self._put_aside(envelope)

    def batches(self) -> Iterator[tuple[Any, ShardBatch]]:
        """What to send now, each with the address that it is for."""
        for lane in self._lanes.values():
            while lane.wanted() <= 0:
                self._batch_nr += 1
                yield lane.address, lane.next_batch(self._batch_nr)

    def wanted(self) -> float:
        """After `batches`: how many commands must come before there may be another batch; infinite if an
        answer, an address or a view must come first.
        """
        return min((lane.wanted() for lane in self._lanes.values()), default=math.inf)

    def finished(self, numbers: Iterable[int]) -> None:
        """Answers to all commands of these batches have come; unknown ones were taken back meanwhile."""
        for number in numbers:
            for lane in self._lanes.values():
                batch = lane.in_flight.pop(number, [])
                counts.answered(number, batch)
                self._done += [(each.connection, each.user) for each in batch]

    def standing(self) -> tuple[int, int, int]:
        """How many commands wait, how many batches are in flight, and how many may be."""
        lanes = self._lanes.values()
        waiting = len(self._unrouted) + sum(len(lane.pending) for lane in lanes)
        return waiting, sum(len(lane.in_flight) for lane in lanes), LANE_BATCHES_MAX * len(lanes)

    def take_done(self) -> list[Done]:
        """Of whom each command was that was answered or dropped since the last call."""
        done, self._done = self._done, []
        return done

    def addresses_changed(self, addresses: Mapping[str, Any]) -> None:
        """A host that is gone, or was made again, is given again what it has not answered."""
        for lane in self._lanes.values():
            address = addresses.get(lane.name)
            if address != lane.address:
                lane.address = address
                lane.take_back()

    def view_changed(self, view: View) -> bool:
        """Commands follow their users; False if the view is not newer than the one that is known."""
        if not self.routes.is_older_than(view):
            return False
        routes = self.routes = Routes(self._lanes, view)
        moved, self._unrouted = self._unrouted, deque()
        for member_id, lane in self._lanes.items():
            moved += lane.without(lambda e, owner=member_id: routes.member(e.user) != owner)  # type: ignore[misc]
        self.take(moved)
        return True

    def _put_aside(self, envelope: Envelope) -> None:
        if self.routes.elsewhere(envelope.user) is None:
            self._unrouted.append(envelope)
        else:
            self._done.append((envelope.connection, envelope.user))
