"""Recordings become the windows that a device's frames would, or a documented error."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.recording import Recording
from domain.sensors import SENSORS, SensorSet
from training.windowing import windows_of, windows_of_recording

BOTH = SensorSet.parse("a,g@50")


def recording(
    seconds: float, rate_hz: float = 50.0, letters: str = "ag", session: str = "monday"
) -> Recording:
    random = np.random.default_rng(3)
    count = round(seconds * rate_hz)
    values = {
        letter: random.normal(0, 0.3, (count, len(SENSORS[letter].axes))).astype(np.float32)
        for letter in letters
    }
    return Recording(
        name="one",
        subject="S1",
        session=session,
        label="curl",
        repetitions=8,
        weight_kg=None,
        rate_hz=rate_hz,
        location="wrist",
        values=values,
    )


def test_a_window_holds_the_samples_as_a_device_sends_them() -> None:
    source = recording(6)
    first, second, *_ = windows_of([source], BOTH)
    assert (first.subject, first.session, first.label) == ("S1", "monday", "curl")
    assert first.samples.shape == (100, 6)
    together = np.concatenate([source.values["a"], source.values["g"]], axis=1)
    # The middle sample of each three counts six eighths: each is the mean over one period.
    smooth = (together[49:149] + 6 * together[50:150] + together[51:151]) / 8
    np.testing.assert_allclose(second.samples, smooth, atol=1.1 * 35 / 32767)


@pytest.mark.parametrize("sensors", ["a@50", "a,g@50", "g,a@20", "u,l@10", "h@1"])
def test_any_declared_sensor_set_has_windows(sensors: str) -> None:
    sensor_set = SensorSet.parse(sensors)
    windows = list(windows_of([recording(8, 25.0, "agulh")], sensor_set))
    shape = (sensor_set.window_samples, sensor_set.channel_count)
    assert len(windows) >= 6
    assert all(window.samples.shape == shape and window.sensor_set == sensor_set for window in windows)


@given(seconds=st.floats(0.1, 20), rate_hz=st.sampled_from([10.0, 25.0, 48.9, 50.0, 100.0]))
def test_each_second_begins_a_window_as_long_as_the_recording_lasts(seconds: float, rate_hz: float) -> None:
    source = recording(seconds, rate_hz, "a")
    count = len(list(windows_of([source], SensorSet.parse("a@50"))))
    assert abs(count - max(0, int(source.seconds) - 1)) <= 1
    assert count == 0 or source.seconds >= 2


def test_a_recording_too_short_or_without_the_sensors_has_no_windows() -> None:
    assert list(windows_of([recording(1.5), recording(9, letters="a")], BOTH)) == []
    empty = recording(0)
    assert list(windows_of([empty], BOTH)) == []


def test_recordings_of_a_session_never_share_time() -> None:
    sources = [recording(5), recording(3, session="friday"), recording(7), recording(1), recording(4)]
    windows = list(windows_of(sources, BOTH))
    for session in ("monday", "friday"):
        starts = [window.start_ms for window in windows if window.session == session]
        assert starts == sorted(set(starts))
    apart = np.diff([window.start_ms for window in windows if window.session == "monday"])
    assert set(apart[apart != 1000] > 10_000) == {True}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(value: float) -> None:
    source = recording(4)
    source.values["g"][17, 1] = value
    with pytest.raises(InvalidInput, match="recording 'one': NaN or infinity from the gyroscope"):
        windows_of_recording(source, BOTH)
    assert windows_of_recording(source, SensorSet.parse("a@50"))


@pytest.mark.parametrize("shape", [(200, 2), (200, 4), (200,)])
def test_other_axes_than_the_sensor_has_are_refused(shape: tuple[int, ...]) -> None:
    source = recording(4)
    source.values["a"] = np.zeros(shape, np.float32)
    with pytest.raises(InvalidInput, match="samples of accelerometer"):
        windows_of_recording(source, BOTH)


@pytest.mark.parametrize("level", [0.0, 16.0, -16.0, 1e6])
def test_a_stuck_or_saturated_sensor_has_flat_windows_within_its_full_scale(level: float) -> None:
    source = recording(4)
    source.values["a"] = np.full((200, 3), level, np.float32)
    samples: npt.NDArray[np.float32] = windows_of_recording(source, BOTH)[0].samples[:, :3]
    np.testing.assert_allclose(samples, np.clip(level, -16, 16), atol=1e-3)
