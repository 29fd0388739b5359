"""What is measured of each repetition of a set: how long, how far, how steadily, where it halts.

Everything is measured along one line, the direction in which the first sensor moves most: for an
accelerometer on a limb that turns, this is where the limb is. Each repetition goes from one end of the line
to the other, out, and back again. Lengths of time and reach come as logarithms of shares of the set's usual,
so that neither the unit of a sensor nor the tempo of an exercise matters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from coach.form.movement import Movement
from coach.repetitions import Repetitions
from coach.repetitions.signals import GRID_HZ, FloatArray, IntArray, Resampler, axes_of, smoothed

SMOOTH = 0.05  # of a usual repetition: standard deviation of the Gaussian that removes tremor and knocks
HALT_SPEED = 0.25  # of the set's usual speed: what is slower stands still
HALT_INSIDE = (0.15, 0.85)  # of the reach: nearer to its ends everybody stands still
_ENDS = (0.05, 0.95)  # quantiles that count as the ends of a repetition
_STILL = 1e-6  # less is the arithmetic's


@dataclass(frozen=True, kw_only=True, eq=False)
class RepetitionFigures:
    """Of each repetition of a set, oldest first; every array is [count].

    `times_s`: its middle. `lasted_s`: from there to the next one's. `reach`: how far it went, in the first
    sensor's unit. `out_s`, `back_s`: how long its two ways took; which is which differs between sets.
    `peak_speed`: the fastest of it, in the unit per second. `halt_s`: the longest stand between the ends of a
    way, and `halt_at` the share of the repetition that was over by then. `unsteadiness`: the movement that is
    too quick to be meant, as a share of the reach.

    `likeness`, 0 to 1: how alike all of them are, however uneven their tempo.
    """

    times_s: FloatArray
    lasted_s: FloatArray
    reach: FloatArray
    out_s: FloatArray
    back_s: FloatArray
    peak_speed: FloatArray
    halt_s: FloatArray
    halt_at: FloatArray
    unsteadiness: FloatArray
    likeness: float

    @property
    def count(self) -> int:
        return len(self.times_s)


def measure(movement: Movement) -> RepetitionFigures:
    """The figures of the repetitions of a set; of less than two repetitions none."""
    found = movement.found
    if found.count < 2:
        return _figures(np.empty((0, 9)), 0.0)
    grid = Resampler(movement.rate_hz).push(np.asarray(movement.values, np.float64))
    line, rough = _line(grid, SMOOTH * float(np.median(found.tempo_s)))
    bounds = _bounds(found, len(line))
    speed = np.gradient(line) * GRID_HZ
    parts = [
        slice(start, max(end, start + 2) + 1)
        for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
    ]
    ends = np.array([[_quantile(line[part], share) for share in _ENDS] for part in parts])
    usual = 2 * float(np.median(ends[:, 1] - ends[:, 0]) / np.median(found.tempo_s))
    table = np.array(
        [
            _repetition(
                line[part], speed[part], rough[part], low, max(high - low, _STILL), HALT_SPEED * usual
            )
            for part, (low, high) in zip(parts, ends.tolist(), strict=True)
        ]
    )
    middles = found.times_s
    lasted = np.diff(middles, append=2 * middles[-1] - middles[-2])
    return _figures(np.column_stack([middles, lasted, table]), _likeness(found))


def _figures(table: FloatArray, likeness: float) -> RepetitionFigures:
    names = list(RepetitionFigures.__dataclass_fields__)[: table.shape[1]]
    return RepetitionFigures(**dict(zip(names, table.T, strict=True)), likeness=likeness)


def _likeness(found: Repetitions) -> float:
    """The confidence without the share of evenness in it: see coach/repetitions/result.py."""
    spacings = np.diff(found.times_s)
    usual = float(np.median(spacings))
    return min(1.0, found.confidence * (1 + float(np.minimum(spacings, 2 * usual).std()) / usual))


def _line(grid: FloatArray, smooth_s: float) -> tuple[FloatArray, FloatArray]:
    """The first sensor along the direction of most movement, smooth, and what smoothing took away."""
    sensor = grid[:, : axes_of(grid.shape[1])]
    smooth = smoothed(sensor, smooth_s * GRID_HZ)
    centred = smooth - smooth.mean(axis=0)
    direction = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    rough = np.sqrt(((sensor - smooth) ** 2).sum(axis=1))
    return np.asarray(centred @ direction), rough


def _bounds(found: Repetitions, length: int) -> IntArray:
    """Where repetitions begin and end on the grid, [count + 1]: half way to their neighbours."""
    middles = found.times_s
    half = found.tempo_s[[0, -1]] / 2
    inner = (middles[1:] + middles[:-1]) / 2
    bounds = np.concatenate([[middles[0] - half[0]], inner, [middles[-1] + half[1]]])
    return np.clip(np.rint(bounds * GRID_HZ), 0, length - 1).astype(np.intp)


def _repetition(
    line: FloatArray, speed: FloatArray, rough: FloatArray, low: float, reach: float, still: float
) -> tuple[float, ...]:
    """The figures from `reach` on, of one repetition's part of each line."""
    quick, rising = np.abs(speed), speed > 0
    inside = (line > low + HALT_INSIDE[0] * reach) & (line < low + HALT_INSIDE[1] * reach)
    halt, at = _longest(inside & (quick < still))
    return (
        reach,
        float(rising.sum()) / GRID_HZ,
        float((~rising).sum()) / GRID_HZ,
        _quantile(quick, _ENDS[1]),
        halt / GRID_HZ,
        at / len(line),
        float(np.sqrt(np.mean(rough**2))) / reach,
    )


def _quantile(values: FloatArray, share: float) -> float:
    """As NumPy has it, whose own takes longer than all else here."""
    ordered = np.sort(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return float(ordered[below] + (place - below) * (ordered[above] - ordered[below]))


def _longest(flags: npt.NDArray[np.bool_]) -> tuple[int, float]:
    """The length and the middle of the longest run of flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        return 0, 0.0
    longest = int(np.argmax(ends - starts))
    return int(ends[longest] - starts[longest]), float(ends[longest] + starts[longest]) / 2
