"""A set of whatever movement is counted in C as coach.repetitions.compact counts it, to the last bit."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coach.repetitions.compact import CompactCounter, CompactRepetition
from domain.frames import SensorFrame
from domain.sensors import SENSORS, SensorSet
from domain.windows import Resampler
from edge.c99.counting import counted_letter
from edge.c99.frames import frame_of
from edge.layers import GlobalAverage
from tests.edge.c99_library import Frame, Library, needs_gcc
from tests.edge.test_c99_network import artefact, convolution

pytestmark = needs_gcc

REPETITIONS_MAX = 200
START_MS = 1_700_000_000_000


class Repetition(ctypes.Structure):
    """muvr_repetition of muvr.h."""

    _fields_ = (
        ("begin", ctypes.c_int32),
        ("turn", ctypes.c_int32),
        ("end", ctypes.c_int32),
        ("range", ctypes.c_float),
    )


class Counter:
    """The C's end: frames in, repetitions out."""

    def __init__(self, sensors: SensorSet, directory: Path) -> None:
        self.sensors = sensors
        self.letter = counted_letter(sensors)
        channels = sensors.channel_count
        classifier = convolution(np.random.default_rng(0), 1, channels, 2, 1)
        model = replace(
            artefact(0),
            sensor_set=sensors,
            classes=("rest", "squat"),
            layers=(GlobalAverage(size=sensors.window_samples), replace(classifier, padding=(0, 0))),
            channel_mean=(0.0,) * channels,
            channel_scale=(1.0,) * channels,
            magnitudes=False,
        )
        self.c = Library(model, directory).c

    def begin(self) -> None:
        self.c.muvr_reset()
        self.c.muvr_begin_set()

    def push(self, frame: SensorFrame) -> None:
        samples = np.frombuffer(frame.samples, "<i2").copy()
        pointer = samples.ctypes.data_as(ctypes.POINTER(ctypes.c_int16))
        sensor = self.sensors.letters.index(frame.sensor)
        message = Frame(sensor, frame.start_ms, frame.rate_hz, frame.scale, pointer, frame.sample_count)
        assert self.c.muvr_push(ctypes.byref(message))

    def repetitions(self, count_max: int = REPETITIONS_MAX) -> list[CompactRepetition]:
        found = (Repetition * REPETITIONS_MAX)()
        count = self.c.muvr_repetitions(found, count_max)
        return [
            CompactRepetition(begin=one.begin, turn=one.turn, end=one.end, range=one.range)
            for one in found[: min(count, count_max)]
        ]


@pytest.fixture(scope="module", params=["a@50", "g,a@25", "h,g@7", "u,l@10", "a@104"])
def counter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Counter:
    return Counter(SensorSet.parse(request.param), tmp_path_factory.mktemp("counter"))


def movement(random: np.random.Generator, rate_hz: float, axes: int) -> npt.NDArray[np.float64]:
    """Swings, noise, knocks, stillness and saturation, in parts of full scale; [samples, axes]."""
    parts = []
    for _ in range(int(random.integers(1, 6))):
        at_s = np.arange(round(float(random.uniform(0.1, 40)) * rate_hz) + 1) / rate_hz
        phase = 2 * np.pi * at_s / random.uniform(0.5, 9) + random.uniform(0, 6)
        swing = np.sin(phase)[:, None] * random.normal(0, random.choice([0, 0.02, 0.2, 2]), axes)
        noise = random.normal(0, random.choice([0, 1e-4, 0.01, 0.5]), (len(at_s), axes))
        parts.append(swing + noise + random.normal(0, 0.05, axes))
    return np.clip(np.concatenate(parts), -1, 1)


def frames(random: np.random.Generator, letter: str) -> Iterator[SensorFrame]:
    """A set, cut anyhow, with samples missing now and then."""
    rate_hz = float(random.choice([10.0, 25.0, 48.9, 50.0, 100.0]))
    sensor = SENSORS[letter]
    values = movement(random, rate_hz, len(sensor.axes)) * sensor.full_scale
    taken, late_ms = 0, 0.0
    while taken < len(values):
        size = int(random.integers(1, 2000))
        start_ms = START_MS + round(taken * 1000 / rate_hz + late_ms)
        yield frame_of(letter, 0, start_ms, rate_hz, values[taken : taken + size])
        taken += size
        late_ms += float(random.choice([0, 0, 0, 700, -5000]))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_count_is_that_of_python_while_the_set_goes_on_and_after(counter: Counter, seed: int) -> None:
    random = np.random.default_rng(seed)
    rate_hz, full_scale = counter.sensors.rate_hz, SENSORS[counter.letter].full_scale
    counter.begin()
    python, resampler = CompactCounter(rate_hz, full_scale), Resampler(rate_hz)
    for frame in frames(random, counter.letter):
        counter.push(frame)
        if (run := resampler.push(frame)) is not None:
            python.push(run.values)
        if random.random() < 0.3:
            assert counter.repetitions() == python.repetitions()
    assert counter.repetitions() == python.repetitions()


def test_no_more_is_written_than_there_is_room_for(tmp_path: Path) -> None:
    counter = Counter(SensorSet.parse("a@50"), tmp_path)
    counter.begin()
    at_s = np.arange(1500) / 50
    swing = np.sin(2 * np.pi * at_s / 3)[:, None] * np.array([0.1, 0.5, 0.2])
    counter.push(frame_of("a", 0, START_MS, 50.0, swing))
    everything = counter.repetitions()
    assert len(everything) == 10
    assert counter.repetitions(3) == everything[:3]
    assert counter.c.muvr_repetitions(None, 0) == 10


def test_outside_a_set_nothing_is_kept(tmp_path: Path) -> None:
    counter = Counter(SensorSet.parse("a@50"), tmp_path)
    at_s = np.arange(1500) / 50
    frame = frame_of("a", 0, START_MS, 50.0, np.sin(2 * np.pi * at_s / 3)[:, None] * np.ones(3))
    counter.push(frame)
    assert counter.repetitions() == []
    counter.begin()
    counter.push(frame)
    counter.c.muvr_end_set()
    found = counter.repetitions()
    assert found
    counter.push(frame_of("a", 0, START_MS + 30_000, 50.0, np.zeros((1500, 3))))
    assert counter.repetitions() == found
    counter.begin()
    assert counter.repetitions() == []
