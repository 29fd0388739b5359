"""Pure numbers: k-means on profiles of which some values are missing, and how many clusters there are.

What is minimised is the squared distance over known values alone, as in k-POD (Chi, Chi and Baraniuk, k-POD:
A Method for k-Means Clustering of Missing Data, The American Statistician 70, 2016): no value is made up, and
people are not put together because they told as little as each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

CLUSTERS_MAX = 8
STARTS = 4  # of k-means, of which the best counts
ROUNDS_MAX = 60
REFERENCES = 20  # populations without clusters that a split is measured against
DEVIATIONS_MIN = 4.0  # of theirs, by which it has to be better
COUNTED_USERS_MAX = 2000  # enough to see how many clusters there are
SPLIT_USERS_MIN = 50
LEVELS_MAX = 3  # of a feature that goes in steps, as sex and experience do
STEPPED_WEIGHT = 0.5  # steps are far apart by nature, and k-means would follow them before all else


@dataclass(frozen=True, kw_only=True, eq=False)
class Scaling:
    """Means and standard deviations of the known values, [features]."""

    means: FloatArray
    spreads: FloatArray

    def apply(self, values: FloatArray) -> FloatArray:
        return np.asarray((values - self.means) / self.spreads)


@dataclass(frozen=True, kw_only=True, eq=False)
class Clusters:
    """`centres` [clusters, features], scaled."""

    centres: FloatArray
    scaling: Scaling

    def nearest(self, values: FloatArray) -> IntArray:
        """The number of the nearest centre for each row of `values` [users, features], NaN where unknown."""
        return np.asarray(_distances(self.scaling.apply(values), self.centres).argmin(axis=1), np.int64)


def scaling_of(values: FloatArray) -> Scaling:
    """From [users, features] with NaN; a feature that nobody tells, or all tell alike, counts nothing."""
    known = ~np.isnan(values)
    counts = np.maximum(known.sum(axis=0), 1)
    means = np.where(known, values, 0).sum(axis=0) / counts
    variances = np.where(known, (values - means) ** 2, 0).sum(axis=0) / counts
    spreads = np.sqrt(np.where(variances > 0, variances, 1))
    return Scaling(means=means, spreads=np.where(_is_stepped(values), spreads / STEPPED_WEIGHT, spreads))


def fit(values: FloatArray, seed: int) -> Clusters:
    """Clusters of `values` [users, features]: by k-means, begun with what `groups` finds without steps."""
    scaling = scaling_of(values)
    scaled = scaling.apply(values)
    first = scaled[:COUNTED_USERS_MAX]
    of_user = groups(first[:, ~_is_stepped(values)], seed)
    centres = _means(first, of_user, np.zeros((of_user.max() + 1, scaled.shape[1])))
    return Clusters(centres=_descended(scaled, centres)[1], scaling=scaling)


def groups(scaled: FloatArray, seed: int) -> IntArray:
    """The number of each user's group, of [users, features]; all 0 if none differ.

    Top down as in G-means (Hamerly and Elkan, Learning the k in k-means, NIPS 2003): what can be split in two
    is split, until nothing can. Whether it can is asked as in SigClust (Liu, Hayes, Nobel and Marron,
    Statistical Significance of Clustering for High-Dimension, Low-Sample Size Data, JASA 103, 2008):
    splitting has to bring clearly more than in people of one normal distribution of the same covariance. So
    that older people are heavier makes no clusters.
    """
    random = np.random.default_rng([seed, 0])
    whole: list[IntArray] = []
    untried = [np.arange(len(scaled))]
    while untried:
        largest = untried.pop()
        is_second = (
            _halves(scaled[largest], random) if len(whole) + len(untried) + 2 <= CLUSTERS_MAX else None
        )
        if is_second is None:
            whole.append(largest)
        else:
            untried = sorted([*untried, largest[~is_second], largest[is_second]], key=len)
    numbers = np.zeros(len(scaled), np.int64)
    for number, members in enumerate(whole):
        numbers[members] = number
    return numbers


def kmeans(scaled: FloatArray, count: int, random: np.random.Generator) -> tuple[float, FloatArray]:
    """The smallest sum of squared distances that was found, and its centres [count, features].

    Lloyd's algorithm from starts of k-means++ (Arthur and Vassilvitskii, SODA 2007).
    """
    best = np.inf, np.zeros((count, scaled.shape[1]))
    for _ in range(STARTS if count > 1 else 1):
        found = _descended(scaled, _spread_out(scaled, count, random))
        best = min(best, found, key=lambda each: each[0])
    return best


def merged(centres: FloatArray, sizes: Sequence[int], size_min: int) -> list[int] | None:
    """To which cluster each one goes so that none is smaller than `size_min`; None if all are too few.

    The smallest goes to the one with the nearest centre, until none is too small.
    """
    into = list(range(len(sizes)))
    total = dict(enumerate(sizes))
    while (smallest := min(total, key=lambda nr: (total[nr], nr))) is not None:
        if total[smallest] >= size_min:
            return into
        if len(total) == 1:
            return None
        others = [nr for nr in total if nr != smallest]
        nearest = min(others, key=lambda nr: float(((centres[nr] - centres[smallest]) ** 2).sum()))
        total[nearest] += total.pop(smallest)
        into = [nearest if nr == smallest else nr for nr in into]
    return None


def named(numbers: Sequence[int], shared: Mapping[tuple[int, str], int], day: date) -> dict[int, str]:
    """A name for each cluster number: that of the former cluster it shares the most members with.

    `shared` counts the members of a number that were in a named cluster before. Pairs are taken greedily, the
    most members first, each name once; who shares with none is named after the day.
    """
    names: dict[int, str] = {}
    for (number, name), _ in sorted(shared.items(), key=lambda item: (-item[1], item[0])):
        if number in numbers and number not in names and name not in names.values():
            names[number] = name
    taken = {name for _, name in shared} | set(names.values())
    fresh = (f"{day:%Y%m%d}-{nr}" for nr in range(1, len(numbers) + len(taken) + 1))
    unused = (name for name in fresh if name not in taken)
    return {number: names[number] if number in names else next(unused) for number in numbers}


def _is_stepped(values: FloatArray) -> npt.NDArray[np.bool_]:
    """Which features have so few values that lumps in them are no clusters."""
    return np.array([len(np.unique(column[~np.isnan(column)])) <= LEVELS_MAX for column in values.T])


def _halves(scaled: FloatArray, random: np.random.Generator) -> npt.NDArray[np.bool_] | None:
    """Who is in the second of two clusters, if splitting brings more than chance does."""
    if len(scaled) < SPLIT_USERS_MIN or scaled.shape[1] == 0:
        return None
    kept, centres = _kept_by_halving(scaled, random)
    by_chance = [_kept_by_halving(_unclustered(scaled, random), random)[0] for _ in range(REFERENCES)]
    if kept > np.mean(by_chance) - DEVIATIONS_MIN * np.std(by_chance, ddof=1):
        return None
    return np.asarray(_distances(scaled, centres).argmin(axis=1) == 1)


def _kept_by_halving(scaled: FloatArray, random: np.random.Generator) -> tuple[float, FloatArray]:
    """The logarithm of the share of the squared distances that two clusters leave, and their centres."""
    whole, _ = kmeans(scaled, 1, random)
    halved, centres = kmeans(scaled, 2, random)
    return float(np.log(max(halved, 1e-12) / max(whole, 1e-12))), centres


def _unclustered(scaled: FloatArray, random: np.random.Generator) -> FloatArray:
    """As many people of one normal distribution of the same covariance, who tell as much as these do."""
    known = ~np.isnan(scaled)
    means = np.nan_to_num(scaled).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, scaled - means, 0)
    pairs = np.maximum(known.T.astype(float) @ known, 1)
    spreads, axes = np.linalg.eigh(filled.T @ filled / pairs)
    drawn = random.normal(size=scaled.shape) @ (axes * np.sqrt(np.maximum(spreads, 0))).T
    return np.where(known, drawn, np.nan)


def _distances(scaled: FloatArray, centres: FloatArray) -> FloatArray:
    """Squared distances over known values, [users, centres]."""
    known = ~np.isnan(scaled)
    filled = np.where(known, scaled, 0)
    own = (filled**2).sum(axis=1, keepdims=True)
    return np.asarray(np.maximum(own - 2 * filled @ centres.T + known @ (centres**2).T, 0))


def _spread_out(scaled: FloatArray, count: int, random: np.random.Generator) -> FloatArray:
    """Rows far from each other, with 0, the mean, for what they do not tell."""
    rows = np.nan_to_num(scaled)
    centres = rows[[random.integers(len(rows))]]
    while len(centres) < count:
        odds = _distances(scaled, centres).min(axis=1)
        total = odds.sum()
        chosen = random.choice(len(rows), p=odds / total) if total > 0 else random.integers(len(rows))
        centres = np.vstack([centres, rows[chosen]])
    return centres


def _descended(scaled: FloatArray, centres: FloatArray) -> tuple[float, FloatArray]:
    last = np.full(len(scaled), -1)
    for _ in range(ROUNDS_MAX):
        nearest = _distances(scaled, centres).argmin(axis=1)
        if (nearest == last).all():
            break
        last = nearest
        centres = _means(scaled, nearest, centres)
    return float(_distances(scaled, centres).min(axis=1).sum()), centres


def _means(scaled: FloatArray, numbers: IntArray, centres: FloatArray) -> FloatArray:
    """Means of what the members of each number tell; where nobody does, as in `centres`."""
    chosen = np.eye(len(centres))[numbers]
    told = chosen.T @ ~np.isnan(scaled)
    return np.where(told > 0, chosen.T @ np.nan_to_num(scaled) / np.maximum(told, 1), centres)
