"""Changed windows stay plausible: gravity keeps its size, the movement its order, the input its values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from domain.sensors import SensorSet
from domain.windows import LabelledWindow
from training.augmentation import (
    ONE_PERSON,
    SEVERAL_PEOPLE,
    Augmentation,
    augment,
    augmentation_for,
    following,
    noisy,
    rotations,
    turned,
    uniform_rotations,
)
from training.dataset import Dataset, collect

SENSORS = SensorSet.parse("a@10")
NOTHING = Augmentation(turn=0, warp=0, amplitude=0, noise=0)


def joined(sessions: dict[str, str]) -> Dataset:
    """A session's text has a letter per second, its label; `|` begins anew a minute later."""
    random = np.random.default_rng(2)
    windows = []
    for session, text in sessions.items():
        at = 0
        for stretch in text.split("|"):
            stream = random.normal(0, 1, (10 * (len(stretch) + 1), 3)).astype(np.float32)
            for second, label in enumerate(stretch):
                windows.append(
                    LabelledWindow(
                        sensor_set=SENSORS,
                        subject="S1",
                        session=session,
                        start_ms=1000 * (at + second),
                        label=label,
                        samples=stream[10 * second : 10 * second + 20],
                    )
                )
            at += 60
    return collect(windows, SENSORS)


def test_a_window_is_followed_by_the_one_that_shares_its_second_half() -> None:
    dataset = joined({"monday": "aaab|aa", "friday": "ab"})
    #                           aaab aa            ab
    assert following(dataset).tolist() == [1, 2, 2, 3, 5, 5, 6, 7]


def test_augmentation_keeps_shapes_gravity_and_its_input() -> None:
    samples = np.tile(np.array([0.2, 0.9, -0.4], np.float32), (300, 20, 1))
    before = samples.copy()
    changed = augment(samples, samples, SENSORS, np.random.default_rng(0), ONE_PERSON)
    assert changed.shape == samples.shape
    assert changed.dtype == np.float32
    np.testing.assert_array_equal(samples, before)
    lengths = np.linalg.norm(changed, axis=2)
    assert abs(lengths.mean() - np.linalg.norm(before[0, 0])) < 0.05
    assert changed.std(axis=0).max() > 0


def test_a_window_that_goes_on_may_begin_later_but_never_beyond_what_follows() -> None:
    stream = np.arange(30, dtype=np.float32)[None, :, None] * np.ones((200, 1, 3), np.float32)
    samples, continued = stream[:, :20], stream[:, 10:]
    changed = augment(samples, continued, SENSORS, np.random.default_rng(1), NOTHING)
    starts = changed[:, 0].mean(axis=1) - changed[:, :, :].std() * 0
    assert starts.max() - starts.min() > 3
    assert changed.max() < 29 * 1.5
    alone = augment(samples, samples, SENSORS, np.random.default_rng(1), NOTHING)
    middle = alone.mean(axis=1) / 9.5  # only each channel's gain is left
    assert abs(middle.mean() - 1) < 0.02


@pytest.mark.parametrize("text", ["u,l@10", "h@1", "h,a@10"])
def test_sensors_without_three_axes_are_not_turned(text: str) -> None:
    sensor_set = SensorSet.parse(text)
    shape = (5, sensor_set.window_samples, sensor_set.channel_count)
    samples = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
    turns = rotations(np.full((5, 3), 1.0, np.float32))
    result = turned(samples, sensor_set, turns)
    axes = 3 if "a" in text else 0
    kept = shape[2] - axes
    np.testing.assert_array_equal(result[:, :, :kept], samples[:, :, :kept])
    assert augment(samples, samples, sensor_set, np.random.default_rng(0), SEVERAL_PEOPLE).shape == shape


def test_noise_is_measured_by_movement_not_by_poses() -> None:
    random = np.random.default_rng(0)
    poses = np.repeat(random.normal(0, 1, (500, 1, 3)), 20, axis=1).astype(np.float32)
    np.testing.assert_allclose(noisy(poses, poses, 0.2, random), poses, atol=1e-6)
    moving = poses + random.normal(0, 0.1, poses.shape).astype(np.float32)
    added = (noisy(poses, moving, 0.2, random) - poses).std(axis=(1, 2))
    assert added.min() < 0.005
    assert 0.015 < added.mean() < 0.025


def test_several_people_are_changed_more_than_one() -> None:
    one = joined({"monday": "aaab"})
    two = replace(one, subjects=np.array(["S1", "S1", "S2", "S2"]))
    assert augmentation_for(one) == ONE_PERSON
    assert augmentation_for(two) == SEVERAL_PEOPLE


@given(arrays(np.float32, (4, 3), elements=st.floats(-4, 4, width=32)))
def test_rotations_keep_lengths_and_turn_about_their_axis(vectors: np.ndarray[tuple[int, int]]) -> None:
    matrices = rotations(np.asarray(vectors))
    np.testing.assert_allclose(
        matrices @ matrices.transpose(0, 2, 1), np.tile(np.eye(3), (4, 1, 1)), atol=1e-5
    )
    np.testing.assert_allclose(np.einsum("nij,nj->ni", matrices, vectors), vectors, atol=1e-4)


def test_any_orientation_is_as_likely_and_is_a_rotation() -> None:
    matrices = uniform_rotations(20_000, np.random.default_rng(3))
    np.testing.assert_allclose(
        matrices @ matrices.transpose(0, 2, 1), np.tile(np.eye(3), (20_000, 1, 1)), atol=1e-5
    )
    np.testing.assert_allclose(np.linalg.det(matrices), 1, atol=1e-5)
    # Where an axis ends up is uniform on the sphere: mean 0, and each coordinate's square a third.
    np.testing.assert_allclose(matrices.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose((matrices**2).mean(axis=0), 1 / 3, atol=0.02)


def test_a_share_of_windows_is_turned_anyhow_and_keeps_its_lengths() -> None:
    samples = np.tile(np.array([0.0, 0.0, 1.0], np.float32), (2_000, 20, 1))
    how = replace(NOTHING, turned_anyhow=0.25)
    changed = augment(samples, samples, SENSORS, np.random.default_rng(4), how)
    away = changed[:, 0, 2] / np.linalg.norm(changed[:, 0], axis=1) < 0.95
    assert 0.2 < away.mean() < 0.3
    assert changed[~away][:, 0, 2].min() > 0.8
