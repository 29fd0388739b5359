"""Devices of one body whose clocks differ are brought together; what is in time, or unrelated, stays."""

from __future__ import annotations

import numpy as np
import pytest

from batch.alignment import BLOCK_MS, LAG_MS_MAX, STEP_MS, aligned
from domain.frames import SensorFrame, pack_samples, scale_for
from domain.identifiers import SessionId, StreamId
from domain.sensors import SENSORS

START_MS = 1_790_000_123_000
SECONDS = 240


def moving(seed: int, seconds: int = SECONDS) -> np.ndarray:
    """How strongly a body moves in each 50th of a second: sets of some seconds, and rests."""
    random = np.random.default_rng(seed)
    levels = np.repeat(random.choice([0.05, 1.0], size=seconds // 4 + 1), 200)
    return levels[: seconds * 50] * (1 + 0.3 * random.normal(size=seconds * 50))


def frames_of(
    sensor: str, strength: np.ndarray, *, ahead_ms: int = 0, drift_ms_per_s: float = 0.0
) -> list[SensorFrame]:
    random = np.random.default_rng(ord(sensor))
    axes = len(SENSORS[sensor].axes)
    values = strength[:, None] * random.normal(size=(len(strength), axes))
    return [
        SensorFrame(
            session=SessionId("s"),
            stream=StreamId(sensor),
            sequence_nr=number,
            sensor=sensor,
            start_ms=START_MS + number * 1000 + ahead_ms + round(number * drift_ms_per_s),
            rate_hz=50.0,
            scale=scale_for(sensor),
            samples=pack_samples(values[number * 50 : number * 50 + 50], scale_for(sensor)),
        )
        for number in range(len(strength) // 50)
    ]


def together(*streams: list[SensorFrame]) -> list[SensorFrame]:
    return sorted((frame for stream in streams for frame in stream), key=lambda frame: frame.start_ms)


def errors_ms(frames: list[SensorFrame], sensor: str) -> list[int]:
    """By how much the frames of a stream are off, of those after the first block."""
    return [
        frame.start_ms - START_MS - frame.sequence_nr * 1000
        for frame in aligned(frames)
        if frame.sensor == sensor and frame.sequence_nr > BLOCK_MS // 1000
    ]


@pytest.mark.parametrize("ahead_ms", [730, -730, 3_017, -4_421])
def test_a_device_whose_clock_differs_is_brought_into_step(ahead_ms: int) -> None:
    strength = moving(1, 700)
    frames = together(frames_of("a", strength), frames_of("g", strength, ahead_ms=ahead_ms))
    assert max(map(abs, errors_ms(frames, "g"))) <= STEP_MS
    assert set(errors_ms(frames, "a")) == {0}


def test_a_clock_that_drifts_is_followed() -> None:
    strength = moving(2, 3000)
    frames = together(frames_of("a", strength), frames_of("u", strength, ahead_ms=1000, drift_ms_per_s=0.5))
    assert max(map(abs, errors_ms(frames, "u"))) <= BLOCK_MS / 1000 * 0.5 + STEP_MS


def test_streams_that_are_in_time_stay_as_they_are() -> None:
    strength = moving(3, 700)
    frames = together(frames_of("a", strength), frames_of("g", strength, ahead_ms=3))
    assert list(aligned(frames)) == frames


def test_streams_that_say_nothing_about_each_other_stay_as_they_are() -> None:
    frames = together(frames_of("a", moving(4, 700)), frames_of("g", moving(5, 700), ahead_ms=333))
    assert list(aligned(frames)) == frames


def test_a_clock_that_is_beyond_what_is_looked_for_is_left_alone() -> None:
    strength = moving(6, 700)
    frames = together(frames_of("a", strength), frames_of("g", strength, ahead_ms=2 * LAG_MS_MAX + 321))
    assert list(aligned(frames)) == frames


def test_without_an_accelerometer_or_with_a_heart_alone_nothing_changes() -> None:
    strength = moving(7)
    for letters in ("gu", "ah", "a"):
        frames = together(*(frames_of(letter, strength, ahead_ms=70 * n) for n, letter in enumerate(letters)))
        assert list(aligned(frames)) == frames
    assert list(aligned([])) == []
