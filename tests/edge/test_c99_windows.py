"""Raw frames of any rate become the same windows in C as in domain.windows, to the last bit."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.frames import SensorFrame
from domain.identifiers import SessionId, StreamId
from domain.sensors import SENSORS, SensorSet
from domain.windows import WindowSlicer
from edge.layers import GlobalAverage
from edge.preprocessing import to_int8
from tests.edge.c99_library import Frame, Library, needs_gcc
from tests.edge.test_c99_network import artefact, convolution

pytestmark = needs_gcc

START_MS = 1_700_000_000_000
SCALE = float(np.float32(16 / 32767))
RATES = (5.0, 12.5, 25.0, 48.9, 50.0, 52.0, 99.7, 100.0, 1000 / 3, 1000.0)
# The values of the window that was cut last are still in the ring.
PROBE = """
void last_window(float *window)
{
    int sensor, sample, axis;

    for (sensor = 0; sensor < MUVR_SENSORS; sensor++) {
        const muvr_sensor *layout = &muvr_sensors[sensor];
        const int first = waitings[sensor].oldest + MUVR_PENDING_SAMPLES - MUVR_STRIDE_SAMPLES;
        for (sample = 0; sample < MUVR_WINDOW_SAMPLES; sample++)
            for (axis = 0; axis < layout->axes; axis++)
                window[sample * MUVR_CHANNELS + layout->first_channel + axis] =
                    pending[(first + sample) % MUVR_PENDING_SAMPLES][layout->first_channel + axis];
    }
}
"""


@dataclass(frozen=True)
class Cut:
    start_ms: int
    samples: npt.NDArray[np.float32]
    quantised: npt.NDArray[np.int8]


class Device:
    """The C's end: frames in, windows out."""

    def __init__(self, sensor_set: SensorSet, directory: Path) -> None:
        channels = sensor_set.channel_count
        inputs = channels + len(sensor_set.three_axis_channels)
        classifier = convolution(np.random.default_rng(0), 1, inputs, 2, 1)
        self.model = replace(
            artefact(0),
            sensor_set=sensor_set,
            classes=("rest", "squat"),
            layers=(GlobalAverage(size=sensor_set.window_samples), replace(classifier, padding=(0, 0))),
            channel_mean=(0.1,) * inputs,
            channel_scale=(0.7,) * inputs,
            magnitudes=True,
        )
        self._library = Library(self.model, directory, PROBE)
        self._shape = (sensor_set.window_samples, channels)

    def reset(self) -> None:
        self._library.c.muvr_reset()

    def push(self, frame: SensorFrame) -> list[Cut]:
        samples = np.frombuffer(frame.samples, "<i2").copy()
        assert self.takes(frame, samples)
        start_ms, found = ctypes.c_int64(), []
        while self._library.c.muvr_next_window(ctypes.byref(start_ms)):
            window = np.empty(self._shape, np.float32)
            self._library.c.last_window(window.ctypes.data_as(ctypes.POINTER(ctypes.c_float)))
            found.append(Cut(start_ms.value, window, self._library.input()))
        return found

    def takes(self, frame: SensorFrame, samples: npt.NDArray[np.int16]) -> bool:
        pointer = samples.ctypes.data_as(ctypes.POINTER(ctypes.c_int16))
        letters = self.model.sensor_set.letters
        sensor = letters.index(frame.sensor) if frame.sensor in letters else len(letters)
        message = Frame(sensor, frame.start_ms, frame.rate_hz, frame.scale, pointer, frame.sample_count)
        return bool(self._library.c.muvr_push(ctypes.byref(message)))


@pytest.fixture(scope="module", params=["a@50", "a,u@25", "h,g@7"])
def device(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Device:
    return Device(SensorSet.parse(request.param), tmp_path_factory.mktemp("device"))


@dataclass
class Wearing:
    """What the sensors of a device send: each at a rate of its own, with losses and a clock that is set."""

    random: np.random.Generator
    sensor_set: SensorSet

    def frames(self) -> Iterator[SensorFrame]:
        rates = {letter: float(self.random.choice(RATES)) for letter in self.sensor_set.letters}
        at_ms = float(START_MS + self.random.integers(0, 10_000))
        for _ in range(int(self.random.integers(5, 40))):
            seconds = float(self.random.uniform(0.02, 0.5))
            for letter in self.random.permutation(list(self.sensor_set.letters)):
                if self.random.random() > 0.02:
                    yield self.frame(str(letter), at_ms, rates[str(letter)], seconds)
            at_ms += seconds * 1000 + self._disturbance_ms()

    def _disturbance_ms(self) -> float:
        kind = self.random.random()
        if kind < 0.04:
            return float(self.random.choice([100, 249, 250, 251, 700, 5_000]))
        if kind < 0.08:
            return float(self.random.choice([-20, -1_500, -20_000, -29_000, -33_000, -100_000]))
        return float(self.random.uniform(-3, 3))

    def frame(self, letter: str, at_ms: float, rate_hz: float, seconds: float) -> SensorFrame:
        axes = len(SENSORS[letter].axes)
        count = max(1, round(seconds * rate_hz))
        values = self.random.integers(-32768, 32768, (count, axes), dtype=np.int16)
        return SensorFrame(
            session=SessionId("s"),
            stream=StreamId(letter),
            sequence_nr=0,
            sensor=letter,
            start_ms=round(at_ms),
            rate_hz=rate_hz,
            scale=SCALE,
            samples=values.astype("<i2").tobytes(),
        )


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_windows_are_those_of_python(device: Device, seed: int) -> None:
    device.reset()
    slicer = WindowSlicer(device.model.sensor_set)
    for frame in Wearing(np.random.default_rng(seed), device.model.sensor_set).frames():
        expected, cut = slicer.push(frame), device.push(frame)
        assert [window.start_ms for window in cut] == [window.start_ms for window in expected]
        for window, python in zip(cut, expected, strict=True):
            np.testing.assert_array_equal(window.samples, python.samples)
            np.testing.assert_array_equal(window.quantised, to_int8(python.samples[None], device.model)[0])


def test_what_a_lagging_sensor_leaves_waiting_is_bounded(tmp_path: Path) -> None:
    """The oldest is dropped, and windows are cut again of what both sensors have."""
    sensors = SensorSet.parse("a,u@25")
    device = Device(sensors, tmp_path)
    wearing = Wearing(np.random.default_rng(0), sensors)
    for number in range(60):
        assert device.push(wearing.frame("a", START_MS + 500 * number, 26.0, 0.5)) == []
    cut = []
    for number in range(60):
        cut += device.push(wearing.frame("u", START_MS + 500 * number, 26.0, 0.5))
    assert [window.start_ms - START_MS for window in cut] == [27_000]


@pytest.mark.parametrize(
    "change",
    [
        {"sensor": "l"},
        {"start_ms": -1},
        {"start_ms": 4_102_444_800_001},
        {"rate_hz": 0.0},
        {"rate_hz": 1000.1},
        {"rate_hz": float("nan")},
        {"scale": 0.0},
        {"scale": float("inf")},
        {"samples": b""},
    ],
)
def test_frames_beyond_a_limit_are_refused(device: Device, change: dict[str, Any]) -> None:
    frame = next(Wearing(np.random.default_rng(0), device.model.sensor_set).frames())
    samples = np.frombuffer(frame.samples, "<i2").copy()
    assert device.takes(frame, samples)
    assert not device.takes(msgspec.structs.replace(frame, **change), samples)
