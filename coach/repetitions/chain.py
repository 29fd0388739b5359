"""A set as a chain of occurrences of one template.

After Morris et al., RecoFit (CHI 2014), which finds the period by autocorrelation and the repetitions as
peaks in one smoothed dimension. Here all channels are kept: a repetition is what resembles the others.

1. Find the likely periods in the autocorrelation, averaged over parts of the set so that a pause or the
   set-up spoils only some of them.
2. For each, cut a template where the signal repeats itself best, slide it over the set (normalised
   cross-correlation), choose by dynamic programming the chain of occurrences that are similar and evenly
   spaced, and take their mean as the next template, in several phases of the period.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from coach.repetitions.signals import GRID_HZ, FloatArray, IntArray, cumulative


@dataclass(frozen=True, kw_only=True)
class CountingParameters:
    """Settings of the method, found on half of the sessions of real recordings and checked on the others."""

    smooth_s: float = 0.16  # standard deviation of the Gaussian that removes tremor and knocks
    drift_s: float = 2.0  # standard deviation of the Gaussian whose output is the posture's slow drift
    clip: float = 3.5  # magnitudes are clipped at this multiple of the usual one
    part_s: float = 14.0  # the autocorrelation is averaged over parts of this length
    period_s_min: float = 0.7
    period_s_max: float = 8.0
    peak_min: float = 0.6  # peaks of the autocorrelation this close to the highest may be the period
    candidates: int = 3
    length_weight: float = 0.5  # the longer of two periods counts so much more: 0 not, 1 in proportion
    similarity_min: float = 0.4  # what resembles the template less does not pay for itself
    quiet: float = 0.7  # energies below this share of the template's do not count as similar
    spacing_min: float = 0.75  # in periods
    unevenness: float = 0.5  # cost of the squared logarithm of a spacing in periods
    pause: float = 0.2  # the most that an uneven spacing costs
    phases: int = 4
    swings: bool = True  # explain the set by its swings too
    edge: float = 0.25  # share of a period by which an occurrence may stick out of the recording


def likely_periods(signal: FloatArray, parameters: CountingParameters) -> list[int]:
    """What may be the period of the repetitions, in samples: high peaks of the averaged autocorrelation."""
    length = min(len(signal), int(parameters.part_s * GRID_HZ))
    lag_max = int(min(parameters.period_s_max * GRID_HZ, length * 0.62))
    lag_min = min(int(parameters.period_s_min * GRID_HZ), lag_max - 1)
    part_count = -(-3 * (len(signal) - length) // length) + 1
    total = np.zeros(lag_max + 1)
    parts = [signal[a : a + length] for a in np.linspace(0, len(signal) - length, part_count).astype(int)]
    energies = np.array([(part**2).sum() for part in parts])
    for part, weight in zip(parts, np.minimum(energies, np.median(energies)), strict=True):
        correlation = _autocorrelation(part, lag_max)
        peaks = _peaks(correlation)
        highest = correlation[peaks[peaks >= lag_min]].max(initial=0.05)
        total += weight * max(highest, 0.05) * correlation
    peaks = _peaks(total)
    peaks = peaks[peaks >= lag_min]
    if not len(peaks):
        return [int(lag_min + np.argmax(total[lag_min:]))]
    highest = peaks[np.argmax(total[peaks])]
    high = peaks[total[peaks] >= parameters.peak_min * total[highest]]
    return [int(period) for period in high[: parameters.candidates]] or [int(highest)]


def _autocorrelation(part: FloatArray, lag_max: int) -> FloatArray:
    """The autocorrelation of all channels together, each lag normalised by the energies that overlap."""
    centred = part - part.mean(axis=0)
    length = 1 << (2 * len(part) - 1).bit_length()
    spectrum = (np.abs(np.fft.rfft(centred, length, axis=0)) ** 2).sum(axis=1)
    correlation = np.fft.irfft(spectrum, length)[: lag_max + 1]
    energy = np.concatenate([[0.0], np.cumsum((centred**2).sum(axis=1))])
    lags = np.arange(lag_max + 1)
    overlapping = energy[len(part) - lags] * (energy[-1] - energy[lags])
    return np.asarray(correlation / np.sqrt(overlapping + 1e-12))


def _peaks(values: FloatArray) -> IntArray:
    return np.flatnonzero((values[1:-1] > values[:-2]) & (values[1:-1] >= values[2:])) + 1


class Chain(NamedTuple):
    """Repetitions that follow each other: where they start, their mean similarity to the template."""

    score: float
    starts: IntArray
    similarity: float


def occurrences(signal: FloatArray, period: int, parameters: CountingParameters) -> Chain:
    """The best chain of repetitions that last `period` samples; they may stick out of the signal."""
    margin = int(parameters.edge * period)
    padded = np.pad(signal, ((margin, margin), (0, 0)))
    period = min(period, len(padded) // 2 - 1)
    chain = _chain(_similarity(padded, _seed(padded, period), parameters), period, parameters)
    best = Chain(0.0, np.empty(0, np.intp), 0.0)
    for phase in range(parameters.phases):
        starts = chain.starts + phase * period // parameters.phases
        for _ in range(2):
            starts = starts[(starts >= 0) & (starts + period <= len(padded))]
            if not len(starts):
                break
            template = np.mean([padded[start : start + period] for start in starts], axis=0)
            found = _chain(_similarity(padded, template, parameters), period, parameters)
            starts = found.starts
            if found.score > best.score:
                best = found
    return best._replace(starts=best.starts - margin)


def _seed(signal: FloatArray, period: int) -> FloatArray:
    """The mean of the two neighbouring periods that resemble each other best, [period, channels]."""
    length = len(signal) - 2 * period + 1
    products = cumulative((signal[:-period] * signal[period:]).sum(axis=1))
    energies = cumulative((signal**2).sum(axis=1))
    starts = np.arange(length)
    shared = products[starts + period] - products[starts]
    first = energies[starts + period] - energies[starts]
    second = energies[starts + 2 * period] - energies[starts + period]
    scale = np.sqrt(first * second) + 1e-9
    alike = shared / np.maximum(scale, 0.3 * np.median(scale))
    width = min(period, length)
    around = np.convolve(alike, np.ones(width) / width, "same")
    start = int(np.argmax(around))
    return (signal[start : start + period] + signal[start + period : start + 2 * period]) / 2


def _similarity(signal: FloatArray, template: FloatArray, parameters: CountingParameters) -> FloatArray:
    """Normalised cross-correlation of all channels with the template, by start; -1 to 1."""
    pairs = zip(signal.T, template.T, strict=True)
    products = np.sum([np.correlate(channel, part, "valid") for channel, part in pairs], axis=0)
    total = cumulative((signal**2).sum(axis=1))
    energies = total[len(template) :] - total[: -len(template)]
    own = (template**2).sum()
    scale = np.sqrt(own * np.maximum(energies, parameters.quiet * own) + 1e-12)
    return np.asarray(products / scale)


def _chain(similarity: FloatArray, period: int, parameters: CountingParameters) -> Chain:
    """The best chain of peaks: similarities above the minimum, less the cost of uneven spacing."""
    peaks = _peaks(np.concatenate([[-2.0], similarity, [-2.0]])) - 1
    peaks = peaks[similarity[peaks] > parameters.similarity_min / 2]
    if not len(peaks):
        return Chain(0.0, peaks, 0.0)
    gains = similarity[peaks] - parameters.similarity_min
    spacings = np.maximum(peaks[:, None] - peaks[None, :], 1) / period
    costs = np.minimum(parameters.unevenness * np.log(spacings) ** 2, parameters.pause)
    costs[spacings < parameters.spacing_min] = np.inf
    scores, before = gains.copy(), np.full(len(peaks), -1)
    for last in range(1, len(peaks)):
        joined = scores[:last] - costs[last, :last]
        earlier = int(np.argmax(joined))
        if joined[earlier] > 0:
            scores[last] += joined[earlier]
            before[last] = earlier
    chain = [int(np.argmax(scores))]
    while before[chain[-1]] >= 0:
        chain.append(int(before[chain[-1]]))
    starts = peaks[chain[::-1]]
    return Chain(float(scores.max()), starts, float(similarity[starts].mean()))
