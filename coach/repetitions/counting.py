"""Counts a set while it goes on, with bounded memory and work, or afterwards, with the same answer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from coach.repetitions.chain import CountingParameters
from coach.repetitions.choice import choose, explanations
from coach.repetitions.result import NO_REPETITIONS, Repetitions, described, first_of, joined
from coach.repetitions.signals import GRID_HZ, FloatArray, Resampler, smoothed

_SECONDS_MIN = 1.5
_PART = int(300 * GRID_HZ)  # a longer set is counted in parts, in grid samples
_USUAL = CountingParameters()
_QUICK = CountingParameters(candidates=1, phases=2, swings=False)


def count(
    values: npt.NDArray[np.floating],
    rate_hz: float,
    parameters: CountingParameters = _USUAL,
    *,
    expected_tempo_s: float | None = None,
) -> Repetitions:
    """Count the repetitions in `values`, [samples, channels] of one set at `rate_hz`.

    Channels in threes are taken as three-axis sensors, otherwise each channel is a sensor of its own.
    `expected_tempo_s`: how long a repetition usually takes, where the exercise and its tempo are known.
    Movement is presumed: of a sensor that lies still, noise may be counted; without any change the answer
    is 0. Raises ValueError if the shape or the rate is none, or a value is not finite.
    """
    counter = RepetitionCounter(rate_hz, parameters, expected_tempo_s=expected_tempo_s)
    counter.push(values)
    return counter.finish()


class RepetitionCounter:
    """The repetitions of a set under way. How the samples are cut into pushes changes no answer.

    It remembers the latest five minutes at most, and one number or two per repetition before them.
    """

    def __init__(
        self,
        rate_hz: float,
        parameters: CountingParameters = _USUAL,
        *,
        expected_tempo_s: float | None = None,
    ) -> None:
        if not (rate_hz > 0 and np.isfinite(rate_hz)):
            raise ValueError("values must be finite [samples, channels] at a rate above 0")
        if expected_tempo_s is not None and not (0 < expected_tempo_s < np.inf):
            raise ValueError("the expected tempo must be above 0 seconds")
        self._parameters = parameters
        self._expected_tempo_s = expected_tempo_s
        self._resampler = Resampler(rate_hz)
        self._grid: FloatArray | None = None
        self._settled = NO_REPETITIONS
        self._start = 0  # grid samples before those remembered
        self._counted = (0, 0)  # of so many remembered grid samples: this count
        self._samples, self._rate_hz = 0, rate_hz

    def push(self, values: npt.NDArray[np.floating]) -> None:
        """Take the next samples, [samples, channels]; raises ValueError if they are none."""
        if values.ndim != 2 or not values.shape[1] or not np.isfinite(values).all():
            raise ValueError("values must be finite [samples, channels] at a rate above 0")
        if self._grid is None:
            self._grid = np.empty((0, values.shape[1]))
        elif self._grid.shape[1] != values.shape[1]:
            raise ValueError(f"values must have {self._grid.shape[1]} channels as before")
        step = max(1, int(_PART * self._rate_hz / GRID_HZ / 4))
        for first in range(0, len(values), step):
            fresh = self._resampler.push(values[first : first + step].astype(np.float64))
            self._grid = np.concatenate([self._grid, fresh])
            while len(self._grid) >= _PART:
                self._settle()
        self._samples += len(values)

    @property
    def count(self) -> int:
        """The repetitions so far, counted quickly: every second, less often in a long set."""
        length = 0 if self._grid is None else len(self._grid)
        step = int(GRID_HZ) * (1 + length // 1200)
        due = length // step * step
        if self._grid is not None and due != self._counted[0]:
            self._counted = (due, self._found(self._grid[:due], _QUICK).count)
        return self._settled.count + self._counted[1] if due else self._settled.count

    def finish(self) -> Repetitions:
        """The repetitions of the whole set; more samples may follow."""
        if self._grid is None or self._samples < _SECONDS_MIN * self._rate_hz:
            return NO_REPETITIONS
        return joined(self._settled, self._found(self._grid, self._parameters), self._start / GRID_HZ)

    def _found(self, grid: FloatArray, parameters: CountingParameters) -> Repetitions:
        if len(grid) < _SECONDS_MIN * GRID_HZ:
            return NO_REPETITIONS
        smooth = smoothed(grid, parameters.smooth_s * GRID_HZ)
        best = choose(explanations(smooth, grid, parameters), self._expected_tempo_s)
        return NO_REPETITIONS if best is None else described(smooth, best.cycles, best.similarity)

    def _settle(self) -> None:
        """Count the oldest part, keep the repetitions of its first half and forget their samples."""
        assert self._grid is not None
        found = self._found(self._grid[:_PART], self._parameters)
        number = int(np.searchsorted(found.times_s, _PART / GRID_HZ / 2))
        cut = _PART // 2
        if 0 < number < found.count:
            cut = int((found.times_s[number - 1] + found.times_s[number]) / 2 * GRID_HZ)
        self._settled = joined(self._settled, first_of(found, number), self._start / GRID_HZ)
        self._start += cut
        self._grid = self._grid[cut:]
        self._counted = (0, 0)
