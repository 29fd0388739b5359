"""The lengths of vectors beside their axes: the same however a sensor is turned."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from domain.sensors import SensorSet
from edge.preprocessing import with_magnitudes

SENSORS = SensorSet.parse("a,g,h@50")


@given(st.integers(0, 2**32 - 1))
def test_the_length_of_each_three_axis_sensor_follows_the_channels(seed: int) -> None:
    windows = np.random.default_rng(seed).normal(0, 5, (3, 4, 7)).astype(np.float32)
    found = with_magnitudes(windows, SENSORS)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[..., :7], windows)
    for number, first in enumerate((0, 3)):
        length = np.linalg.norm(windows[..., first : first + 3].astype(np.float64), axis=-1)
        np.testing.assert_allclose(found[..., 7 + number], length, rtol=1e-6)


def test_a_sensor_turned_about_has_the_same_length() -> None:
    window = np.random.default_rng(0).normal(0, 1, (10, 7)).astype(np.float32)
    turned = window.copy()
    turned[:, 0], turned[:, 1] = -window[:, 1], window[:, 0]
    np.testing.assert_allclose(
        with_magnitudes(turned, SENSORS)[:, 7:], with_magnitudes(window, SENSORS)[:, 7:]
    )


def test_sensors_of_one_axis_have_none() -> None:
    windows = np.ones((2, 20, 2), np.float32)
    np.testing.assert_array_equal(with_magnitudes(windows, SensorSet.parse("u,l@10")), windows)


def test_what_is_no_number_stays_none_and_says_nothing() -> None:
    window = np.array([[math.nan, 0, 0, 1e30, 1e30, 0, 60]], np.float32)
    found = with_magnitudes(window, SENSORS)
    assert np.isnan(found[0, 7])
    assert np.isposinf(found[0, 8])
