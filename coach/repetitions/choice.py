"""Chooses among the explanations of a set, with coefficients learned from sets that were counted.

`python -m benchmarks.repetitions --fit full` learned them on the development halves that it documents: a
softmax over the explanations of a set, least expected error of the count.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from coach.repetitions.chain import CountingParameters, likely_periods, occurrences
from coach.repetitions.evidence import MEASURES, Evidence, weigh
from coach.repetitions.signals import (
    FloatArray,
    clipped,
    cumulative,
    usual_magnitudes,
    without_drift,
)
from coach.repetitions.swings import swings

_KINDS = ("tilt2", "first", "other", "chain")
NAMES = (
    *MEASURES, "skew", "rest", "agreeing", "nearly_agreeing", *_KINDS, "best_chain", "chain_tempo", "share",
    "dropped", "found",
)  # fmt: skip

COEFFICIENTS: dict[str, float] = {
    "similarity": 6.655,
    "unevenness": -0.547,
    "neighbours": 18.911,
    "every_other": -11.7,
    "halves": 3.371,
    "energy": 10.114,
    "tempo": 1.584,
    "tempo_squared": -3.683,
    "number": 7.175,
    "few": -8.192,
    "span": 20.407,
    "skew": 12.601,
    "rest": -1.953,
    "agreeing": -0.227,
    "nearly_agreeing": 8.984,
    "tilt2": -7.265,
    "first": -3.85,
    "other": -2.516,
    "chain": -1.318,
    "best_chain": 2.723,
    "chain_tempo": 9.623,
    "share": 11.689,
    "dropped": -5.294,
    "found": 41.039,
}

_POSTURE_CLIP = 4.0  # in usual magnitudes of movement: the farthest that a posture counts
TEMPO_TOLERANCE = 0.2  # of the logarithm of tempos that are taken for the same
_EXPECTED_WEIGHT = 2.0  # per squared logarithm of a tempo in expected ones
_TWICE_COST = 0.1
_DROPPED_MAX = 3


@dataclass(frozen=True, eq=False)
class Explanation:
    """One way to see a set, and what speaks for it; `features` are in the order of NAMES, [len(NAMES)]."""

    kind: str
    cycles: FloatArray  # [repetitions, 3], where each begins, turns and ends, in grid samples
    period_s: float
    similarity: float
    features: FloatArray

    @property
    def count(self) -> int:
        return len(self.cycles)


@dataclass(frozen=True, eq=False)
class _Raw:
    kind: str
    evidence: Evidence
    number: int
    dropped: int
    of_kind: tuple[float, float, float]  # share, skew, rest
    chain_score: float
    found: int


def explanations(smooth: FloatArray, grid: FloatArray, parameters: CountingParameters) -> list[Explanation]:
    """The ways to see the set of which `grid`, [samples, channels], are the samples, `smooth` smoothed."""
    motion = without_drift(smooth, parameters.drift_s)
    usual = usual_magnitudes(motion)
    signal = clipped(motion, usual, parameters.clip)
    posture = clipped(smooth - np.median(smooth, axis=0), usual, _POSTURE_CLIP)
    energy = cumulative((signal**2).sum(axis=1))
    raw = _chains(signal, posture, energy, parameters)
    for way in swings(grid, usual) if parameters.swings else ():
        evidence = weigh(posture, energy, way.cycles)
        if evidence is not None:
            number = len(evidence.cycles)
            kind = (way.share, way.skew, way.rest)
            raw.append(_Raw(way.kind, evidence, number, len(way.cycles) - number, kind, 0.0, way.found))
    return _with_features(raw)


def _chains(
    signal: FloatArray, posture: FloatArray, energy: FloatArray, parameters: CountingParameters
) -> list[_Raw]:
    raw = []
    for period in likely_periods(signal, parameters):
        chain = occurrences(signal, period, parameters)
        starts = chain.starts.astype(np.float64)
        cycles = np.stack([starts, starts + period / 2, starts + period], axis=1)
        evidence = weigh(posture, energy, cycles) if len(starts) else None
        if evidence is not None:
            score = chain.score * period**parameters.length_weight
            whole = Evidence(cycles, evidence.period_s, evidence.measures)
            dropped = len(starts) - len(evidence.cycles)
            raw.append(_Raw("chain", whole, len(starts), dropped, (0.3, 0.0, 0.0), score, 1))
    return raw


def _with_features(raw: list[_Raw]) -> list[Explanation]:
    if not raw:
        return []
    numbers = np.array([way.number for way in raw])
    found = np.array([way.found for way in raw], dtype=np.float64)
    apart = np.abs(numbers[:, None] - numbers[None, :])
    agreeing = (apart == 0) @ found / found.sum()
    nearly = (apart <= 1) @ found / found.sum()
    best = max(raw, key=lambda way: way.chain_score)
    made = []
    for way, alike, near in zip(raw, agreeing, nearly, strict=True):
        share, skew, rest = way.of_kind
        kinds = [float(way.kind == kind) for kind in _KINDS]
        both = float(way is best and best.chain_score > 0)
        off = abs(np.log(way.evidence.period_s / best.evidence.period_s))
        tempo = float(np.exp(-3 * off)) if best.chain_score > 0 else 0.0
        dropped = min(way.dropped, _DROPPED_MAX) / _DROPPED_MAX
        rest_of = [skew, rest, alike, near, *kinds, both, tempo, share - 0.3, dropped, way.found / 8]
        features = np.concatenate([way.evidence.measures, rest_of])
        similarity = float(way.evidence.measures[0])
        made.append(Explanation(way.kind, way.evidence.cycles, way.evidence.period_s, similarity, features))
    return made


def choose(ways: list[Explanation], expected_tempo_s: float | None = None) -> Explanation | None:
    """The explanation for which most speaks; None if there is none.

    `expected_tempo_s`: how long a repetition of this exercise usually takes, if that is known. If it is
    half of what is seen, each cycle stands for two repetitions, as of arms that take turns.
    """
    weights = np.array([COEFFICIENTS[name] for name in NAMES])
    if expected_tempo_s is None:
        return max(ways, key=lambda way: float(way.features @ weights), default=None)
    expected = [_as_expected(way, expected_tempo_s) for way in ways]
    best = max(expected, key=lambda pair: float(pair[0].features @ weights) - pair[1], default=None)
    return best[0] if best else None


def _as_expected(way: Explanation, tempo_s: float) -> tuple[Explanation, float]:
    """The explanation, with two repetitions for each if that is what is expected, and what it costs."""
    off = float(np.log(way.period_s / tempo_s) ** 2)
    off_twice = float(np.log(way.period_s / 2 / tempo_s) ** 2)
    if off_twice > TEMPO_TOLERANCE**2 or off < off_twice + _TWICE_COST:
        return way, _EXPECTED_WEIGHT * min(off, 1.0)
    twice = replace(way, cycles=_halved(way.cycles), period_s=way.period_s / 2)
    return twice, _EXPECTED_WEIGHT * (off_twice + _TWICE_COST)


def _halved(cycles: FloatArray) -> FloatArray:
    """Two repetitions for each, one after the other."""
    start, _, end = cycles.T
    middle = (start + end) / 2
    first = np.stack([start, (start + middle) / 2, middle], axis=1)
    second = np.stack([middle, (middle + end) / 2, end], axis=1)
    return np.stack([first, second], axis=1).reshape(-1, 3)
