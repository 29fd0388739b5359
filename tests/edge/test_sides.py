"""The samples of two sensors, one on each side of a body."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from domain.commands import Stream
from domain.frames import SensorFrame, pack_samples, scale_for
from domain.identifiers import SessionId, StreamId
from edge.sides import MEMORY_S, RATE_HZ, SideMemory

T0_MS = 1_700_000_000_000


def stream(name: str, location: str, sensor: str = "a") -> Stream:
    return Stream(stream=StreamId(name), sensor=sensor, location=location)


def frame(name: str, second: int, values: npt.NDArray[np.float64], rate_hz: float = 50.0) -> SensorFrame:
    return SensorFrame(
        session=SessionId("s"),
        stream=StreamId(name),
        sequence_nr=second,
        sensor="a",
        start_ms=T0_MS + 1000 * second,
        rate_hz=rate_hz,
        scale=scale_for("a"),
        samples=pack_samples(values, scale_for("a")),
    )


def swing(second: int, reach: float, rate_hz: int = 50) -> npt.NDArray[np.float64]:
    angle = reach * (1 - np.cos(2 * np.pi * (second + np.arange(rate_hz) / rate_hz) / 2.5)) / 2
    return np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=1)


def filled(seconds: int, *, left: float, right: float) -> SideMemory:
    memory = SideMemory.of([stream("l", "left-wrist"), stream("r", "right-wrist")])
    assert memory is not None
    for second in range(seconds):
        memory.push(frame("l", second, swing(second, left)))
        memory.push(frame("r", second, swing(second, right, 40), 40.0))
        memory.push(frame("other", second, swing(second, 9.0)))
    return memory


@pytest.mark.parametrize(
    "streams",
    [
        [],
        [stream("l", "left-wrist")],
        [stream("l", "left-wrist"), stream("r", "right-thigh")],
        [stream("l", "left-wrist"), stream("r", "right-wrist", "g")],
        [stream("l", "wrist"), stream("r", "wrist")],
    ],
)
def test_without_a_pair_there_are_no_sides(streams: list[Stream]) -> None:
    assert SideMemory.of(streams) is None


def test_a_set_is_counted_on_each_side() -> None:
    both = filled(32, left=1.2, right=0.6).between(T0_MS + 1000, T0_MS + 28_000)
    assert both is not None
    assert abs(both.left.found.count - both.right.found.count) <= 1
    assert both.left.found.count in range(10, 13)
    ratio = np.median(both.right.found.ranges) / np.median(both.left.found.ranges)
    assert ratio == pytest.approx(0.55, abs=0.1)
    assert both.left.rate_hz == RATE_HZ


def test_what_is_not_remembered_is_not_compared() -> None:
    memory = filled(20, left=1.0, right=1.0)
    assert memory.between(T0_MS + 1000, T0_MS + 25_000) is None
    assert memory.between(T0_MS - 5000, T0_MS + 10_000) is None
    memory.push(frame("l", 60, swing(60, 1.0)))
    assert memory.between(T0_MS + 1000, T0_MS + 10_000) is None, "there is a gap since then"


def test_only_the_latest_minutes_are_remembered() -> None:
    memory = filled(MEMORY_S + 20, left=1.0, right=1.0)
    assert memory.between(T0_MS + 5000, T0_MS + 30_000) is None
    assert memory.between(T0_MS + 40_000, T0_MS + 60_000) is not None
