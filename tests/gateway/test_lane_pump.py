"""When the asyncio thread wakes its actor, and that no command is forgotten between the two."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from actors.messages import ShardAnswer, ShardBatch, decode_envelopes, encode_addressed
from gateway.lane_pump import LanePump
from gateway.lanes import Lanes
from tests.gateway.test_lanes import command, lanes, numbered


class Gateway(LanePump):
    """Without its processes, threads and sockets."""

    def __init__(self, waiting: Lanes) -> None:
        super().__init__(waiting, send=self._sent, deliver=lambda replies, done: None)
        self.sent: list[list[int]] = []
        self.calls = 0

    def number(self, number: int) -> bool:
        """As the asyncio thread does; True if the actor is to be woken."""

        async def queue() -> None:
            self.queue(command(number))

        calls = self.calls
        asyncio.run(queue())
        return self.calls > calls

    def finished(self, number: int) -> None:
        self.answered(ShardAnswer((number,), encode_addressed([])))

    def _wake(self) -> None:
        self.calls += 1

    def _sent(self, address: Any, message: ShardBatch) -> None:
        self.sent.append([numbered(envelope) for envelope in decode_envelopes(message.envelopes)])


@pytest.fixture
def gateway() -> Gateway:
    waiting = lanes("a-0")
    waiting.addresses_changed({"host-0": "address 0"})
    made = Gateway(waiting)
    made.pump()
    return made


def test_the_actor_is_woken_once_for_all_that_comes_until_then(gateway: Gateway) -> None:
    assert [gateway.number(number) for number in range(3)] == [True, False, False]
    gateway.woken()
    assert gateway.sent == [[0, 1, 2]]


def test_the_actor_is_not_woken_for_what_a_host_is_too_busy_for(gateway: Gateway) -> None:
    for number in range(2):
        assert gateway.number(number)
        gateway.woken()
    assert not gateway.number(2)  # two batches are on their way
    gateway.finished(1)
    assert gateway.sent == [[0], [1], [2]]


def test_what_comes_while_the_actor_decides_to_sleep_is_sent(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other thread saw that the host was too busy, and woke nobody, just before it was not any more."""
    gateway._wake_at = math.inf
    wanted = Lanes.wanted
    coming = [0]

    def comes_in_between(waiting: Lanes) -> float:
        while coming:
            assert not gateway.number(coming.pop())
        return wanted(waiting)

    monkeypatch.setattr(Lanes, "wanted", comes_in_between)
    gateway.pump()
    assert gateway.sent == [[0]]
