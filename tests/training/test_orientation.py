"""Where gravity points tells how a sensor is worn, as far as sessions have exercises in common."""

from __future__ import annotations

import numpy as np
import pytest

from domain.sensors import SensorSet
from domain.windows import LabelledWindow
from training.augmentation import TURNED_OVER_MAX, augment, augmentation_for
from training.dataset import Dataset, collect
from training.orientation import TURNED_OVER, share_turned_over

POSES = {"curl": (0.9, 0.3, 0.1), "press": (0.2, -0.9, 0.3), "row": (-0.4, 0.2, 0.9)}


def dataset(
    turned: list[int | None], sensors: str = "a@10", exercises: list[list[str]] | None = None
) -> Dataset:
    """A session for each of `turned`, which is an index of TURNED_OVER or None; eight windows an exercise."""
    sensor_set = SensorSet.parse(sensors)
    random = np.random.default_rng(3)
    windows = []
    for session, axis in enumerate(turned):
        rotation = np.eye(3, dtype=np.float32) if axis is None else TURNED_OVER[axis]
        for exercise in exercises[session] if exercises else list(POSES):
            for number in range(8):
                samples = random.normal(0, 0.05, (sensor_set.window_samples, sensor_set.channel_count))
                if "a" in sensor_set.letters:
                    samples[:, -3:] += rotation @ np.array(POSES[exercise])
                windows.append(
                    LabelledWindow(
                        sensor_set=sensor_set,
                        subject=f"S{session}",
                        session="s",
                        start_ms=2000 * number,
                        label=exercise,
                        samples=samples.astype(np.float32),
                    )
                )
    return collect(windows, sensor_set)


@pytest.mark.parametrize("sensors", ["a@10", "g,a@10"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_sessions_worn_turned_over_are_counted(sensors: str, axis: int) -> None:
    assert share_turned_over(dataset([None, None, axis, None], sensors)) == 0.25
    assert share_turned_over(dataset([None, None, None, None], sensors)) == 0.0


def test_what_cannot_be_compared_counts_as_worn_alike() -> None:
    assert share_turned_over(dataset([None, 0], exercises=[["curl"], ["press"]])) == 0.0
    assert share_turned_over(dataset([None, 0], "g@10")) == 0.0
    assert share_turned_over(dataset([None])) == 0.0


def test_windows_are_turned_over_as_often_as_sessions_are() -> None:
    alike, mixed = dataset([None] * 4), dataset([None, None, 1, None])
    assert augmentation_for(alike).turned_over == 0.0
    assert augmentation_for(mixed).turned_over == 0.25
    assert augmentation_for(dataset([0, 1, 2, 0])).turned_over <= TURNED_OVER_MAX
    poses = np.tile(np.array([0.0, 0.0, 1.0], np.float32), (4000, 20, 1))
    changed = augment(poses, poses, mixed.sensor_set, np.random.default_rng(0), augmentation_for(mixed))
    # Two of the three turns point z the other way.
    assert abs((changed[:, :, 2].mean(axis=1) < 0).mean() - 0.25 * 2 / 3) < 0.02
