"""Shard hosts of one process over one real Cassandra, with real memberships and clocks that are numbers.

An owner stands still, dies, or has messages on their way that arrive after others have taken its shards; wall
clocks are hours apart and jump. Devices, connections and their world are those of tests/actors/simulation.py.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from actors.membership import Holding, Membership
from actors.messages import Envelope
from actors.shard_host import ShardHost
from actors.tenure import Tenure
from domain.errors import StoreError
from domain.identifiers import UserId, shard_of
from gateway.auth import Tokens
from gateway.devices import protocol
from gateway.devices.offers import Offers
from gateway.devices.replies import message_of
from persistence.models import ModelStore
from persistence.ports import Store
from tests.actors.driving import stores_of
from tests.actors.simulation import Device
from tests.actors.stub_models import T0_MS, StubShelf, stub_model
from tests.cluster.gated import GatedStore

LEASE_S = 5.0
HOUR_MS = 3_600_000
SETTLE_STEPS_MAX = 5_000
WAIT_SECONDS = 0.005  # at most, for the server, while everything settles


class Owner:
    """A shard host's process. While it `is_asleep` nothing of it happens; what it sends stays on its way."""

    def __init__(self, world: Owners, name: str) -> None:
        self.name = name
        self.wall_off_ms = world.rng.randint(-3 * HOUR_MS, 3 * HOUR_MS)
        self.is_asleep = False
        self.tenure = Tenure(lambda: world.clock_s)
        self.store = GatedStore(world.location, lambda: world.wall_ms(self))
        shelf: Any = StubShelf(stub_model())
        self.host = ShardHost(
            self.store,
            stores_of(self.store),
            shelf,
            self.tenure,
            lambda: world.wall_ms(self),
            woken=world.some.set,
            sessions_max=world.rng.choice([1, 100]),
        )
        self.membership = Membership(
            self.store,
            name,
            f"ws://{name}",
            self.tenure,
            lambda: world.clock_s,
            new_incarnation=lambda: f"{name}-{world.next_number()}",
            now_ms=lambda: world.wall_ms(self),
            lease_s=LEASE_S,
        )
        self.holding: Holding | None = None
        self._is_releasing = False

    def step(self) -> None:
        """A round of the membership."""
        try:
            holding = self.membership.step()
        except StoreError:
            return  # tried again in the next round
        if holding is not None:
            self.holding, self._is_releasing = holding, True
            self.host.serve(holding.epochs)
        self.release()

    def release(self) -> None:
        if self._is_releasing and self.holding is not None and self.host.has_released:
            self._is_releasing = False
            self.membership.released(self.holding)


class Owners:
    """`step` does one random thing; `settle` stops the faults and lets everything arrive."""

    def __init__(
        self, seed: int, location: str, reader: Store, *, names: tuple[str, ...] = ("a", "b")
    ) -> None:
        self.rng = random.Random(seed)
        self.location = location
        self.clock_s = self.rng.uniform(0, 1e6)
        self._began_s = self.clock_s
        self.some = threading.Event()
        self.frame_share = self.rng.choice([0.9, 0.4])
        self.tokens = Tokens(b"t" * 32, lambda: T0_MS / 1000)
        self.offers = Offers(ModelStore(reader))
        self.lane: deque[Envelope] = deque()
        self.connections: dict[int, Device] = {}
        self.takeovers = 0  # how often a user's shard came to another
        self._numbers = 0
        self._unfinished: dict[int, list[Envelope]] = {}
        self._dead: list[Owner] = []  # some of what they sent is still on its way
        self._last: dict[UserId, str] = {}
        self.owners = [Owner(self, name) for name in names]
        self.users = [UserId(f"o{seed}-{number}") for number in range(3)]
        self.devices: list[Any] = [
            Device(self, user, f"o{user}-{number}")  # type: ignore[arg-type]
            for user in self.users
            for number in range(self.rng.choice([1, 2]))
        ]

    def next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def wall_ms(self, owner: Owner) -> int:
        return T0_MS + int(1000 * (self.clock_s - self._began_s)) + owner.wall_off_ms

    def step(self) -> None:
        rng = self.rng
        device, owner = rng.choice(self.devices), rng.choice(self.owners)
        actions: list[tuple[int, Callable[[], object]]] = [
            (30, lambda: device.record(rng)),
            (25, device.exchange),
            (25, lambda: device.arrive(rng)),
            (25, self._work),
            (20, self._tick),
            (2, device.reconnect),
            (4, lambda: self._hold(owner)),
            (4, lambda: self._let_through(rng.choice([*self.owners, *self._dead]))),
            (3, lambda: self._sleep_or_wake(owner)),
            (1, lambda: self._die(owner)),
            (2, lambda: self._jump(owner)),
            (2, lambda: owner.is_asleep or owner.host.passivate(0, 1)),
        ]
        weights = [weight for weight, _ in actions]
        rng.choices([action for _, action in actions], weights)[0]()

    def settle(self) -> None:
        """What the dead sent arrives last of all."""
        for owner in self.owners:
            owner.is_asleep = owner.store.is_held = False
            owner.store.let_through()
        for _ in range(SETTLE_STEPS_MAX):
            for device in self.devices:
                device.exchange()
                device.arrive(self.rng)
            self._tick()
            self._work()
            if all(device.client.is_idle for device in self.devices):
                break
            self.some.wait(WAIT_SECONDS)
            self.some.clear()
        else:
            raise AssertionError("what was recorded is not acknowledged")
        for dead in self._dead:
            dead.store.let_through(self.rng.shuffle)

    def close(self) -> None:
        for owner in [*self.owners, *self._dead]:
            owner.store.is_held = False
            owner.store.let_through()
            owner.store.close()

    def _work(self) -> None:
        """Commands go to whom the newest view names; owners go on."""
        awake = [owner for owner in self.owners if not owner.is_asleep]
        holdings = [owner.holding for owner in self.owners if owner.holding is not None]
        if not holdings:
            return
        view = max((holding.view for holding in holdings), key=lambda view: view.number)
        batches: dict[str, list[Envelope]] = {}
        lost: list[Envelope] = []
        while self.lane:
            envelope = self.lane.popleft()
            owner = view.owner(shard_of(envelope.user))
            name = owner.member_id if owner is not None else ""
            (batches.setdefault(name, []) if name else lost).append(envelope)
            if self._last.setdefault(envelope.user, name) != name:
                self._last[envelope.user] = name
                self.takeovers += 1
        self.lane.extend(lost)
        for owner in self.owners:
            if owner.name in batches:
                number = self.next_number()
                self._unfinished[number] = batches[owner.name]
                owner.host.submit(number, batches[owner.name])
        for owner in awake:
            self._advance(owner)

    def _advance(self, owner: Owner) -> None:
        answers = owner.host.advance()
        owner.release()
        for addressed in answers.replies:
            data = protocol.encode(message_of(addressed.user, addressed.reply))
            for number, device in self.connections.items():
                if addressed.connection == number or (
                    addressed.connection is None and addressed.user in device.connection.users
                ):
                    device.down.append(data)
        for number in answers.finished:
            for envelope in self._unfinished.pop(number, ()):
                if (device := self.connections.get(envelope.connection)) is not None:
                    device.connection.answered(envelope.user, 1)

    def _tick(self) -> None:
        """A little time passes, and everybody who is awake looks at the members."""
        self.clock_s += self.rng.uniform(0, LEASE_S / 5)
        for owner in self.owners:
            if not owner.is_asleep:
                owner.step()

    def _hold(self, owner: Owner) -> None:
        owner.store.is_held = True

    def _let_through(self, owner: Owner) -> None:
        """In any order, as on several connections."""
        owner.store.let_through(self.rng.shuffle)
        owner.store.is_held = owner.is_asleep

    def _sleep_or_wake(self, owner: Owner) -> None:
        owner.is_asleep = not owner.is_asleep
        owner.store.is_held = owner.is_asleep
        if owner.is_asleep and all(other.is_asleep for other in self.owners):
            self._sleep_or_wake(next(other for other in self.owners if other is not owner))

    def _die(self, owner: Owner) -> None:
        """Another is started in its place; devices whose messages it had connect anew."""
        owner.store.is_held = True
        self._dead.append(owner)
        self.owners[self.owners.index(owner)] = Owner(self, owner.name)
        for device in self.devices:
            device.reconnect()

    def _jump(self, owner: Owner) -> None:
        owner.wall_off_ms += self.rng.randint(-HOUR_MS, HOUR_MS)
