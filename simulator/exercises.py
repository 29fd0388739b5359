"""The exercises that simulated people know: key poses, tempo and weight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.kinematics import JOINTS, FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Movement:
    """A repetition goes from `start` to `turn` and back; poses are [len(JOINTS)].

    `mirrored` goes to `turn` and then to `opposite` before it comes back, as a twist to both sides does.
    """

    name: str
    start: FloatArray
    turn: FloatArray
    opposite: FloatArray | None = None
    seconds: float  # of a repetition at a usual tempo
    effort_share: float = 0.45  # of that time, the part against the weight
    hold_s: float = 0.15
    weight_kg: float  # of a usual beginner; 0 for the body's own
    step_kg: float = 2.5  # weights that exist are multiples of it


def pose(**degrees: float) -> FloatArray:
    """Standing with hanging arms, but for the given angles in degrees and pelvis coordinates in metres."""
    values = np.zeros(len(JOINTS))
    values[JOINTS.index("pelvis_up")] = 1.0
    values[JOINTS.index("elbow_flexion")] = np.radians(10)
    for joint, value in degrees.items():
        metres = joint.startswith("pelvis")
        values[JOINTS.index(joint)] = value if metres else np.radians(value)
    return values


STANDING = pose()
BENDING = pose(trunk_pitch=55, shoulder_flexion=60, elbow_flexion=15, pelvis_up=0.75)

_LYING = {"trunk_pitch": -90.0, "pelvis_up": 0.45}
_BAR = {"shoulder_flexion": -35.0, "shoulder_abduction": 35.0, "elbow_flexion": 125.0, "pronation": 40.0}
_SEATED = {"pelvis_up": 0.3, "trunk_pitch": -35.0, "shoulder_flexion": 55.0, "elbow_flexion": 70.0}

MOVEMENTS = {
    movement.name: movement
    for movement in (
        Movement(
            name="biceps-curl",
            start=pose(pronation=90),
            turn=pose(elbow_flexion=135, pronation=90, shoulder_flexion=12),
            seconds=2.8,
            weight_kg=8,
            step_kg=1,
        ),
        Movement(
            name="triceps-extension",
            start=pose(elbow_flexion=105, shoulder_flexion=10),
            turn=pose(elbow_flexion=15, shoulder_flexion=2),
            seconds=2.5,
            weight_kg=15,
        ),
        Movement(
            name="shoulder-press",
            start=pose(shoulder_abduction=75, shoulder_rotation=-70, elbow_flexion=115),
            turn=pose(shoulder_abduction=168, shoulder_rotation=-70, elbow_flexion=15),
            seconds=3.0,
            weight_kg=10,
            step_kg=2,
        ),
        Movement(
            name="lateral-raise",
            start=pose(shoulder_abduction=8, elbow_flexion=15),
            turn=pose(shoulder_abduction=88, elbow_flexion=20, shoulder_flexion=10),
            seconds=2.9,
            weight_kg=5,
            step_kg=1,
        ),
        Movement(
            name="bench-press",
            start=pose(shoulder_flexion=90, pronation=-80, **_LYING),
            turn=pose(shoulder_flexion=40, shoulder_abduction=55, elbow_flexion=95, pronation=-80, **_LYING),
            seconds=3.2,
            effort_share=0.55,
            weight_kg=40,
        ),
        Movement(
            name="bent-over-row",
            start=pose(trunk_pitch=65, shoulder_flexion=65, pronation=-70),
            turn=pose(trunk_pitch=60, shoulder_flexion=-25, elbow_flexion=100, pronation=-70),
            seconds=2.6,
            weight_kg=30,
        ),
        Movement(
            name="squat",
            start=pose(**_BAR),
            turn=pose(pelvis_up=0.5, pelvis_forward=-0.18, trunk_pitch=38, **_BAR),
            seconds=3.4,
            effort_share=0.55,
            weight_kg=45,
        ),
        Movement(
            name="jumping-jack",
            start=pose(shoulder_abduction=10),
            turn=pose(shoulder_abduction=165, elbow_flexion=20, pelvis_up=1.08),
            seconds=1.1,
            effort_share=0.5,
            hold_s=0.02,
            weight_kg=0,
        ),
        Movement(
            name="lunge",
            start=pose(pronation=10),
            turn=pose(pelvis_up=0.6, pelvis_forward=0.45, trunk_pitch=10, shoulder_flexion=8, pronation=10),
            seconds=3.1,
            effort_share=0.5,
            weight_kg=8,
            step_kg=2,
        ),
        Movement(
            name="russian-twist",
            start=pose(trunk_yaw=0, **_SEATED),
            turn=pose(trunk_yaw=55, **_SEATED),
            opposite=pose(trunk_yaw=-55, **_SEATED),
            seconds=2.4,
            hold_s=0.05,
            weight_kg=5,
            step_kg=1,
        ),
        Movement(
            name="front-raise",
            start=pose(shoulder_flexion=5, pronation=-80),
            turn=pose(shoulder_flexion=92, pronation=-80),
            seconds=2.8,
            weight_kg=5,
            step_kg=1,
        ),
        Movement(
            name="chest-fly",
            start=pose(shoulder_flexion=88, elbow_flexion=25, **_LYING),
            turn=pose(shoulder_flexion=80, shoulder_abduction=75, elbow_flexion=35, **_LYING),
            seconds=3.4,
            effort_share=0.55,
            weight_kg=8,
            step_kg=1,
        ),
    )
}
