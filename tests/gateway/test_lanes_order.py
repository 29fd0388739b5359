"""Whatever becomes of hosts and owners, no command of a user overtakes another.

Users' commands are numbered and hosts behave as shard hosts do: they take a command if it is the next of its
user, acknowledge it again if it was taken, and refuse it to who does not own the user.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.messages import Envelope, ShardBatch, decode_envelopes
from actors.view import Member, View
from domain.identifiers import UserId, shard_of
from gateway.lanes import LANE_BATCHES_MAX, Lanes
from tests.gateway.test_lanes import command, numbered

HOSTS = {"a-0": "host-0", "a-1": "host-1", "a-2": "host-2"}
MEMBERS = {name: Member(name, "1", "ws://a") for name in HOSTS}
USERS = [UserId(f"user-{number}") for number in range(6)]
SETTLE_TURNS_MAX = 1000


@dataclass(eq=False)
class Host:
    """One incarnation. `inbox` holds the batches on their way to it, oldest first."""

    member_id: str
    inbox: deque[ShardBatch] = field(default_factory=deque)
    seen: dict[UserId, int] = field(default_factory=lambda: dict.fromkeys(USERS, 0))  # the number after


class Cluster:
    """Hosts, their owners, and the devices behind the gateway, which repeat what was refused.

    With `lag`, hosts know of a view before the gateway does.
    """

    def __init__(self, seed: int, *, lag: bool) -> None:
        self.rng = random.Random(seed)
        self.lag = lag
        self.lanes = Lanes(tuple(HOSTS.items()))
        self.inbox: deque[Envelope] = deque()
        self.hosts: dict[str, Host] = {}
        self.gone: list[Host] = []
        self.view = View(0, ())
        self.stored = dict.fromkeys(USERS, 0)  # the number that is next, by user
        self.recorded = dict.fromkeys(USERS, 0)
        self.repeats: set[UserId] = set()
        self.counted = 0
        self.sent = 0
        self.overtaken: list[tuple[UserId, int, int]] = []

    def record(self) -> None:
        user = self.rng.choice(USERS)
        self._send(user, self.recorded[user])
        self.recorded[user] += 1

    def repeat(self) -> None:
        """A device whose command was refused sends again from there."""
        for user in sorted(self.repeats):
            for number in range(self.stored[user], self.recorded[user]):
                self._send(user, number)
        self.repeats.clear()

    def pump(self) -> None:
        self.lanes.take(self.inbox)
        for host, batch in self.lanes.batches():
            host.inbox.append(batch)
            in_flight = len(host.inbox)
            assert in_flight <= LANE_BATCHES_MAX

    def change_view(self) -> None:
        members = tuple(MEMBERS[name] for name in HOSTS if self.rng.random() < 0.6)
        self.view = View(self.view.number + 1, members)
        if not self.lag:
            self.learn()

    def learn(self) -> None:
        """The gateway is told of the view."""
        self.lanes.view_changed(self.view)
        self.pump()

    def restart(self, member_id: str, *, stays_away: bool = False) -> None:
        """The host dies and is made again; what it was at may be half done, and its answer may come late."""
        if (old := self.hosts.pop(member_id, None)) is not None:
            self.gone.append(old)
            self._publish()
        if not stays_away:
            self.hosts[member_id] = Host(member_id)
            self._publish()

    def answer(self, host: Host) -> None:
        """The host takes its oldest batch, or a part of it before it tells of anything."""
        if not host.inbox:
            return
        batch = host.inbox.popleft()
        for envelope in decode_envelopes(batch.envelopes):
            self._process(host, envelope)
        self.lanes.finished([batch.number])
        self.counted += len(self.lanes.take_done())
        self.pump()

    def settle(self) -> None:
        """Every host comes back, every shard has an owner, every device repeats what was refused."""
        self.view = View(self.view.number + 1, tuple(MEMBERS.values()))
        self.learn()
        for member_id in HOSTS:
            self.restart(member_id)
        for _ in range(SETTLE_TURNS_MAX):
            self.pump()
            for host in self.hosts.values():
                self.answer(host)
            self.repeat()
            if self.stored == self.recorded and not self.inbox and self.counted == self.sent:
                return
        raise AssertionError("what was recorded is not stored")

    def _send(self, user: UserId, number: int) -> None:
        self.inbox.append(command(number, user))
        self.sent += 1

    def _publish(self) -> None:
        self.lanes.addresses_changed({HOSTS[name]: host for name, host in self.hosts.items()})
        self.pump()

    def _process(self, host: Host, envelope: Envelope) -> None:
        user, number = envelope.user, numbered(envelope)
        if number > max(host.seen[user], self.stored[user]):
            self.overtaken.append((user, number, self.stored[user]))
        host.seen[user] = number + 1
        owner = self.view.owner(shard_of(user))
        if owner is None or owner.member_id != host.member_id or host in self.gone:
            self.repeats.add(user)  # refused: not_owner
        elif number > self.stored[user]:
            self.repeats.add(user)  # refused: out_of_order
        else:
            self.stored[user] = max(self.stored[user], number + 1)


def play(cluster: Cluster, steps: int) -> None:
    rng = cluster.rng
    for member_id in HOSTS:
        cluster.restart(member_id)
    for _ in range(steps):
        what = rng.random()
        if what < 0.6:
            cluster.record()
        elif what < 0.75:
            cluster.pump()
        elif what < 0.9 and cluster.hosts:
            cluster.answer(rng.choice(list(cluster.hosts.values())))
        elif what < 0.93:
            cluster.change_view()
        elif what < 0.95:
            cluster.learn()
        elif what < 0.98:
            cluster.restart(rng.choice(list(HOSTS)), stays_away=rng.random() < 0.3)
        elif cluster.gone:
            late = cluster.gone.pop()
            while late.inbox:  # it finished after the gateway gave it up
                cluster.gone.append(late)
                cluster.answer(late)
                cluster.gone.pop()
    cluster.settle()


@given(st.integers(0, 2**32), st.integers(0, 400))
def test_no_command_overtakes_another_of_its_user(seed: int, steps: int) -> None:
    """No host sees a command before all that precede it were stored, or shown to that host."""
    cluster = Cluster(seed, lag=False)
    play(cluster, steps)
    assert cluster.overtaken == [], f"seed {seed}"


@given(st.integers(0, 2**32), st.integers(0, 400))
def test_what_hosts_refuse_before_the_gateway_knows_comes_again(seed: int, steps: int) -> None:
    play(Cluster(seed, lag=True), steps)


@pytest.mark.parametrize("seed", range(3))
def test_the_simulation_takes_commands_back_and_moves_them(seed: int) -> None:
    """What the properties above are about does happen."""
    cluster = Cluster(seed, lag=True)
    play(cluster, 3000)
    assert cluster.overtaken
    assert cluster.view.number > 50
