"""The benchmark of recognition: what it holds out, and what the other ways are given."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.baselines import Majority, eight_seconds, features
from benchmarks.recognition_data import DATA_SETS, DataSet


@pytest.mark.parametrize("data_set", DATA_SETS.values(), ids=DATA_SETS)
def test_what_the_model_was_chosen_on_is_never_scored(data_set: DataSet) -> None:
    held_out = [key for group in data_set.held_out for key in group]
    assert len(held_out) == len(set(held_out))
    assert set(held_out).isdisjoint(data_set.chosen_on)


def test_eight_seconds_reach_three_seconds_around_a_window_within_its_recording() -> None:
    samples = np.arange(12, dtype=np.float32)[:, None, None] * np.ones((12, 4, 6), np.float32)
    inputs = eight_seconds(samples, np.array([0] * 8 + [1] * 4))
    assert inputs.shape == (12, 16, 3)
    assert inputs[4, ::4, 0].tolist() == [1, 3, 5, 7]
    assert inputs[0, ::4, 0].tolist() == [0, 0, 1, 3]
    assert inputs[8, ::4, 0].tolist() == [8, 8, 9, 11]


@pytest.mark.parametrize("level", [0.0, 1.0, 16.0])
def test_features_of_still_and_moving_sensors_are_finite(level: float) -> None:
    still = np.full((3, 100, 6), level, np.float32)
    moving = np.random.default_rng(0).normal(0, 1, (3, 100, 6)).astype(np.float32)
    found = features(np.concatenate([still, moving]), 2)
    assert found.shape[0] == 6
    assert np.isfinite(found).all()


def test_the_period_shows_in_the_features() -> None:
    time = np.arange(100) / 50
    signals = [np.sin(2 * np.pi * hertz * time) for hertz in (1, 4)]
    windows = np.stack([np.stack([signal] * 3, axis=1) for signal in signals]).astype(np.float32)
    slow, fast = features(windows, 1)
    assert not np.allclose(slow, fast, atol=0.1)


def test_the_majority_is_that_of_the_training_labels() -> None:
    assert Majority(3).probabilities(np.array([2, 1, 2]), 2).tolist() == [[0, 0, 1], [0, 0, 1]]
