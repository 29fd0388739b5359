"""Learns the coefficients by which a counter chooses among its explanations of a set."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from coach.repetitions.chain import CountingParameters
from coach.repetitions.choice import NAMES, explanations
from coach.repetitions.compact import MEASURES, CompactCounter
from coach.repetitions.signals import GRID_HZ, Resampler, smoothed
from domain.sensors import SENSORS
from domain.windows import Resampler as WatchResampler
from edge.c99.frames import frame_of

FloatArray = npt.NDArray[np.float64]
Explain = Callable[[FloatArray, float], tuple[FloatArray, npt.NDArray[np.int64]]]

WATCH_RATE_HZ = 50
_ERROR_MAX = 3  # labels are sometimes wrong: larger errors count no more
_EXACT = 0.5  # cost of not being exact, beside 0 to 1 for the error
_STEPS = 600
_STEP_SIZE = 0.05
_DECAY = 1e-4


def fit(
    examples: list[tuple[FloatArray, float, int, float]], explain: Explain, names: Sequence[str]
) -> dict[str, float]:
    """Coefficients by name, from (values [samples, channels], rate, repetitions, weight) of counted sets.

    `explain` gives of values and their rate the features, [explanations, names], and counts of a set's
    explanations. Minimises the expected cost of a softmax over each set's explanations by Adam (Kingma and Ba
    2015); the same examples give the same coefficients.
    """
    features, costs, weights, starts = [], [], [], [0]
    for values, rate_hz, repetitions, weight in examples:
        of_set, counts = explain(values, rate_hz)
        if len(counts):
            features.append(of_set)
            errors = np.abs(counts - repetitions)
            costs.append(np.minimum(errors, _ERROR_MAX) / _ERROR_MAX + _EXACT * (errors > 0))
            weights.append(weight)
            starts.append(starts[-1] + len(counts))
    table = np.concatenate(features).astype(np.float64)
    scale = table.std(axis=0) + 1e-6
    shares = np.array(weights) / sum(weights)
    learned = _descend((table - table.mean(axis=0)) / scale, np.concatenate(costs), shares, np.array(starts))
    return {name: round(float(value), 4) for name, value in zip(names, learned / scale, strict=True)}


def explain_fully(values: FloatArray, rate_hz: float) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """The explanations of coach/repetitions/choice.py."""
    parameters = CountingParameters()
    grid = Resampler(rate_hz).push(values)
    ways = explanations(smoothed(grid, parameters.smooth_s * GRID_HZ), grid, parameters)
    features = np.array([way.features for way in ways]).reshape(-1, len(NAMES))
    return features, np.array([way.count for way in ways], np.int64)


def explain_compactly(values: FloatArray, rate_hz: float) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Those of coach/repetitions/compact.py."""
    ways = list(pushed(values, rate_hz).explanations())
    features = np.array([way.measures for way in ways], np.float64).reshape(-1, len(MEASURES))
    return features, np.array([way.count for way in ways], np.int64)


def pushed(values: FloatArray, rate_hz: float) -> CompactCounter:
    """A counter that has seen the accelerometer of `values`, as a watch resamples it."""
    counter = CompactCounter(WATCH_RATE_HZ, SENSORS["a"].full_scale)
    run = WatchResampler(WATCH_RATE_HZ).push(frame_of("a", 0, 0, rate_hz, values[:, :3]))
    if run is not None:
        counter.push(run.values)
    return counter


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
