"""Learns the coefficients by which coach/repetitions/choice.py chooses among the explanations of a set."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from coach.repetitions.chain import CountingParameters
from coach.repetitions.choice import NAMES, explanations
from coach.repetitions.signals import GRID_HZ, Resampler, smoothed

FloatArray = npt.NDArray[np.float64]

_ERROR_MAX = 3  # labels are sometimes wrong: larger errors count no more
_EXACT = 0.5  # cost of not being exact, beside 0 to 1 for the error
_STEPS = 600
_STEP_SIZE = 0.05
_DECAY = 1e-4


def fit(examples: list[tuple[FloatArray, float, int, float]]) -> dict[str, float]:
    """Coefficients by name, from (values [samples, channels], rate, repetitions, weight) of counted sets.

    Minimises the expected cost of a softmax over each set's explanations by Adam (Kingma and Ba 2015); the
    same examples give the same coefficients.
    """
    parameters = CountingParameters()
    features, costs, weights, starts = [], [], [], [0]
    for values, rate_hz, repetitions, weight in examples:
        grid = Resampler(rate_hz).push(values)
        ways = explanations(smoothed(grid, parameters.smooth_s * GRID_HZ), grid, parameters)
        if ways:
            features += [way.features for way in ways]
            errors = np.array([abs(way.count - repetitions) for way in ways])
            costs.append(np.minimum(errors, _ERROR_MAX) / _ERROR_MAX + _EXACT * (errors > 0))
            weights.append(weight)
            starts.append(starts[-1] + len(ways))
    table = np.array(features)
    scale = table.std(axis=0) + 1e-6
    shares = np.array(weights) / sum(weights)
    learned = _descend((table - table.mean(axis=0)) / scale, np.concatenate(costs), shares, np.array(starts))
    return {name: round(float(value), 4) for name, value in zip(NAMES, learned / scale, strict=True)}


def _descend(
    table: FloatArray, costs: FloatArray, weights: FloatArray, starts: npt.NDArray[np.int64]
) -> FloatArray:
    """`table`: [explanations, features], those of set s from starts[s] to starts[s + 1]."""
    of_set = np.repeat(np.arange(len(weights)), np.diff(starts))
    learned, mean, square = (np.zeros(table.shape[1]) for _ in range(3))
    for step in range(1, _STEPS + 1):
        scores = table @ learned
        odds = np.exp(scores - np.maximum.reduceat(scores, starts[:-1])[of_set])
        odds /= np.add.reduceat(odds, starts[:-1])[of_set]
        expected = np.add.reduceat(odds * costs, starts[:-1])
        slope = table.T @ (odds * (costs - expected[of_set]) * weights[of_set]) + _DECAY * learned
        mean = 0.9 * mean + 0.1 * slope
        square = 0.99 * square + 0.01 * slope**2
        learned -= _STEP_SIZE * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.99**step)) + 1e-8)
    return learned
