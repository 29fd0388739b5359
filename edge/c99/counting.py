"""What counting repetitions needs of sensors, as constants of `muvr_model.h`, and a set to test it with."""

from __future__ import annotations

import numpy as np

from coach.repetitions import compact
from domain.frames import SensorFrame
from domain.sensors import SENSORS, SensorSet
from domain.windows import Resampler
from edge.c99.frames import frame_of
from edge.c99.text import integers, single

_SET_RATE_HZ = 15.0
_SET_SECONDS = 75  # more than is kept without joining samples
_REPETITION_S = 2.4
_STILL_S = 8.0  # before and after


def counted_letter(sensor_set: SensorSet) -> str:
    """Whose movement is counted: the accelerometer's, or else that of the first sensor with most axes."""
    return max(sensor_set.letters, key=lambda letter: (letter == "a", len(SENSORS[letter].axes)))


def counting(sensor_set: SensorSet) -> str:
    """The constants of coach.repetitions.compact for these sensors."""
    letter = counted_letter(sensor_set)
    settings = compact.CompactSettings.of(sensor_set.rate_hz, SENSORS[letter].full_scale)
    samples_max = compact.SAMPLES_MAX * settings.averaged * compact.FACTOR_MAX
    numbers = {
        "COUNTED_SENSOR": sensor_set.letters.index(letter),
        "COUNTING_SECONDS_MAX": samples_max // sensor_set.rate_hz,
        "COUNTING_AXES": len(SENSORS[letter].axes),
        "COUNTING_SAMPLES_MAX": compact.SAMPLES_MAX,
        "COUNTING_FACTOR_MAX": compact.FACTOR_MAX,
        "COUNTING_TURNS_MAX": compact.TURNS_MAX,
        "COUNTING_AVERAGED": settings.averaged,
        "COUNTING_SMOOTH": settings.smooth,
        "COUNTING_DRIFT": settings.drift,
        "COUNTING_DRIFT_LENGTH": compact.DRIFT_LENGTH,
        "COUNTING_LAG": settings.lag,
        "COUNTING_USUAL": settings.usual,
        "COUNTING_FINENESS": compact.FINENESS,
        "COUNTING_HEIGHT_PARTS": compact.HEIGHT_PARTS,
    }
    names = (f"COUNTING_{name.upper()}" for name in compact.MEASURES)
    singles = {
        "COUNTING_GAIN": settings.gain,
        "COUNTING_UNIT": settings.unit,
        "COUNTING_LIKENESS_MIN": compact.LIKENESS_MIN,
    } | dict(zip(names, compact.COEFFICIENTS, strict=True))
    lines = [f"#define MUVR_{name} {value}" for name, value in numbers.items()]
    lines += [f"#define MUVR_{name} ({single(value)})" for name, value in singles.items()]
    return "\n".join([*lines, f"#define MUVR_COUNTING_HEIGHTS {{{', '.join(integers(compact.HEIGHTS))}}}"])


def counted_set(sensor_set: SensorSet) -> SensorFrame:
    """A set of made movement of the counted sensor: setting up, repetitions, standing still."""
    letter = counted_letter(sensor_set)
    sensor = SENSORS[letter]
    at_s = np.arange(round(_SET_SECONDS * _SET_RATE_HZ)) / _SET_RATE_HZ
    moving = (at_s > _STILL_S) & (at_s < _SET_SECONDS - _STILL_S)
    swing = np.where(moving, 1 - np.cos(2 * np.pi * (at_s - _STILL_S) / _REPETITION_S), 0.0)
    noise = np.random.default_rng(1).normal(0, 0.05, (len(at_s), len(sensor.axes)))
    noise[at_s < _STILL_S / 2] *= 8
    shares = np.array([0.3, -0.2, 0.5])[: len(sensor.axes)]
    return frame_of(letter, 0, 0, _SET_RATE_HZ, sensor.full_scale / 16 * (swing[:, None] * shares + noise))


def counted(sensor_set: SensorSet, frame: SensorFrame) -> list[compact.CompactRepetition]:
    """What is counted of a set that is one frame."""
    counter = compact.CompactCounter(sensor_set.rate_hz, SENSORS[frame.sensor].full_scale)
    run = Resampler(sensor_set.rate_hz).push(frame)
    if run is not None:
        counter.push(run.values)
    return counter.repetitions()
