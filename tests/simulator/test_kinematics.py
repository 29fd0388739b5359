"""What the simulated watch measures agrees with how it moves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.exercises import MOVEMENTS, STANDING, pose
from simulator.kinematics import GRAVITY, JOINTS, Body, imu, rotation, wrist

BODY = Body(torso_m=0.5, shoulder_m=0.2, upper_arm_m=0.3, forearm_m=0.25)
RATE_HZ = 100.0


def curve(seconds: float, seed: int) -> np.ndarray:
    """A smooth random movement of all joints, [n, joints]."""
    random = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE_HZ))[:, None] / RATE_HZ
    phases, rates = random.uniform(0, 6, len(JOINTS)), random.uniform(0.5, 4, len(JOINTS))
    return STANDING + random.uniform(0.1, 0.6, len(JOINTS)) * np.sin(rates * t + phases)


def test_an_arm_hangs_and_lifts_where_it_should() -> None:
    poses = np.stack([pose(elbow_flexion=0), pose(elbow_flexion=0, shoulder_flexion=90),
                      pose(elbow_flexion=0, shoulder_abduction=90), pose(elbow_flexion=90)])  # fmt: skip
    position, _ = wrist(poses, BODY)
    shoulder = [0, 0.2, 1.5]
    expected = np.array([[0, 0, -0.55], [0.55, 0, 0], [0, 0.55, 0], [0.25, 0, -0.3]]) + shoulder
    np.testing.assert_allclose(position, expected, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_integrating_the_gyroscope_gives_back_the_orientation(seed: int) -> None:
    position, orientation = wrist(curve(5, seed), BODY)
    _, rates = imu(position, orientation, RATE_HZ)
    turn = orientation[0]
    for before, after in pairwise(rates):
        turn = turn @ _exponential((before + after) / 2 / RATE_HZ)
    angle = np.arccos(np.clip((np.trace(turn.T @ orientation[-1]) - 1) / 2, -1, 1))
    assert angle < np.radians(2)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_integrating_the_accelerometer_twice_gives_back_the_position(seed: int) -> None:
    position, orientation = wrist(curve(3, seed), BODY)
    specific, _ = imu(position, orientation, RATE_HZ)
    world = np.einsum("nij,nj->ni", orientation, specific) * GRAVITY - [0, 0, GRAVITY]
    velocity = (position[1] - position[0]) * RATE_HZ + np.cumsum(world[1:-1], axis=0) / RATE_HZ
    moved = position[1] + np.cumsum(velocity, axis=0) / RATE_HZ
    np.testing.assert_allclose(moved, position[2:], atol=1e-6)


@pytest.mark.parametrize("name", MOVEMENTS)
def test_at_rest_it_measures_gravity_alone(name: str) -> None:
    position, orientation = wrist(np.tile(MOVEMENTS[name].turn, (50, 1)), BODY)
    specific, rates = imu(position, orientation @ rotation(0, 0.3), RATE_HZ)
    np.testing.assert_allclose(np.linalg.norm(specific, axis=1), 1.0, atol=1e-9)
    np.testing.assert_allclose(rates, 0.0, atol=1e-9)


def _exponential(turn: np.ndarray) -> np.ndarray:
    """Rodrigues' formula."""
    angle = np.linalg.norm(turn)
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = turn / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
