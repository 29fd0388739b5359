"""What is made as no exercise is finite, of the sensors' sizes and seeded, for every sensor set."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from domain.sensors import SensorSet
from training.negatives import Negatives

BOTH = SensorSet.parse("a,g@50")


def exercises(sensor_set: SensorSet, count: int = 40) -> npt.NDArray[np.float32]:
    random = np.random.default_rng(9)
    time = np.linspace(0, 4 * np.pi, sensor_set.window_samples)[None, :, None]
    phases = random.uniform(0, 6, (count, 1, sensor_set.channel_count))
    return (np.sin(time + phases) * 0.5 + [1.0] * sensor_set.channel_count).astype(np.float32)


@pytest.mark.parametrize("sensors", ["a@50", "a,g@50", "u,l@10", "h,a@10", "g@25", "h@1"])
def test_they_suit_every_sensor_set(sensors: str) -> None:
    sensor_set = SensorSet.parse(sensors)
    windows = exercises(sensor_set)
    made = Negatives(sensor_set, np.random.default_rng(1)).made_from(windows, 25)
    assert made.shape == (25, *windows.shape[1:])
    assert made.dtype == np.float32
    assert np.isfinite(made).all()
    assert np.abs(made).max() < 60


def test_the_seed_decides_and_one_window_is_enough() -> None:
    one = exercises(BOTH, 1)
    first, again = (Negatives(BOTH, np.random.default_rng(4)).made_from(one, 50) for _ in "12")
    other = Negatives(BOTH, np.random.default_rng(5)).made_from(one, 50)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("level", [0.0, 16.0])
def test_stuck_sensors_make_finite_negatives(level: float) -> None:
    stuck = np.full((5, 100, 6), level, np.float32)
    assert np.isfinite(Negatives(BOTH, np.random.default_rng(0)).made_from(stuck, 60)).all()


def test_a_wandering_limb_feels_gravity_whole() -> None:
    windows = exercises(BOTH, 200)
    made = Negatives(BOTH, np.random.default_rng(2)).wandering(windows, windows.std(axis=(0, 1)))
    assert 0.9 < np.median(np.linalg.norm(made[:, :, :3], axis=2)) < 1.2
