"""When the gateway's asyncio thread wakes its actor, and that no command is forgotten between the two."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from actors.messages import ShardAnswer, ShardBatch, decode_envelopes, encode_addressed
from gateway.device_actor import DeviceGatewayActor
from gateway.lanes import Lanes
from tests.gateway.test_lanes import command, lanes, numbered


class Loop:
    """In place of the asyncio thread's: what it was asked to call."""

    def __init__(self) -> None:
        self.calls: list[Callable[..., Any]] = []

    def call_soon(self, callback: Callable[..., Any]) -> None:
        self.calls.append(callback)

    def call_soon_threadsafe(self, callback: Callable[..., Any], *arguments: Any) -> None:
        pass


class Gateway(DeviceGatewayActor):
    """Without its processes, threads and sockets."""

    def __init__(self, waiting: Lanes) -> None:
        super().__init__()
        self._lanes, self._inbox, self._server = waiting, deque(), DeafServer()  # type: ignore[assignment]
        self._loop: Any = Loop()
        self.sent: list[list[int]] = []

    def send(self, address: Any, message: ShardBatch) -> None:
        self.sent.append([numbered(envelope) for envelope in decode_envelopes(message.envelopes)])

    def queue(self, number: int) -> bool:
        """As the asyncio thread does; True if the actor is to be woken."""
        calls = len(self._loop.calls)
        self._queue(command(number))
        return len(self._loop.calls) > calls

    def woken(self) -> None:
        self._is_waking = False
        self._pump()

    def answered(self, number: int) -> None:
        self.receiveMsg_ShardAnswer(ShardAnswer((number,), encode_addressed([])), None)


class DeafServer:
    def deliver(self, replies: object, answered: object) -> None:
        pass


@pytest.fixture
def gateway() -> Gateway:
    waiting = lanes("a-0")
    waiting.addresses_changed({"host-0": "address 0"})
    made = Gateway(waiting)
    made._pump()
    return made


def test_the_actor_is_woken_once_for_all_that_comes_until_then(gateway: Gateway) -> None:
    assert [gateway.queue(number) for number in range(3)] == [True, False, False]
    gateway.woken()
    assert gateway.sent == [[0, 1, 2]]


def test_the_actor_is_not_woken_for_what_a_host_is_too_busy_for(gateway: Gateway) -> None:
    for number in range(2):
        assert gateway.queue(number)
        gateway.woken()
    assert not gateway.queue(2)  # two batches are on their way
    gateway.answered(1)
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
            assert not gateway.queue(coming.pop())
        return wanted(waiting)

    monkeypatch.setattr(Lanes, "wanted", comes_in_between)
    gateway._pump()
    assert gateway.sent == [[0]]
