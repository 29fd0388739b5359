"""A set as swings: what goes there and back along one direction of movement.

A swing is taken as one if it is higher than a share of the usual range (a zigzag with hysteresis), so
repetitions may change their tempo as they like. Several directions, filters and shares are tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from coach.repetitions.signals import GRID_HZ, FloatArray, IntArray, axes_of, smoothed, without_drift

SMOOTH_S = 0.3  # standard deviation of the Gaussian
DRIFTS_S = (None, 3.0)  # with the posture, and without what changes more slowly than this
SHARES = (0.2, 0.3, 0.45)  # a swing is at least this share of the usual range
_STEADY = 0.4  # a sensor whose vector's length deviates less than this share of its mean measures gravity
_RANGE_PERCENT = (8, 50, 92)
_STILL = 1e-6  # less is the arithmetic's
_CLIP = 2.5  # in medians: what is farther away has less say in the directions


class Swings(NamedTuple):
    """One way to see the set as swings. `cycles`: [repetitions, 3], where each begins, turns and ends, in
    grid samples. `skew`: how much longer the set dwells at the beginning of a cycle than at its turn; `rest`:
    how far from the turning points it begins and ends, both as shares of the range. `found`: how many of
    SHARES gave the same turning points.
    """

    kind: str
    cycles: FloatArray
    share: float
    skew: float
    rest: float
    found: int


class _Line(NamedTuple):
    """Movement along a direction, [samples], with its usual low, middle and high."""

    values: FloatArray
    low: float
    middle: float
    high: float


def swings(grid: FloatArray, usual: FloatArray) -> Iterator[Swings]:
    """The ways to see `grid`, [samples, channels], as swings; `usual`: magnitudes of movement, [channels]."""
    scaled, groups = _groups(grid, usual)
    smooth = smoothed(scaled, SMOOTH_S * GRID_HZ)
    for drift_s in DRIFTS_S:
        motion = smooth - np.median(smooth, axis=0) if drift_s is None else without_drift(smooth, drift_s)
        for kind, channels, component in groups:
            values = motion[:, channels] @ _direction(motion[:, channels], component)
            line = _Line(values, *np.percentile(values, _RANGE_PERCENT).tolist())
            if line.high - line.low > _STILL:
                yield from _along(kind, line)


def _along(kind: str, line: _Line) -> Iterator[Swings]:
    """The ways to see one line; shares that give the same turning points are one way."""
    extrema = _extrema(line.values)
    shares: dict[tuple[tuple[int, int], ...], list[float]] = {}
    for share in SHARES:
        turns = tuple(_turns(extrema, line.values, share * (line.high - line.low)))
        shares.setdefault(turns, []).append(share)
    for turns, found in shares.items():
        yield from _both_ways(kind, turns, found, line)


def _groups(grid: FloatArray, usual: FloatArray) -> tuple[FloatArray, list[tuple[str, list[int], int]]]:
    """The channels in comparable units, and which of them are looked at together, by which component.

    Sensors that measure gravity are in units of it, so that the one that turns most has most to say.
    """
    axes = axes_of(grid.shape[1])
    scaled = grid / usual
    gravity: list[int] = []
    for first in range(0, grid.shape[1], axes):
        magnitudes = np.sqrt((grid[:, first : first + axes] ** 2).sum(axis=1))
        if axes > 1 and magnitudes.std() < _STEADY * magnitudes.mean():
            gravity += range(first, first + axes)
            scaled[:, first : first + axes] = grid[:, first : first + axes] / magnitudes.mean()
    others = [channel for channel in range(grid.shape[1]) if channel not in gravity]
    groups = []
    if gravity:
        groups += [("tilt", gravity, 1), ("tilt2", gravity, 2)]
    if len(gravity) > axes:
        groups.append(("first", gravity[:axes], 1))
    if others:
        groups.append(("other", others, 1))
    if len(others) > 1 and not gravity:
        groups.append(("other2", others, 2))
    return scaled, groups


def _direction(motion: FloatArray, component: int) -> FloatArray:
    """The direction of most movement, or of the most that is at right angles to it, [channels]."""
    lengths = np.sqrt((motion**2).sum(axis=1))
    near = motion * np.minimum(1.0, _CLIP * np.median(lengths) / (lengths + 1e-9))[:, None]
    return np.asarray(np.linalg.eigh(near.T @ near)[1][:, -component])


def _extrema(line: FloatArray) -> IntArray:
    """Where the line turns, its ends included."""
    signs = np.sign(np.diff(line))
    moving = np.flatnonzero(signs)
    turning = moving[1:][signs[moving[1:]] != signs[moving[:-1]]]
    return np.concatenate([[0], turning, [len(line) - 1]]).astype(np.intp)


def _turns(extrema: IntArray, line: FloatArray, height: float) -> list[tuple[int, int]]:
    """The turning points between swings of at least `height`: where, and 1 if high, -1 if low."""
    turns: list[tuple[int, int]] = []
    places, values = extrema.tolist(), line[extrema].tolist()
    high = low = 0
    rising = 0  # unknown until the first swing
    for now, value in enumerate(values):
        if rising >= 0 and value > values[high]:
            high = now
        if rising <= 0 and value < values[low]:
            low = now
        if rising >= 0 and values[high] - value >= height:
            turns.append((places[high], 1))
            rising, low = -1, now
        elif rising <= 0 and value - values[low] >= height:
            turns.append((places[low], -1))
            rising, high = 1, now
    return turns


def _both_ways(
    kind: str, turns: tuple[tuple[int, int], ...], shares: list[float], line: _Line
) -> Iterator[Swings]:
    """Repetitions may begin where the line is low, or where it is high."""
    values, extent = line.values, line.high - line.low
    highs = [values[place] for place, sign in turns if sign > 0]
    lows = [values[place] for place, sign in turns if sign < 0]
    centre = (np.median(highs) + np.median(lows)) / 2 if highs and lows else line.middle
    skew = float(centre - line.middle) / extent
    rest = float(values[0] + values[-1] - 2 * line.middle) / extent
    for sign in (1, -1):
        cycles = _cycles(turns, sign, len(values))
        if len(cycles):
            yield Swings(kind, cycles, shares[0], sign * skew, sign * rest, len(shares))


def _cycles(turns: tuple[tuple[int, int], ...], sign: int, length: int) -> FloatArray:
    """Each turn of that sign with the ones before and after it, or half a period if there is none."""
    numbers = [number for number, (_, way) in enumerate(turns) if way == sign]
    places = np.array([place for place, _ in turns], dtype=np.float64)
    middles = places[numbers]
    if not len(middles):
        return np.empty((0, 3))
    period = float(np.median(np.diff(middles))) if len(middles) > 1 else float(length)
    around = np.concatenate([[places[0] - period / 2], places, [places[-1] + period / 2]])
    before, after = around[numbers], around[np.array(numbers) + 2]
    starts = np.maximum(np.maximum(before, middles - period), 0)
    ends = np.minimum(np.minimum(after, middles + period), length - 1)
    return np.stack([starts, middles, ends], axis=1)
