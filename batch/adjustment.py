"""Pure numbers: what goes with kinds of sessions, adjusted for all else, shrunk, and certain enough to say.

A linear model of users' progress on how often they do each kind of session and on who they are is fitted by
least squares, from sums over users, so that memory does not grow with them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

LEVEL = 0.95  # of intervals
FAMILY_ERROR = 0.01  # how often anything at all may be found where there is nothing
TAU_STEPS = 40
_NEGLIGIBLE = 1e-9  # directions of so small a share of the greatest variance are none


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """`coefficients` [columns] and `inverse` [columns, columns], of the products of the columns."""

    coefficients: FloatArray
    inverse: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Effects:
    """Per kind [kinds]: how much more than the average session; `estimate` and `error` as they are,
    `effect`, `lower` and `upper` shrunk; `is_certain` if it differs from the average beyond doubt.
    """

    estimate: FloatArray
    error: FloatArray
    effect: FloatArray
    lower: FloatArray
    upper: FloatArray
    probability: FloatArray  # of as large an estimate if the kind did as the average does


def products(design: FloatArray, outcome: FloatArray) -> FloatArray:
    """Sums of products over users: design [users, columns] with the outcome as one more column."""
    both = np.column_stack([design, outcome])
    return np.asarray(both.T @ both)


def solved(summed: FloatArray) -> Fit:
    """Least squares from `products`; columns that say the same share what they explain."""
    squares, with_outcome = summed[:-1, :-1], summed[:-1, -1]
    scale = np.sqrt(np.maximum(np.diag(squares), 1e-300))
    inverse = np.linalg.pinv(squares / np.outer(scale, scale), rcond=_NEGLIGIBLE, hermitian=True)
    inverse = inverse / np.outer(scale, scale)
    return Fit(coefficients=inverse @ with_outcome, inverse=inverse)


def leverage_weighted(design: FloatArray, outcome: FloatArray, fit: Fit) -> FloatArray:
    """Sum over users of the squared residual, each as if its user had been left out, times the products.

    It is the middle of HC3, which holds whether or not all users vary alike (MacKinnon and White, Some
    heteroskedasticity-consistent covariance matrix estimators, J. Econometrics 29, 1985).
    """
    residuals = outcome - design @ fit.coefficients
    leverage = np.clip(((design @ fit.inverse) * design).sum(axis=1), 0, 0.99)
    weighted = design * (residuals / (1 - leverage))[:, None]
    return np.asarray(weighted.T @ weighted)


def effects(
    coefficients: FloatArray, covariance: FloatArray, shares: FloatArray, *, unlike: int = 0
) -> Effects:
    """What a session of each kind does beyond the average one, of which `shares` are of each kind.

    The last `unlike` kinds are no kinds of their own, but what is left: they are part of the average alone.
    """
    count = len(coefficients)
    contrasts = np.eye(count) - shares
    estimate = contrasts @ coefficients
    spread = contrasts @ covariance @ contrasts.T
    error = np.sqrt(np.maximum(np.diag(spread), 1e-300))
    effect, lower, upper = _shrunk(coefficients, covariance, contrasts)
    kept = slice(0, count - unlike)
    normal = NormalDist()
    probability = np.array([2 * normal.cdf(-abs(float(z))) for z in estimate / error])
    return Effects(
        estimate=estimate[kept],
        error=error[kept],
        effect=effect[kept],
        lower=lower[kept],
        upper=upper[kept],
        probability=probability[kept],
    )


def holm(probabilities: FloatArray, family_error: float = FAMILY_ERROR) -> npt.NDArray[np.bool_]:
    """Which of many findings hold, so that where there is nothing, at most a share of `family_error` of all
    families has any that does (Holm, A simple sequentially rejective multiple test procedure, Scand. J. Stat.
    6, 1979). It does not matter how they depend on each other.
    """
    order = probabilities.argsort(kind="stable")
    holds = np.zeros(len(probabilities), bool)
    for rank, number in enumerate(order):
        if probabilities[number] > family_error / (len(order) - rank):
            break
        holds[number] = True
    return holds


def _shrunk(
    coefficients: FloatArray, covariance: FloatArray, contrasts: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Means and limits of what the kinds do, if they are drawn from one normal distribution.

    Its mean and standard deviation tau are learned from all kinds (empirical Bayes: Efron and Morris,
    Stein's estimation rule and its competitors, JASA 68, 1973). As few kinds say little about tau, it is not
    taken for known: the answer is averaged over it. Beforehand its square is uniform, with which intervals
    hold about as often as they say (Morris and Tang, Estimating random effects via adjustment for density
    maximization, Statistical Science 26, 2011); a uniform tau pulled too hard where kinds differ.
    """
    spread = float(np.std(coefficients)) + float(np.sqrt(np.median(np.diag(covariance))))
    means, errors, scores = [], [], []
    taus = np.linspace(0, 3 * spread, TAU_STEPS)
    for tau in taus:
        score, mean, error = _given_tau(coefficients, covariance, contrasts, float(tau))
        scores.append(score)
        means.append(mean)
        errors.append(error)
    odds = np.exp(np.array(scores) - max(scores)) * taus
    odds /= odds.sum()
    effect = odds @ np.array(means)
    tail = (1 - LEVEL) / 2
    limits = [_quantile(odds, np.array(means), np.array(errors), share) for share in (tail, 1 - tail)]
    return effect, limits[0], limits[1]


def _given_tau(
    coefficients: FloatArray, covariance: FloatArray, contrasts: FloatArray, tau: float
) -> tuple[float, FloatArray, FloatArray]:
    """Log likelihood of tau with the mean integrated out; means and errors of the contrasts given it."""
    count = len(coefficients)
    marginal = covariance + tau**2 * np.eye(count)
    inverse = np.linalg.pinv(marginal, hermitian=True)
    ones = inverse.sum(axis=1)
    certainty = ones.sum()
    residuals = coefficients - (ones @ coefficients) / certainty
    _, log_size = np.linalg.slogdet(marginal)
    score = -0.5 * (log_size + math.log(certainty) + residuals @ inverse @ residuals)
    pull = 1 - tau**2 * ones
    posterior = tau**2 * np.eye(count) - tau**4 * inverse + np.outer(pull, pull) / certainty
    mean = contrasts @ (coefficients - residuals + tau**2 * inverse @ residuals)
    variance = np.einsum("ki,ij,kj->k", contrasts, posterior, contrasts)
    return float(score), mean, np.sqrt(np.maximum(variance, 0))


def _quantile(odds: FloatArray, means: FloatArray, errors: FloatArray, share: float) -> FloatArray:
    """Quantiles of mixtures of normal distributions, [kinds], of [steps] and [steps, kinds]; by bisection."""
    low = (means - 8 * errors).min(axis=0) - 1e-12
    high = (means + 8 * errors).max(axis=0) + 1e-12
    error_function = np.vectorize(math.erf)
    for _ in range(40):
        middle = (low + high) / 2
        scaled = (middle - means) / np.maximum(errors, 1e-12)
        below = odds @ (0.5 * (1 + error_function(scaled / math.sqrt(2))))
        low, high = np.where(below < share, middle, low), np.where(below < share, high, middle)
    return np.asarray((low + high) / 2)
