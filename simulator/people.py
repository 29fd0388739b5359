"""Simulated people: their bodies, habits, strength, routine and how they wear the watch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.exercises import MOVEMENTS
from simulator.kinematics import Body, FloatArray, rotation

# Days that gyms know; a person's routine takes two to four of them and varies each a little.
_DAYS = (
    ("bench-press", "chest-fly", "shoulder-press", "triceps-extension"),
    ("bent-over-row", "biceps-curl", "lateral-raise", "russian-twist"),
    ("squat", "lunge", "shoulder-press", "jumping-jack"),
    ("jumping-jack", "squat", "bench-press", "bent-over-row", "russian-twist"),
    ("front-raise", "lateral-raise", "biceps-curl", "triceps-extension"),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Person:
    """`routine` holds the exercises of each day, in order; the days follow each other and repeat.

    `tempo` and `amplitude` are factors of a usual repetition, `strength` one per exercise of a beginner's
    weight; `mounting` [3, 3] turns the watch's axes to the wrist's; biases and noise in g and rad/s.
    """

    subject: str
    seed: int
    body: Body
    tempo: float
    amplitude: float
    unsteadiness: float
    set_count: int
    repetition_count: int
    rest_s: float
    progress: float  # growth of the weights from one session of a day to the next
    strength: dict[str, float]
    routine: tuple[tuple[str, ...], ...]
    mounting: FloatArray
    acceleration_bias: FloatArray
    rate_bias: FloatArray
    acceleration_noise: float
    rate_noise: float


def people(seed: int, count: int) -> list[Person]:
    """`count` people; the first ones do not depend on how many follow."""
    return [_person(seed, number) for number in range(count)]


def _person(seed: int, number: int) -> Person:
    random = np.random.default_rng([seed, number])
    height = random.normal(1.74, 0.09)
    return Person(
        subject=f"sim-{seed}-{number}",
        seed=seed,
        body=Body(
            torso_m=0.29 * height * random.normal(1, 0.03),
            shoulder_m=0.11 * height * random.normal(1, 0.04),
            upper_arm_m=0.17 * height * random.normal(1, 0.03),
            forearm_m=0.15 * height * random.normal(1, 0.03),
        ),
        tempo=float(np.clip(random.normal(1, 0.18), 0.65, 1.5)),
        amplitude=float(np.clip(random.normal(1, 0.07), 0.8, 1.15)),
        unsteadiness=float(random.uniform(0.02, 0.07)),
        set_count=int(random.integers(2, 5)),
        repetition_count=int(random.choice([8, 10, 12, 15])),
        rest_s=float(random.uniform(40, 90)),
        progress=float(random.uniform(0.01, 0.04)),
        strength={name: float(random.lognormal(0.3, 0.3)) for name in MOVEMENTS},
        routine=_routine(random),
        mounting=_mounting(random),
        acceleration_bias=random.normal(0, 0.015, 3),
        rate_bias=random.normal(0, 0.02, 3),
        acceleration_noise=float(random.uniform(0.005, 0.015)),
        rate_noise=float(random.uniform(0.01, 0.03)),
    )


def _routine(random: np.random.Generator) -> tuple[tuple[str, ...], ...]:
    days = random.permutation(len(_DAYS))[: int(random.integers(2, 5))]
    routine = []
    for day in days:
        exercises = list(_DAYS[int(day)])
        if random.random() < 0.5:
            first = int(random.integers(len(exercises) - 1))
            exercises[first], exercises[first + 1] = exercises[first + 1], exercises[first]
        routine.append(tuple(exercises))
    return tuple(routine)


def _mounting(random: np.random.Generator) -> FloatArray:
    """A watch sits a little askew, now and then with its crown to the other side."""
    flipped = rotation(2, np.pi) if random.random() < 0.2 else np.eye(3)
    roll, pitch, yaw = random.normal(0, np.radians([12, 5, 10]))
    return np.asarray(flipped @ rotation(2, yaw) @ rotation(1, pitch) @ rotation(0, roll))
