"""From joint angles to what a watch on the left wrist measures.

World: x forward, y to the left, z up. A pose is a row of JOINTS. The trunk turns about the pelvis; the arm
hangs from the shoulder along -z of the trunk, and each joint turns what hangs below it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

GRAVITY = 9.80665  # m/s²

# Angles in radians, the pelvis in metres.
JOINTS = (
    "pelvis_forward",
    "pelvis_up",
    "trunk_yaw",  # to the left
    "trunk_pitch",  # leaning forward; lying on the back is -pi/2
    "shoulder_flexion",  # the arm lifted to the front
    "shoulder_abduction",  # the arm lifted to the side
    "shoulder_rotation",
    "elbow_flexion",
    "pronation",
)


@dataclass(frozen=True, kw_only=True)
class Body:
    """Lengths in metres."""

    torso_m: float
    shoulder_m: float  # from the middle to the left shoulder
    upper_arm_m: float
    forearm_m: float


def wrist(poses: FloatArray, body: Body) -> tuple[FloatArray, FloatArray]:
    """Position [n, 3] in metres and orientation [n, 3, 3] (wrist to world) for poses [n, len(JOINTS)]."""
    forward, up, yaw, pitch, flexion, abduction, rotation, elbow, pronation = poses.T
    turn = np.tile(np.eye(3), (len(poses), 1, 1))
    _turn(turn, 2, yaw)
    _turn(turn, 1, pitch)
    position = np.stack([forward, np.zeros_like(up), up], axis=1)
    position += turn[:, :, 1] * body.shoulder_m + turn[:, :, 2] * body.torso_m
    _turn(turn, 1, -flexion)
    _turn(turn, 0, abduction)
    _turn(turn, 2, rotation)
    position -= turn[:, :, 2] * body.upper_arm_m
    _turn(turn, 1, -elbow)
    position -= turn[:, :, 2] * body.forearm_m
    _turn(turn, 2, pronation)
    return position, turn


def imu(position: FloatArray, orientation: FloatArray, rate_hz: float) -> tuple[FloatArray, FloatArray]:
    """What an ideal sensor measures: acceleration [n, 3] in g, gravity included, and rate [n, 3] in rad/s.

    Both in the sensor's axes, from central differences: of the position twice, and of the orientation over
    two samples, whose turn is R(k-1)^T R(k+1) = exp(2 dt [w]). Needs three samples or more.
    """
    acceleration = np.empty_like(position)
    acceleration[1:-1] = (position[2:] - 2 * position[1:-1] + position[:-2]) * rate_hz**2
    acceleration[0], acceleration[-1] = acceleration[1], acceleration[-2]
    acceleration[:, 2] += GRAVITY
    specific = np.einsum("nij,ni->nj", orientation, acceleration) / GRAVITY
    turns = np.matmul(orientation[:-2].transpose(0, 2, 1), orientation[2:])
    axis = np.stack(
        [
            turns[:, 2, 1] - turns[:, 1, 2],
            turns[:, 0, 2] - turns[:, 2, 0],
            turns[:, 1, 0] - turns[:, 0, 1],
        ],
        axis=1,
    )
    sine = np.linalg.norm(axis, axis=1) / 2
    cosine = (np.trace(turns, axis1=1, axis2=2) - 1) / 2
    angle = np.arctan2(sine, cosine)
    factor = np.where(sine > 1e-9, angle / np.maximum(2 * sine, 1e-12), 0.5)
    rates = axis * (factor * rate_hz / 2)[:, None]
    return specific, np.concatenate([rates[:1], rates, rates[-1:]])


def rotation(axis: int, angle: float) -> FloatArray:
    """The matrix of a turn by `angle` about one axis, [3, 3]."""
    matrix = np.eye(3)[None].copy()
    _turn(matrix, axis, np.array([angle]))
    return np.asarray(matrix[0])


def _turn(matrices: FloatArray, axis: int, angles: FloatArray) -> None:
    """Multiply [n, 3, 3] from the right, in place, by turns about `axis`."""
    one, two = (axis + 1) % 3, (axis + 2) % 3
    cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
    first, second = matrices[:, :, one].copy(), matrices[:, :, two].copy()
    matrices[:, :, one] = cosine * first + sine * second
    matrices[:, :, two] = cosine * second - sine * first
