"""The model of what goes with kinds of sessions, on made numbers whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.adjustment import Effects, effects, holm, leverage_weighted, products, solved

KINDS = 8


def simulated(seed: int, tau: float, confounding: float = 1.0) -> tuple[Effects, np.ndarray, np.ndarray]:
    """What is learned of 600 users, the truth, and a comparison of means that adjusts for nothing."""
    random = np.random.default_rng(seed)
    about = random.normal(size=(600, 2))
    liking = confounding * np.outer(about[:, 0], np.linspace(-1, 1, KINDS))
    odds = np.exp(liking + random.normal(0, 0.7, (600, KINDS)))
    rate = random.lognormal(0.9, 0.25, 600)[:, None] * odds / odds.sum(axis=1, keepdims=True)
    doses = random.poisson(rate * 8) / 8
    truth = 2 + tau * random.normal(size=KINDS)
    unequal = np.exp(0.3 * about[:, 1])
    outcome = doses @ truth + 2 * about[:, 0] + about[:, 1] + 2 * unequal * random.normal(size=600)
    design = np.column_stack([doses, np.ones(600), about, doses.sum(axis=1) ** 2])
    fit = solved(products(design, outcome))
    middle = leverage_weighted(design, outcome, fit)
    covariance = fit.inverse @ middle @ fit.inverse
    shares = doses.sum(axis=0) / doses.sum()
    learned = effects(fit.coefficients[:KINDS], covariance[:KINDS, :KINDS], shares)
    naive = np.array([np.corrcoef(doses[:, kind], outcome)[0, 1] for kind in range(KINDS)])
    return learned, truth - shares @ truth, naive


def rank(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.argsort().argsort(), other.argsort().argsort())[0, 1])


def test_intervals_hold_the_truth_and_the_ranking_is_better_than_of_means() -> None:
    runs = [simulated(seed, tau=0.5) for seed in range(40)]
    held = np.mean([(found.lower <= truth) & (truth <= found.upper) for found, truth, _ in runs])
    assert 0.91 < held < 0.99
    adjusted = np.mean([rank(found.effect, truth) for found, truth, _ in runs])
    naive = np.mean([rank(means, truth) for _, truth, means in runs])
    assert adjusted > naive + 0.2


def test_where_kinds_do_all_the_same_nothing_is_certain_and_effects_shrink() -> None:
    for seed in range(40):
        found, _, _ = simulated(seed, tau=0.0)
        assert not (holm(found.probability) & ((found.lower > 0) | (found.upper < 0))).any(), seed
        assert np.abs(found.effect).sum() < np.abs(found.estimate).sum(), seed


def test_a_column_that_says_the_same_as_others_changes_no_prediction() -> None:
    random = np.random.default_rng(0)
    design = random.normal(size=(100, 3))
    outcome = design @ np.array([1.0, -2.0, 0.5]) + random.normal(size=100)
    doubled = np.column_stack([design, design.sum(axis=1), np.zeros(100)])
    plain, shared = solved(products(design, outcome)), solved(products(doubled, outcome))
    np.testing.assert_allclose(doubled @ shared.coefficients, design @ plain.coefficients, atol=1e-8)


def test_sums_over_parts_are_those_over_all() -> None:
    random = np.random.default_rng(0)
    design, outcome = random.normal(size=(90, 4)), random.normal(size=90)
    whole = products(design, outcome)
    np.testing.assert_allclose(
        whole, products(design[:30], outcome[:30]) + products(design[30:], outcome[30:])
    )
    expected, *_ = np.linalg.lstsq(design, outcome, rcond=None)
    np.testing.assert_allclose(solved(whole).coefficients, expected)


@pytest.mark.parametrize(
    ("probabilities", "holds"),
    [
        ([0.001, 0.5, 0.004], [True, False, True]),
        ([0.004, 0.004, 0.004], [False, False, False]),
        ([], []),
    ],
)
def test_holm(probabilities: list[float], holds: list[bool]) -> None:
    assert holm(np.array(probabilities), family_error=0.01).tolist() == holds


@given(st.lists(st.floats(0, 1), max_size=30))
def test_what_holds_is_the_smallest_and_stays_if_another_becomes_smaller(probabilities: list[float]) -> None:
    given_ = np.array(probabilities)
    holds = holm(given_)
    if holds.any():
        assert given_[holds].max() <= given_[~holds].min(initial=1.0)
        assert holm(given_ / 2)[holds].all()
