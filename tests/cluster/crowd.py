"""Devices on real sockets, the reference client each, that record at a steady pace all the while."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import NamedTuple

from domain.errors import ProcessFailed
from domain.identifiers import UserId
from edge import protocol
from edge.client import DeviceClient
from edge.connection import DeviceConnection
from edge.protocol import Message
from gateway.auth import Tokens
from tests.actors.helpers import eventually
from tests.actors.simulation import STREAMS, Sent
from tests.actors.stub_models import T0_MS, heart_frame

PACE_SECONDS = 0.1
SETTLE_SECONDS = 120.0
STOP_SECONDS = 30.0
FRAME_SHARE = 0.85  # of what devices record; the rest are commands


class Ack(NamedTuple):
    """Everything of the stream below `next_nr` is acknowledged since `at_s`, of the monotonic clock."""

    at_s: float
    session: str
    stream: str
    next_nr: int


class NotingClient(DeviceClient):
    """The reference client; notes when what was acknowledged."""

    def __init__(self, token: str, device: str, rng: random.Random) -> None:
        super().__init__(token, device)
        self.rng = rng
        self.acks: list[Ack] = []
        self.acknowledged: dict[tuple[str, str], int] = {}

    def receive(self, data: bytes) -> Message | None:
        message = super().receive(data)
        told = protocol.decode(data)
        if told is not None and told["type"] == "ack":
            key = (told["session"], told["stream"])
            next_nr = self.outbox.acknowledged(*key)
            if next_nr > self.acknowledged.get(key, 0):
                self.acknowledged[key] = next_nr
                self.acks.append(Ack(time.monotonic(), *key, next_nr))
        return message


class Wearer:
    """A device of `user`: what it recorded, and its client."""

    def __init__(self, user: UserId, name: str, client: NotingClient) -> None:
        self.user = user
        self.name = name
        self.client = client
        self.sessions: dict[str, Sent] = {}
        self.connection: DeviceConnection | None = None
        self.given_up = 0  # how often its connection took no more trouble

    def record(self) -> None:
        """One thing more to send."""
        rng = self.client.rng
        name = next(reversed(self.sessions), None)
        if name is None or self.sessions[name].closed:
            self._open(f"{self.name}-s{len(self.sessions)}")
        elif rng.random() < FRAME_SHARE:
            self._frame(name, self.sessions[name], "h" if rng.random() < 0.7 else "a")
        else:
            self._command(name, self.sessions[name], rng)

    def _open(self, name: str) -> None:
        at_ms = T0_MS + 1000 * len(self.sessions)
        site = self.client.rng.choice(["server", "device"])
        self.client.open_session(name, at_ms, site, STREAMS)
        self.sessions[name] = Sent([("SessionOpened", at_ms)], {stream: [] for stream, _, _ in STREAMS})

    def _frame(self, name: str, sent: Sent, stream: str) -> None:
        number = len(sent.frames[stream])
        frame = heart_frame(name, number, 150 if number % 40 > 18 else 60, stream=stream)
        self.client.frame(frame)
        sent.frames[stream].append(frame.samples)

    def _command(self, name: str, sent: Sent, rng: random.Random) -> None:
        at_ms = T0_MS + 1000 * (1 + len(sent.commands) + len(sent.frames["h"]))
        what = rng.random()
        if what < 0.45:
            self.client.label(
                name, at_ms - 900, at_ms, "curl", rng.choice([None, 8]), rng.choice([None, 20.0])
            )
            sent.commands.append(("LabelConfirmed", at_ms))
        elif what < 0.9:
            self.client.record_set(name, at_ms - 900, at_ms, "row", 0.75, 5, "device-model")
            sent.commands.append(("SetRecognised", at_ms))
        else:
            self.client.close_session(name, at_ms)
            sent.commands.append(("SessionClosed", at_ms))
            sent.closed = True


class Crowd:
    """`users` people with one or two devices each, all of which know all of `urls`.

    As a context manager they record meanwhile, in a thread. `seed` makes them; it is part of their names.
    """

    def __init__(
        self,
        seed: int,
        urls: Sequence[str],
        tokens: Tokens,
        *,
        users: int = 10,
        pace_s: float = PACE_SECONDS,
        client: Callable[[str, str, random.Random], NotingClient] = NotingClient,
    ) -> None:
        self.seed = seed
        rng = random.Random(seed)
        self._urls = urls
        self._pace_s = pace_s
        self._is_recording = True
        self._is_over = False
        self._troubles: list[BaseException] = []
        self.users = [UserId(f"u{seed}-{number}") for number in range(users)]
        self.wearers = [
            Wearer(
                user,
                f"d-{user}-{number}",
                client(tokens.issue(user, "device", 36_000), f"d{number}", random.Random(rng.random())),
            )
            for user in self.users
            for number in range(rng.choice([1, 2]))
        ]
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), daemon=True)

    def __enter__(self) -> Crowd:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: object) -> None:
        self._is_over = True
        self._thread.join(STOP_SECONDS)
        if error is not None:
            error.add_note(f"seed {self.seed}; {self.state()}")

    def know(self, urls: Sequence[str]) -> None:
        """From their next connections on they know these."""
        self._urls = urls

    def heard(self, more: int = 10, users: Collection[UserId] | None = None) -> None:
        """Until each device, or those of `users`, was acknowledged something `more` times from now on."""
        wearers = [wearer for wearer in self.wearers if users is None or wearer.user in users]
        wanted = [(wearer, len(wearer.client.acks) + more) for wearer in wearers]
        eventually(
            lambda: self._healthy() and all(len(w.client.acks) >= count for w, count in wanted),
            "everybody is heard",
            SETTLE_SECONDS,
        )

    def settle(self) -> None:
        """Record no more; until everything is acknowledged."""
        self._is_recording = False
        eventually(
            lambda: self._healthy() and all(wearer.client.is_idle for wearer in self.wearers),
            "everything is acknowledged",
            SETTLE_SECONDS,
        )

    def unacknowledged(self) -> list[int]:
        """Messages that wait, by device."""
        return [len(wearer.client.outbox) for wearer in self.wearers]

    def acknowledged(self) -> dict[str, dict[tuple[str, str], int]]:
        """By device and stream the number below which everything is acknowledged now."""
        return {wearer.name: dict(wearer.client.acknowledged) for wearer in self.wearers}

    def longest_gaps(self, since_s: float, users: Collection[UserId]) -> list[float]:
        """Per device of `users`: the longest time since `since_s` in which nothing was acknowledged to it."""
        gaps = []
        for wearer in self.wearers:
            if wearer.user in users:
                times = [since_s, *(ack.at_s for ack in list(wearer.client.acks) if ack.at_s > since_s)]
                gaps.append(max((b - a for a, b in itertools.pairwise(times)), default=0.0))
        return gaps

    def state(self) -> str:
        """For those who look why a test failed."""
        waiting = {w.name: len(w.client.outbox) for w in self.wearers if len(w.client.outbox)}
        return f"unacknowledged {waiting}, troubles {self._troubles}"

    def _healthy(self) -> bool:
        assert not self._troubles, self._troubles
        refused = [wearer.client.refusals[0] for wearer in self.wearers if wearer.client.refusals]
        assert not refused, refused
        return True

    async def _live(self) -> None:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        tasks = [asyncio.create_task(self._serve(wearer)) for wearer in self.wearers]

        def beat() -> None:
            if self._is_over:
                ended.set()
                return
            try:
                for wearer in self.wearers:
                    self._beat(wearer)
            except Exception as error:
                self._troubles.append(error)
            loop.call_later(self._pace_s, beat)

        beat()
        await ended.wait()
        for wearer in self.wearers:
            if wearer.connection is not None:
                wearer.connection.stop()
        for task in tasks:
            with suppress(TimeoutError, Exception):
                await asyncio.wait_for(task, STOP_SECONDS / 3)

    def _beat(self, wearer: Wearer) -> None:
        if self._is_recording:
            wearer.record()
        if wearer.connection is not None:
            wearer.connection.changed()

    async def _serve(self, wearer: Wearer) -> None:
        """As an application does: a connection that gave up is made anew."""
        rng = wearer.client.rng
        try:
            while not self._is_over:
                first, *more = rng.sample(list(self._urls), len(self._urls))
                wearer.connection = DeviceConnection(
                    wearer.client, first, lambda message: None, rng, more_urls=more
                )
                try:
                    await wearer.connection.run()
                except ProcessFailed:
                    wearer.given_up += 1
        except Exception as error:
            self._troubles.append(error)
