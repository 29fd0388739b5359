"""Faults of form made in real recordings: what the sensors would have measured, as far as that can be told.

Time is stretched by reading a recording faster or slower: an accelerometer's values stay, as gravity's share
of them does, and a gyroscope's grow with the speed. Reach shrinks towards the mean pose. What a real fault
adds beyond that (acceleration of the quicker movement, swing of the trunk) is missing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from coach.form import Movement

FloatArray = npt.NDArray[np.float64]
Fault = Callable[[Movement, np.random.Generator], FloatArray]

_GYROSCOPES_EVERY = 6  # channels: three of an accelerometer, three of a gyroscope
_POSE_S = 0.15  # what is shorter is no pose


def faster(movement: Movement, random: np.random.Generator) -> FloatArray:
    """A quarter to a half of the repetitions, in a row, 1.4 to 2 times as fast as they were."""
    count = movement.found.count
    number = max(2, round(count * random.uniform(0.25, 0.5)))
    first = int(random.integers(0, count - number + 1))
    speed = np.ones(len(movement.values))
    speed[_samples(movement, first, first + number)] = random.uniform(1.4, 2.0)
    return _played(movement, speed)


def shorter(movement: Movement, random: np.random.Generator) -> FloatArray:
    """The last quarter to half of the repetitions go 0.5 to 0.75 times as far."""
    number = max(2, round(movement.found.count * random.uniform(0.25, 0.5)))
    return _smaller(movement, number, random.uniform(0.5, 0.75))


def collapsed(movement: Movement, random: np.random.Generator) -> FloatArray:
    """The last third to half of the repetitions go 0.25 to 0.4 times as far."""
    number = max(4, round(movement.found.count * random.uniform(0.33, 0.5)))
    return _smaller(movement, number, random.uniform(0.25, 0.4))


def scaled(movement: Movement, random: np.random.Generator) -> FloatArray:
    """All of the movement 0.5 to 0.7 times as far."""
    return _smaller(movement, movement.found.count, random.uniform(0.5, 0.7))


def swung_aside(movement: Movement, random: np.random.Generator) -> tuple[FloatArray, int]:
    """A quarter of every repetition swings aside, by 0.6 to 1 of its reach, and which quarter."""
    quarter = int(random.integers(0, 4))
    aside = np.zeros(len(movement.values))
    for number in range(movement.found.count):
        part = _samples(movement, number, number + 1)
        length = part.stop - part.start
        first, last = part.start + quarter * length // 4, part.start + (quarter + 1) * length // 4
        aside[first:last] = np.sin(np.pi * np.arange(last - first) / max(1, last - first))
    centred = movement.values[:, :3] - movement.values[:, :3].mean(axis=0)
    least = np.linalg.eigh(centred.T @ centred)[1][:, 0]
    values = np.array(movement.values, np.float64)
    reach = random.uniform(0.6, 1.0) * float(np.median(movement.found.ranges))
    values[:, :3] += reach * aside[:, None] * least
    return values, quarter


def irregular(movement: Movement, random: np.random.Generator) -> FloatArray:
    """Every repetition at a speed of its own: normal logarithms of deviation 0.35, up to 0.7."""
    speed = np.ones(len(movement.values))
    for number in range(movement.found.count):
        factor = np.exp(np.clip(random.normal(0, 0.35), -0.7, 0.7))
        speed[_samples(movement, number, number + 1)] = factor
    return _played(movement, speed)


def stuck(movement: Movement, random: np.random.Generator) -> FloatArray:
    """One repetition, or two of eight and more, stand still for 1 to 2 s somewhere between their ends."""
    count = movement.found.count
    number = 1 if count < 8 else int(random.integers(1, 3))
    smooth = _smooth(movement)
    noise = 0.3 * (movement.values - smooth).std(axis=0)
    values = movement.values
    for repetition in sorted(random.choice(np.arange(1, count), size=number, replace=False), reverse=True):
        part = _samples(movement, int(repetition), int(repetition) + 1)
        at = part.start + _between_ends(smooth[part], random)
        length = round(movement.rate_hz * random.uniform(1, 2))
        still = np.tile(smooth[at], (length, 1))
        _gyroscopes(still)[...] = 0.0
        still += noise * random.standard_normal(still.shape)
        values = np.concatenate([values[:at], still, values[at:]])
    return np.asarray(values)


def momentum(movement: Movement, random: np.random.Generator) -> FloatArray:
    """Of the last fifth to two fifths of the repetitions one half is 2.5 times as fast, the other slower."""
    count = movement.found.count
    number = max(2, round(count * random.uniform(0.2, 0.4)))
    speed = np.ones(len(movement.values))
    for repetition in range(count - number, count):
        part = _samples(movement, repetition, repetition + 1)
        middle = (part.start + part.stop) // 2
        speed[part.start : middle], speed[middle : part.stop] = 2.5, 1 / (2 - 1 / 2.5)
    return _played(movement, speed)


FAULTS: dict[str, Fault] = {
    "shorter": shorter,
    "faster": faster,
    "irregular": irregular,
    "stuck": stuck,
    "momentum": momentum,
}


def _samples(movement: Movement, first: int, last: int) -> slice:
    """The samples of the repetitions from `first` up to but without `last`."""
    middles, half = movement.found.times_s, movement.found.tempo_s / 2
    inner = (middles[1:] + middles[:-1]) / 2
    bounds = np.concatenate([[middles[0] - half[0]], inner, [middles[-1] + half[-1]]])
    at = np.clip(np.rint(bounds[[first, last]] * movement.rate_hz), 0, len(movement.values))
    return slice(int(at[0]), int(at[1]))


def _smaller(movement: Movement, number: int, share: float) -> FloatArray:
    """The last `number` repetitions, and what follows, go `share` times as far from the mean pose."""
    count = movement.found.count
    size = np.ones(len(movement.values))
    size[_samples(movement, count - number, count).start :] = share
    half = max(1, round(movement.rate_hz * 0.2))
    size = np.convolve(np.pad(size, half, mode="edge"), np.ones(2 * half + 1) / (2 * half + 1), "valid")
    pose = movement.values[_samples(movement, 0, count)].mean(axis=0)
    return np.asarray(pose + (movement.values - pose) * size[:, None])


def _played(movement: Movement, speed: FloatArray) -> FloatArray:
    """The recording played at `speed`, [samples], on the same grid of time."""
    rate_hz = movement.rate_hz
    at = np.arange(len(movement.values) + 1) / rate_hz
    reached_s = np.concatenate([[0.0], np.cumsum(1 / (rate_hz * speed))])
    source_s = np.interp(np.arange(int(reached_s[-1] * rate_hz)) / rate_hz, reached_s, at)
    channels = [np.interp(source_s, at[:-1], channel) for channel in movement.values.T]
    played = np.stack(channels, axis=1)
    at_sample = np.minimum((source_s * rate_hz).astype(int), len(speed) - 1)
    _gyroscopes(played)[...] *= speed[at_sample][:, None, None]
    return played


def _gyroscopes(values: FloatArray) -> FloatArray:
    """A view of the gyroscopes' channels, [samples, gyroscopes, 3]; empty without any."""
    if values.shape[1] % _GYROSCOPES_EVERY:
        return values[:, :0].reshape(len(values), 0, 3)
    return values.reshape(len(values), -1, 2, 3)[:, :, 1]


def _smooth(movement: Movement) -> FloatArray:
    half = max(1, round(movement.rate_hz * _POSE_S))
    kernel = np.ones(2 * half + 1) / (2 * half + 1)
    padded = np.pad(movement.values, ((half, half), (0, 0)), mode="edge")
    return np.stack([np.convolve(channel, kernel, "valid") for channel in padded.T], axis=1)


def _between_ends(part: FloatArray, random: np.random.Generator) -> int:
    """A sample of a repetition at which the first sensor is well between the ends of its main line."""
    centred = part[:, :3] - part[:, :3].mean(axis=0)
    line = centred @ np.linalg.eigh(centred.T @ centred)[1][:, -1]
    low, high = np.percentile(line, (5, 95))
    share = (line - low) / (high - low + 1e-9)
    inside = np.flatnonzero((share > 0.3) & (share < 0.7))
    return int(random.choice(inside)) if len(inside) else len(part) // 2
