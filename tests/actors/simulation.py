"""A small world of devices, connections and a shard host over a store that fails, driven by one seed.

Devices are the real reference clients and connections the real server's; only the sockets are lists, the
clock a number and the gateway's lane a queue. A crash of the host drops it between or within batches.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field

from actors.messages import Addressed, Envelope
from actors.shard_host import ShardHost
from actors.user_entity import UserStores
from domain.identifiers import UserId
from edge.client import DeviceClient, is_retry
from gateway import protocol
from gateway.auth import Tokens
from gateway.connection import Connection
from gateway.offers import Offers
from persistence.journal import Journal, SnapshotStore
from persistence.keys import DataKeyStore
from persistence.models import ModelStore
from persistence.ports import Store
from persistence.sensors import SensorStore
from tests.actors.faulty_store import FaultyStore
from tests.actors.stub_models import T0_MS, StubShelf, heart_frame, stub_model

MASTER_KEY = b"m" * 32
STREAMS = [("h", "h", "chest"), ("a", "h", "wrist")]  # of one sensor: the recogniser hears the first
SETTLE_STEPS_MAX = 20_000


def stores_of(store: Store) -> UserStores:
    return UserStores(
        Journal(store), SnapshotStore(store), SensorStore(store), DataKeyStore(store, MASTER_KEY)
    )


@dataclass
class Sent:
    """What a device recorded of one session: commands in order, and frames' samples by stream."""

    commands: list[tuple[object, ...]] = field(default_factory=list)
    frames: dict[str, list[bytes]] = field(default_factory=dict)
    closed: bool = False


class Device:
    """A device that records sessions one after the other, and its connection."""

    def __init__(self, world: World, user: UserId, name: str) -> None:
        self.user = user
        self.name = name
        token = world.tokens.issue(user, "device", 3600)
        self.client = DeviceClient(token, name)
        self.sessions: dict[str, Sent] = {}
        self.number = -1
        self._world = world
        self.reconnect()

    def reconnect(self) -> None:
        """A new connection; what was on its way on the old one is lost."""
        self._world.connections.pop(self.number, None)
        self.number = self._world.next_number()
        self._world.connections[self.number] = self
        self.connection = Connection(self._world.tokens, self._world.offers)
        self.up: deque[bytes] = deque([self.client.hello()])
        self.down: deque[bytes] = deque()

    def record(self, rng: random.Random) -> None:
        """One thing more to send."""
        name = next(reversed(self.sessions), None)
        if name is None or self.sessions[name].closed:
            self._open(f"{self.name}-s{len(self.sessions)}", rng)
            return
        sent = self.sessions[name]
        at_ms = T0_MS + 1000 * (1 + len(sent.frames["h"]))
        what = rng.random()
        if what < 0.9:
            self._frame(name, sent, "h" if rng.random() < 0.8 else "a")
        elif what < 0.94:
            self.client.label(
                name, at_ms - 900, at_ms, "curl", rng.choice([None, 8]), rng.choice([None, 20.0])
            )
            sent.commands.append(("LabelConfirmed", at_ms))
        elif what < 0.97:
            self.client.record_set(name, at_ms - 900, at_ms, "row", 0.75, 5, "device-model")
            sent.commands.append(("SetRecognised", at_ms))
        else:
            self.client.close_session(name, at_ms)
            sent.commands.append(("SessionClosed", at_ms))
            sent.closed = True

    def exchange(self) -> None:
        """Send what the credit allows, and take one message of the server."""
        self.up.extend(self.client.to_send())
        if self.down:
            message = self.client.receive(self.down.popleft())
            if message is not None and is_retry(message):
                self.client.retry()

    def arrive(self, rng: random.Random) -> None:
        """The server takes one message; some come twice."""
        if not self.up:
            return
        data = self.up.popleft()
        for _ in range(2 if rng.random() < 0.03 and self.connection.is_authenticated else 1):
            output = self.connection.receive(data)
            self.down.extend(protocol.encode(message) for message in output.send)
            self._world.lane.extend(Envelope(self.number, *forward) for forward in output.forward)
            if output.close_code is not None:
                self.reconnect()
                return

    def _open(self, name: str, rng: random.Random) -> None:
        at_ms = T0_MS + self._world.next_number()
        self.client.open_session(name, at_ms, rng.choice(["server", "server", "device"]), STREAMS)
        self.sessions[name] = Sent([("SessionOpened", at_ms)], {stream: [] for stream, _, _ in STREAMS})

    def _frame(self, name: str, sent: Sent, stream: str) -> None:
        number = len(sent.frames[stream])
        frame = heart_frame(name, number, 150 if number % 40 > 18 else 60, stream=stream)
        self.client.frame(frame)
        sent.frames[stream].append(frame.samples)


class World:
    """`step` does one random thing; `settle` stops the faults and lets everything arrive."""

    def __init__(self, seed: int, inner: Store, *, users: int = 2) -> None:
        self.rng = random.Random(seed)
        self.store = FaultyStore(inner, self.rng, self.rng.choice([0.0, 0.02, 0.1]))
        self.tokens = Tokens(b"t" * 32, lambda: T0_MS / 1000)
        self.offers = Offers(ModelStore(inner))
        self.lane: deque[Envelope] = deque()
        self.connections: dict[int, Device] = {}
        self.now_ms = T0_MS
        self._numbers = 0
        self._sessions_max = self.rng.choice([1, 2, 100])
        self.host = self._new_host()
        self.devices = [
            Device(self, UserId(f"u{seed}-{user}"), f"d{seed}-{user}-{device}")
            for user in range(users)
            for device in range(self.rng.choice([1, 2]))
        ]

    def next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def step(self) -> None:
        self.now_ms += self.rng.randrange(50)
        device, what = self.rng.choice(self.devices), self.rng.random()
        if what < 0.4:
            device.record(self.rng)
        elif what < 0.6:
            device.exchange()
        elif what < 0.8:
            device.arrive(self.rng)
        elif what < 0.94:
            self._batch()
        elif what < 0.96:
            device.reconnect()
        elif what < 0.98:
            self.host.passivate(self.rng.choice([0, 500]), self.rng.choice([1, None]))
        else:
            self.host = self._new_host()

    def settle(self) -> None:
        self.store.rate = 0.0
        for _ in range(SETTLE_STEPS_MAX):
            for device in self.devices:
                device.exchange()
                device.arrive(self.rng)
            self._batch(crash=0.0)
            if all(device.client.is_idle for device in self.devices):
                return
        raise AssertionError("what was recorded is not acknowledged")

    def _batch(self, crash: float = 0.03) -> None:
        """The host takes a batch; one that it did not answer before it crashed is given to the next host."""
        batch = [self.lane.popleft() for _ in range(min(len(self.lane), self.rng.choice([1, 3, 30])))]
        replies = self.host.process(batch)
        if self.rng.random() < crash:
            self.host = self._new_host()
            replies = self.host.process(batch)
        self._deliver(replies)
        for envelope in batch:
            if (device := self.connections.get(envelope.connection)) is not None:
                device.connection.answered(1)

    def _deliver(self, replies: list[Addressed]) -> None:
        for addressed in replies:
            data = protocol.encode(protocol.message_of(addressed.user, addressed.reply))
            for number, device in self.connections.items():
                if addressed.connection == number or (
                    addressed.connection is None and addressed.user in device.connection.users
                ):
                    device.down.append(data)

    def _new_host(self) -> ShardHost:
        shelf = StubShelf(stub_model())
        return ShardHost(
            self.store,
            stores_of(self.store),
            shelf,  # type: ignore[arg-type]
            lambda: self.now_ms,
            sessions_max=self._sessions_max,
        )
