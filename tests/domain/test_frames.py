"""Frames keep their limits, and hold values to half a step of their scale."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from domain.errors import InvalidFrame
from domain.frames import (
    EPOCH_MS_MAX,
    FRAME_SAMPLES_MAX,
    FRAME_SECONDS_MAX,
    RATE_HZ_MAX,
    SensorFrame,
    check_frame,
    pack_samples,
    scale_for,
)
from domain.identifiers import SessionId, StreamId
from domain.sensors import SENSORS

FRAME = SensorFrame(
    session=SessionId("s"),
    stream=StreamId("a.wrist"),
    sequence_nr=0,
    sensor="a",
    start_ms=1_790_000_000_000,
    rate_hz=50.0,
    scale=scale_for("a"),
    samples=bytes(300),
)


def changed(**fields: Any) -> SensorFrame:
    return msgspec.structs.replace(FRAME, **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"sequence_nr": 2**31 - 1},
        {"start_ms": 0},
        {"start_ms": EPOCH_MS_MAX},
        {"rate_hz": RATE_HZ_MAX},
        {"rate_hz": 50 / FRAME_SECONDS_MAX},
        {"scale": 1e6},
        {"sensor": "h", "samples": bytes(2 * FRAME_SAMPLES_MAX)},
        {"samples": bytes(6)},
    ],
)
def test_limits_are_inclusive(fields: dict[str, Any]) -> None:
    frame = changed(**fields)
    assert check_frame(frame) is frame


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"sensor": "x"}, "sensor"),
        ({"sensor": ""}, "sensor"),
        ({"sequence_nr": -1}, "sequence number"),
        ({"sequence_nr": 2**31}, "sequence number"),
        ({"start_ms": -1}, "start"),
        ({"start_ms": EPOCH_MS_MAX + 1}, "start"),
        ({"rate_hz": 0.0}, "rate"),
        ({"rate_hz": -1.0}, "rate"),
        ({"rate_hz": RATE_HZ_MAX * 1.01}, "rate"),
        ({"rate_hz": math.nan}, "rate"),
        ({"rate_hz": math.inf}, "rate"),
        ({"rate_hz": 5e-324}, "rate"),
        ({"rate_hz": 49 / FRAME_SECONDS_MAX}, "rate"),
        ({"scale": 0.0}, "scale"),
        ({"scale": math.nan}, "scale"),
        ({"scale": 2e6}, "scale"),
        ({"samples": b""}, "0 bytes"),
        ({"samples": bytes(2 * FRAME_SAMPLES_MAX + 6)}, "bytes"),
        ({"samples": bytes(7)}, "3 axes"),
        ({"samples": bytes(4)}, "3 axes"),
    ],
)
def test_a_broken_limit_is_named(fields: dict[str, Any], wrong: str) -> None:
    with pytest.raises(InvalidFrame, match=wrong):
        check_frame(changed(**fields))


@given(st.data(), st.sampled_from(sorted(SENSORS)), st.floats(1e-6, 1e3))
def test_values_come_back_within_half_a_step(data: st.DataObject, sensor: str, scale: float) -> None:
    axis_count = len(SENSORS[sensor].axes)
    shape = st.tuples(st.integers(1, 50), st.just(axis_count))
    steps = data.draw(arrays.arrays(np.float64, shape, elements=st.floats(-32768, 32767)))
    frame = changed(sensor=sensor, scale=scale, samples=pack_samples(steps * scale, scale))
    check_frame(frame)
    assert frame.sample_count == len(steps)
    # Single precision costs another 2**-23 of the value, at most 0.004 of a step.
    np.testing.assert_allclose(frame.values() / scale, steps, rtol=0, atol=0.505)


def test_values_beyond_full_scale_saturate() -> None:
    scale = scale_for("a")
    values = np.array([[17.0, -17.0, 16.0]])
    found = changed(samples=pack_samples(values, scale)).values()
    np.testing.assert_allclose(found, [[16.0, -16.0, 16.0]], rtol=1e-3)


def test_a_frame_ends_where_the_next_one_starts() -> None:
    assert changed(samples=bytes(6 * 25)).end_ms == FRAME.start_ms + 500
