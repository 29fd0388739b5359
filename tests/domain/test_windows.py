"""Windows: the right values, whatever the frames; never across a gap; never an error, never unbounded."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.frames import SensorFrame, check_frame, pack_samples
from domain.identifiers import SessionId, StreamId
from domain.sensors import SENSORS, SensorSet
from domain.windows import GAP_MS_MAX, Window, WindowSlicer
from tests.windowing import windows_of

START_MS = 1_790_000_000_000
Signal = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]


def frame(
    start_ms: int, values: npt.NDArray[np.float64], rate_hz: float, stream: str = "a.wrist", nr: int = 0
) -> SensorFrame:
    scale = 1 / 1024
    made = SensorFrame(
        session=SessionId("s"),
        stream=StreamId(stream),
        sequence_nr=nr,
        sensor=stream[0],
        start_ms=start_ms,
        rate_hz=rate_hz,
        scale=scale,
        samples=pack_samples(values, scale),
    )
    return check_frame(made)


def frames_of(
    signal: Signal,
    rate_hz: float,
    counts: Sequence[int],
    *,
    stream: str = "a.wrist",
    start_ms: int = START_MS,
) -> list[SensorFrame]:
    """`signal` (of seconds since START_MS, the same on each axis) in gapless frames of `counts` samples."""
    made, first = [], 0
    for nr, count in enumerate(counts):
        seconds = (start_ms - START_MS) / 1000 + np.arange(first, first + count) / rate_hz
        values = np.repeat(signal(seconds)[:, None], len(SENSORS[stream[0]].axes), axis=1)
        at_ms = start_ms + round(first * 1000 / rate_hz)
        made.append(frame(at_ms, values, rate_hz, stream, nr))
        first += count
    return made


def cut(frames: Sequence[SensorFrame], sensor_set: str = "a@50") -> list[Window]:
    slicer = WindowSlicer(SensorSet.parse(sensor_set))
    return [window for each in frames for window in slicer.push(each)]


def assert_same(left: Sequence[Window], right: Sequence[Window], atol: float = 1e-4) -> None:
    assert [window.start_ms for window in left] == [window.start_ms for window in right]
    for one, other in zip(left, right, strict=True):
        np.testing.assert_allclose(one.samples, other.samples, atol=atol)


def noise(seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.sin(seconds * 7.3) + np.cos(seconds * 41.7)


@pytest.mark.parametrize("rate_hz", [10.0, 20.0, 50.0, 100.0, 200.0, 31.25, 104.0])
def test_a_linear_signal_keeps_its_values_at_every_rate(rate_hz: float) -> None:
    frames = frames_of(lambda s: s / 4, rate_hz, [round(rate_hz)] * 8, start_ms=START_MS - 500)
    windows = cut(frames)
    assert [window.start_ms - START_MS for window in windows] == [0, 1000, 2000, 3000, 4000, 5000]
    for window in windows:
        seconds = (window.start_ms - START_MS) / 1000 + np.arange(100) / 50
        # Frames start at whole milliseconds: half of one, times the slope, and half a step of the scale.
        np.testing.assert_allclose(window.samples[:, 1], seconds / 4, atol=1e-3)


@pytest.mark.parametrize("rate_hz", [25.0, 50.0, 100.0, 200.0])
@pytest.mark.parametrize("hz", [0.5, 2.0])
def test_movement_keeps_its_shape_at_every_rate(rate_hz: float, hz: float) -> None:
    def swing(seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.sin(2 * np.pi * hz * seconds)

    for window in cut(frames_of(swing, rate_hz, [round(rate_hz)] * 5, start_ms=START_MS - 500)):
        seconds = (window.start_ms - START_MS) / 1000 + np.arange(100) / 50
        np.testing.assert_allclose(window.samples[:, 0], swing(seconds), atol=0.04)


def test_what_is_faster_than_the_grid_is_averaged_away() -> None:
    windows = cut(frames_of(lambda s: np.sin(2 * np.pi * 50 * s), 400.0, [400] * 4, start_ms=START_MS - 500))
    assert windows
    assert max(abs(window.samples).max() for window in windows) < 0.05


@given(st.lists(st.integers(1, 120), min_size=1, max_size=12), st.sampled_from([10.0, 25.0, 50.0, 100.0]))
def test_windows_do_not_depend_on_how_samples_are_framed(counts: list[int], rate_hz: float) -> None:
    total = sum(counts)
    whole = frames_of(noise, rate_hz, [min(1000, total - at) for at in range(0, total, 1000)])
    assert_same(cut(frames_of(noise, rate_hz, counts)), cut(whole))


@given(st.data())
def test_windows_do_not_depend_on_how_streams_interleave(data: st.DataObject) -> None:
    left = frames_of(noise, 50.0, [50] * 8)
    right = frames_of(np.cos, 100.0, [100] * 8, stream="g.wrist", start_ms=START_MS + 140)
    turns = data.draw(st.permutations([0] * len(left) + [1] * len(right)))
    sources = [iter(left), iter(right)]
    expected = windows_of(left + right, SensorSet.parse("a,g@50"), 1.0)
    assert len(expected) == 5
    assert_same(cut([next(sources[turn]) for turn in turns], "a,g@50"), expected)


def test_channels_come_in_the_order_of_the_sensor_set() -> None:
    frames = frames_of(lambda s: s * 0 + 1, 50.0, [150]) + frames_of(
        lambda s: s * 0 + 2, 50.0, [150], stream="g.wrist"
    )
    (window, *_) = cut(frames, "g,a@50")
    assert window.samples.shape == (100, 6)
    np.testing.assert_allclose(window.samples[5], [2, 2, 2, 1, 1, 1])


@pytest.mark.parametrize("gap_ms", [GAP_MS_MAX + 20, 1000, 3_600_000])
def test_no_window_spans_a_gap(gap_ms: float) -> None:
    before = frames_of(noise, 50.0, [50] * 5)
    resumes_ms = START_MS + 5000 - 20 + round(gap_ms)
    after = frames_of(noise, 50.0, [50] * 5, start_ms=resumes_ms)
    for window in cut(before + after):
        assert window.start_ms + 2000 <= START_MS + 5000 or window.start_ms >= resumes_ms


def test_a_short_gap_is_interpolated_over() -> None:
    before = frames_of(np.cos, 50.0, [50] * 2)
    after = frames_of(np.cos, 50.0, [50] * 3, start_ms=START_MS + 2000 - 20 + int(GAP_MS_MAX))
    windows = cut(before + after)
    assert [window.start_ms - START_MS for window in windows] == [0, 1000, 2000, 3000]
    assert_same(windows[:3], cut(frames_of(np.cos, 50.0, [250]))[:3], atol=0.02)


def test_of_two_streams_of_one_sensor_the_first_counts() -> None:
    left = frames_of(np.sin, 50.0, [50] * 5)
    right = frames_of(np.cos, 50.0, [50] * 5, stream="a.other")
    both = [each for pair in zip(left, right, strict=True) for each in pair]
    assert_same(cut(both), cut(left))


def test_duplicates_and_other_sensors_change_nothing_but_what_they_interrupt() -> None:
    frames = frames_of(noise, 50.0, [50] * 6)
    assert cut(frames_of(np.sin, 50.0, [50] * 6, stream="g.wrist")) == []
    starts = [window.start_ms for window in cut([each for one in frames for each in (one, one)])]
    assert sorted(set(starts)) == starts


@pytest.mark.parametrize("jump_ms", [-86_400_000, -5_000, 86_400_000, 10**12])
def test_after_a_jump_of_the_clock_windows_come_again(jump_ms: int) -> None:
    frames = frames_of(noise, 50.0, [50] * 5)
    later = frames_of(noise, 50.0, [50] * 12, start_ms=START_MS + 5000 + jump_ms)
    starts = [window.start_ms for window in cut(frames + later)]
    assert starts[-1] == START_MS + 14_000 + jump_ms


def held_bytes(slicer: WindowSlicer) -> int:
    channels = slicer._channels.values()
    return sum(c.values.nbytes + c.resampler._values.nbytes + c.resampler._times.nbytes for c in channels)


jumpy = st.lists(
    st.tuples(
        st.sampled_from(["a.wrist", "g.wrist", "a.other"]),
        st.integers(0, 4_000_000) | st.sampled_from([0, START_MS, 4_102_444_800_000]),
        st.integers(1, 100),
        st.sampled_from([0.9, 7.0, 50.0, 999.0, 1000.0]),
    ),
    max_size=20,
)


@settings(max_examples=60)
@given(jumpy, st.sampled_from(["a@50", "a,g@50", "g,a@1", "a,g@1000"]))
def test_no_order_of_frames_raises_or_fills_memory(
    pushes: list[tuple[str, int, int, float]], sensor_set: str
) -> None:
    slicer = WindowSlicer(SensorSet.parse(sensor_set))
    for stream, start_ms, count, rate_hz in pushes:
        for window in slicer.push(frame(start_ms, np.ones((count, 3)), rate_hz, stream)):
            assert np.isfinite(window.samples).all()
            np.testing.assert_allclose(window.samples, 1, atol=1e-6)
        bound = slicer.PENDING_SECONDS_MAX * slicer.sensor_set.rate_hz * 6 * 4 + 2100 * 7 * 8
        assert held_bytes(slicer) <= bound


def test_a_lagging_sensor_costs_windows_not_memory() -> None:
    slicer = WindowSlicer(SensorSet.parse("a,g@50"))
    for each in frames_of(noise, 50.0, [50] * 120):
        assert slicer.push(each) == []
    assert held_bytes(slicer) < 40 * 50 * 3 * 8
    late = frames_of(noise, 50.0, [50] * 120, stream="g.wrist")
    starts = [window.start_ms - START_MS for each in late for window in slicer.push(each)]
    assert starts == list(range(90_000, 118_000, 1000))
