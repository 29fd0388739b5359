"""Lets a simulated person exercise: a session as recordings of its sets and of the rests around them.

The whole session is one movement through key poses, each joined to the next by a minimum-jerk curve (Flash
and Hogan, 1985), so that the recordings follow each other without a break and can be joined to one stream.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from domain.recording import REST, Recording
from simulator.exercises import BENDING, MOVEMENTS, STANDING, Movement, pose
from simulator.kinematics import FloatArray, imu, wrist
from simulator.people import Person
from simulator.routines import PlannedSet, plan

_FIDGETS = (
    pose(shoulder_flexion=35, elbow_flexion=110, shoulder_rotation=40),  # looks at the watch
    pose(shoulder_flexion=60, elbow_flexion=130, pronation=40),  # drinks
    pose(shoulder_abduction=35, elbow_flexion=90, shoulder_rotation=50),  # hand on the hip
    pose(pelvis_up=0.55, trunk_pitch=20, shoulder_flexion=40, elbow_flexion=40),  # sits
    pose(trunk_pitch=40, shoulder_flexion=70, elbow_flexion=30),  # moves plates
)


@dataclass
class _Track:
    """Key poses and their times in seconds; `marks` are the times at which recordings are cut."""

    times: list[float] = field(default_factory=lambda: [0.0])
    poses: list[FloatArray] = field(default_factory=lambda: [STANDING])
    marks: list[float] = field(default_factory=lambda: [0.0])

    def go(self, to: FloatArray, seconds: float) -> None:
        self.times.append(self.times[-1] + max(seconds, 0.02))
        self.poses.append(to)

    def mark(self) -> None:
        self.marks.append(self.times[-1])


def record(
    person: Person,
    session_nr: int,
    *,
    rate_hz: float = 50.0,
    letters: tuple[str, ...] = ("a", "g"),
    set_count_max: int | None = None,
) -> list[Recording]:
    """The recordings of session `session_nr` (from 0) in order: rest, set, rest, set, ..., rest.

    A set's recording begins and ends with the movement of setting up. `letters` are the sensors wanted, of
    "a" and "g"; `set_count_max` shortens the session.
    """
    sets = plan(person, session_nr)[:set_count_max]
    random = np.random.default_rng([person.seed, *person.subject.encode(), session_nr, 1])
    track = _Track()
    _rest(track, 8.0, random)
    for planned in sets:
        _exercise(track, planned, person, random)
        _rest(track, planned.rest_s, random)
    values = _sense(track, person, rate_hz, random)
    cuts = [round(mark * rate_hz) for mark in track.marks]
    what: list[PlannedSet | None] = [None]
    for planned in sets:
        what += [planned, None]
    return [
        Recording(
            name=f"{person.subject}__{session_nr}__{number}",
            subject=person.subject,
            session=str(session_nr),
            label=planned.exercise if planned else REST,
            repetitions=planned.repetitions if planned else 0,
            weight_kg=(planned.weight_kg or None) if planned else None,
            rate_hz=rate_hz,
            location="wrist",
            values={letter: values[letter][cuts[number] : cuts[number + 1]] for letter in letters},
        )
        for number, planned in enumerate(what)
    ]


def _rest(track: _Track, seconds: float, random: np.random.Generator) -> None:
    """Stands, walks about and fidgets, then ends standing."""
    end = track.times[-1] + seconds
    track.go(STANDING, 0.8)
    while (left := end - track.times[-1]) > 0.05:
        kind = random.random()
        if kind < 0.35 and left > 6:
            _walk(track, int(random.integers(4, 14)), random)
        elif kind < 0.8 and left > 5:
            fidget = _FIDGETS[int(random.integers(len(_FIDGETS)))]
            track.go(fidget + random.normal(0, 0.12, len(fidget)), random.uniform(0.6, 1.5))
            track.go(track.poses[-1] + random.normal(0, 0.03, len(fidget)), random.uniform(0.5, 2.5))
        else:
            sway = STANDING + random.normal(0, 0.02, len(STANDING))
            track.go(sway, min(left, random.uniform(1, 4)))
    track.go(STANDING, 0.5)
    track.mark()


def _walk(track: _Track, step_count: int, random: np.random.Generator) -> None:
    for step in range(min(step_count, 8)):
        swing = pose(shoulder_flexion=18.0 if step % 2 else -14.0, pelvis_up=1.0 + 0.02 * (step % 2))
        track.go(swing + random.normal(0, 0.04, len(swing)), random.uniform(0.5, 0.6))


def _exercise(track: _Track, planned: PlannedSet, person: Person, random: np.random.Generator) -> None:
    movement = MOVEMENTS[planned.exercise]
    track.go(BENDING + random.normal(0, 0.08, len(BENDING)), random.uniform(0.7, 1.2))
    track.go(movement.start + random.normal(0, 0.05, len(BENDING)), random.uniform(0.7, 1.3))
    track.go(movement.start, random.uniform(0.3, 0.8))
    for number in range(planned.repetitions):
        _repeat(track, movement, person, number / planned.repetitions, random)
    track.go(BENDING + random.normal(0, 0.08, len(BENDING)), random.uniform(0.8, 1.4))
    track.mark()


def _repeat(
    track: _Track, movement: Movement, person: Person, tiredness: float, random: np.random.Generator
) -> None:
    """One repetition; with tiredness (0 to 1) it becomes slower, smaller and less even."""
    jitter = person.unsteadiness * (1 + tiredness)
    seconds = movement.seconds * person.tempo * (1 + 0.25 * tiredness**2) * random.lognormal(0, jitter)
    reach = person.amplitude * (1 - 0.1 * tiredness) * random.normal(1, jitter)
    hold_s = movement.hold_s * random.lognormal(0, 0.3)
    moving = max(0.4, seconds - 2 * hold_s)
    turns = [movement.turn] if movement.opposite is None else [movement.turn, movement.opposite]
    back = movement.start + random.normal(0, jitter / 4, len(movement.start))
    for turn in turns:
        target = movement.start + (turn - movement.start) * reach
        track.go(target, moving * movement.effort_share / len(turns))
        track.go(target, hold_s)
    track.go(back, moving * (1 - movement.effort_share))
    track.go(back, hold_s)


def _sense(
    track: _Track, person: Person, rate_hz: float, random: np.random.Generator
) -> dict[str, npt.NDArray[np.float32]]:
    """What the watch measures over the whole track: letter to [samples, 3] float32."""
    position, turn = wrist(_poses(track, rate_hz), person.body)
    acceleration, rates = imu(position, turn @ person.mounting, rate_hz)
    acceleration += person.acceleration_bias + random.normal(0, person.acceleration_noise, acceleration.shape)
    rates += person.rate_bias + random.normal(0, person.rate_noise, rates.shape)
    return {"a": acceleration.astype(np.float32), "g": rates.astype(np.float32)}


def _poses(track: _Track, rate_hz: float) -> FloatArray:
    """The pose at each sample, [n, joints]: minimum-jerk curves between the key poses."""
    times, poses = np.array(track.times), np.array(track.poses)
    at = np.arange(round(times[-1] * rate_hz)) / rate_hz
    before = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 2)
    u = (at - times[before]) / (times[before + 1] - times[before])
    share = u**3 * (10 - 15 * u + 6 * u**2)
    return np.asarray(poses[before] + (poses[before + 1] - poses[before]) * share[:, None])
