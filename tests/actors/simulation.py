"""A small world of devices, connections and a shard host over a store that fails, driven by one seed.

Devices are the real reference clients and connections the real server's; only the sockets are lists, the
clock a number and the gateway's lane a queue. A host may crash with writes in flight, or go on when its lease
has ended.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from actors.messages import Addressed, Envelope
from actors.shard_host import ShardHost
from actors.tenure import ATTEMPTS_PER_VIEW, Tenure
from domain.identifiers import UserId
from domain.replies import Acknowledged, DirectReply
from edge.client import DeviceClient, is_retry
from gateway.auth import Tokens
from gateway.devices import protocol
from gateway.devices.connection import Connection
from gateway.devices.offers import Offers
from gateway.devices.replies import message_of
from persistence.models import ModelStore
from persistence.ports import Store
from tests.actors.driving import every_shard, stores_of
from tests.actors.faulty_store import FaultyStore
from tests.actors.stub_models import T0_MS, StubShelf, heart_frame, stub_model

STREAMS = [("h", "h", "chest"), ("a", "h", "wrist")]  # of one sensor: the recogniser hears the first
SETTLE_STEPS_MAX = 20_000
CALM = (35, 20, 15, 20, 2, 2, 4, 1, 1)  # weights of what a step may do
STORMY = (25, 15, 15, 25, 2, 2, 8, 4, 4)


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
        if rng.random() < self._world.frame_share:
            self._frame(name, sent, "h" if rng.random() < 0.8 else "a")
            return
        what = rng.random()
        if what < 0.35:
            exercise, weight_kg = rng.choice(["curl", "back-squat"]), rng.choice([None, 20.0])
            self.client.label(name, at_ms - 900, at_ms, exercise, rng.choice([None, 8]), weight_kg)
            sent.commands.append(("LabelConfirmed", at_ms))
        elif what < 0.65:
            self.client.record_set(name, at_ms - 900, at_ms, "row", 0.75, 5, "device-model")
            sent.commands.append(("SetRecognised", at_ms))
        elif what < 0.7:
            self.client.withdraw(name, at_ms - 900, at_ms, at_ms)
            sent.commands.append(("LabelWithdrawn", at_ms))
        elif what < 0.75:
            self.client.refuse(name, at_ms, "curl")
            sent.commands.append(("SuggestionAnswered", at_ms))
        elif what < 0.76:
            self.client.exercise(name, at_ms, rng.choice(["curl", "sled-push"]), ["core"], "carry")
            sent.commands.append(("ExerciseContributed", at_ms))
        elif what < 0.77:
            self.client.measure(name, at_ms, "body_weight_kg", rng.choice([70.0, 71.0]))
            sent.commands.append(("ProfileTold", at_ms))
        elif what < 0.78:
            exercises = [{"exercise": rng.choice(["curl", "row"]), "set_count": 2, "repetitions": 8}]
            self.client.plan(name, at_ms, "anna", [{"name": "arms", "exercises": exercises}])
            sent.commands.append(("PlanSet", at_ms))
        elif what < 0.8:
            self.client.training(name, at_ms, goal="muscle", place={"name": rng.choice(["home", "gym"])})
            sent.commands.append(("TrainingSet", at_ms))
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
        self.store = FaultyStore(inner, self.rng, self.rng.choice([0.0, 0.02, 0.1, 0.3]))
        self._weights = self.rng.choice([CALM, STORMY])
        self.frame_share = self.rng.choice([0.9, 0.2])  # of what devices record, the rest are commands
        self.tokens = Tokens(b"t" * 32, lambda: T0_MS / 1000)
        self.offers = Offers(ModelStore(inner))
        self.lane: deque[Envelope] = deque()
        self.connections: dict[int, Device] = {}
        self.now_ms = T0_MS
        self._numbers = 0
        self._sessions_max = self.rng.choice([1, 2, 100])
        self._unfinished: dict[int, list[Envelope]] = {}  # batches that the gateway waits for
        self._stale: list[ShardHost] = []  # whose lease has ended, although they run
        self._epoch = 0
        self._tenure, self.host = self._new_host()
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
        device = self.rng.choice(self.devices)
        actions: list[Callable[[], object]] = [
            lambda: device.record(self.rng),
            device.exchange,
            lambda: device.arrive(self.rng),
            self._work,
            device.reconnect,
            lambda: self.host.passivate(self.rng.choice([0, 500]), self.rng.choice([1, None])),
            self.store.apply_late,
            self._crash,
            self._take_over,
        ]
        self.rng.choices(actions, self._weights)[0]()

    def settle(self) -> None:
        self.store.rate = 0.0
        for _ in range(SETTLE_STEPS_MAX):
            self.now_ms += 100  # so that who asked too often may ask again
            for device in self.devices:
                device.exchange()
                device.arrive(self.rng)
            self._submit()
            while self.store.in_flight:
                self.store.finish_one()
            self._advance()
            if all(device.client.is_idle for device in self.devices):
                return
        raise AssertionError("what was recorded is not acknowledged")

    def _work(self) -> None:
        """A batch comes, a write ends, or the host goes on."""
        what = self.rng.random()
        if what < 0.3:
            self._submit()
        elif what < 0.6 and self.store.in_flight:
            self.store.finish_one()
        else:
            self._advance()

    def _submit(self) -> None:
        batch = [self.lane.popleft() for _ in range(min(len(self.lane), self.rng.choice([1, 3, 30])))]
        self._give(batch)

    def _give(self, batch: list[Envelope]) -> None:
        number = self.next_number()
        self._unfinished[number] = batch
        self.host.submit(number, batch)

    def _advance(self) -> None:
        answers = self.host.advance()
        self._deliver(answers.replies)
        for number in answers.finished:
            for envelope in self._unfinished.pop(number):
                if (device := self.connections.get(envelope.connection)) is not None:
                    device.connection.answered(envelope.user, 1)
        for stale in self._stale:
            acknowledged = [r.reply for r in stale.advance().replies if isinstance(r.reply, Acknowledged)]
            assert not acknowledged, "a host acknowledged after its lease had ended"

    def _crash(self) -> None:
        """The host is gone; what it had submitted may arrive late. The next one is given its batches."""
        self.store.abandon()
        self._stale.clear()
        self._replace()

    def _take_over(self) -> None:
        """The host's lease ends without its knowing; its writes go on, and what it is told it still takes."""
        self._tenure.valid_until_s = -math.inf
        self._stale.append(self.host)
        self._replace()

    def _replace(self) -> None:
        self._tenure, self.host = self._new_host()
        unfinished, self._unfinished = self._unfinished, {}
        for batch in unfinished.values():
            self._give(batch)

    def _deliver(self, replies: list[Addressed]) -> None:
        for addressed in replies:
            assert not isinstance(addressed.reply, DirectReply), "it answers the API alone"
            data = protocol.encode(message_of(addressed.user, addressed.reply))
            for number, device in self.connections.items():
                if addressed.connection == number or (
                    addressed.connection is None and addressed.user in device.connection.users
                ):
                    device.down.append(data)

    def _new_host(self) -> tuple[Tenure, ShardHost]:
        self._epoch += ATTEMPTS_PER_VIEW
        tenure = every_shard(self._epoch)
        shelf: Any = StubShelf(stub_model())
        host = ShardHost(
            self.store,
            stores_of(self.store),
            shelf,
            tenure,
            lambda: self.now_ms,
            woken=lambda: None,
            sessions_max=self._sessions_max,
        )
        return tenure, host
