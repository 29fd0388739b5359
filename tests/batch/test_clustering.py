"""Clusters from numbers alone: how many, of whom, how small, and called what."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.clustering import fit, groups, kmeans, merged, named, scaling_of

DAY = date(2026, 9, 22)
SEEDS = range(3)


def people(seed: int, centres: list[list[float]], each: int = 150, missing: float = 0.1) -> np.ndarray:
    random = np.random.default_rng(seed)
    mixed = np.repeat(np.array(centres), each, axis=0)
    values = mixed + random.normal(size=mixed.shape)
    values[random.random(values.shape) < missing] = np.nan
    return values


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_one_crowd_is_one_cluster_however_its_figures_go_together(seed: int, correlation: float) -> None:
    random = np.random.default_rng(seed)
    values = random.multivariate_normal([0, 0, 0], np.eye(3) * (1 - correlation) + correlation, 400)
    assert groups(values, 0).max() == 0, seed


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("count", [2, 3, 4])
def test_crowds_that_are_apart_are_found_although_values_are_missing(seed: int, count: int) -> None:
    centres = [[0, 0, 0], [4, 4, 0], [0, 4, 4], [4, 0, 4]][:count]
    values = people(seed, [[float(x) for x in centre] for centre in centres])
    found = fit(values, 0)
    numbers = found.nearest(values)
    assert len(found.centres) == count, seed
    purity = sum(np.bincount(numbers[start : start + 150]).max() for start in range(0, len(values), 150))
    assert purity / len(values) > 0.93


def test_steps_make_no_clusters() -> None:
    random = np.random.default_rng(1)
    sex = (random.random(400) < 0.5).astype(float)
    values = np.column_stack([random.normal(size=400), sex, random.integers(0, 3, 400)])
    assert len(fit(values, 0).centres) == 1
    assert len(fit(values[:, 1:], 0).centres) == 1


def test_the_same_people_give_the_same_clusters() -> None:
    values = people(1, [[0.0, 0.0], [6.0, 0.0]])
    assert np.array_equal(fit(values, 5).centres, fit(values, 5).centres)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 30))
@settings(max_examples=40, deadline=None)
def test_whatever_is_missing_everyone_is_in_a_cluster(seed: int, features: int, users: int) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=(users, features)) * 10.0 ** random.integers(-3, 4, features)
    values[random.random(values.shape) < random.random()] = np.nan
    found = fit(values, 0)
    assert np.isfinite(found.centres).all()
    assert set(found.nearest(values)) <= set(range(len(found.centres)))


def test_more_centres_leave_no_more_distance() -> None:
    values = people(2, [[0.0, 0.0], [3.0, 0.0]])
    scaled = scaling_of(values).apply(values)
    spreads = [kmeans(scaled, count, np.random.default_rng(0))[0] for count in range(1, 6)]
    assert spreads == sorted(spreads, reverse=True)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=8), st.integers(1, 40))
def test_no_cluster_is_left_too_small(sizes: list[int], size_min: int) -> None:
    centres = np.arange(len(sizes), dtype=float)[:, None] ** 2
    into = merged(centres, sizes, size_min)
    if sum(sizes) < size_min:
        assert into is None
        return
    assert into is not None
    totals: dict[int, int] = {}
    for number, target in enumerate(into):
        totals[target] = totals.get(target, 0) + sizes[number]
    assert min(totals.values()) >= size_min
    assert all(into[target] == target for target in totals)


def test_names_stay_with_the_members() -> None:
    shared = {(0, "b"): 90, (0, "a"): 10, (1, "a"): 80, (1, "b"): 20}
    assert named([0, 1], shared, DAY) == {0: "b", 1: "a"}


def test_who_was_not_there_before_is_named_after_the_day() -> None:
    assert named([0, 1], {}, DAY) == {0: "20260922-1", 1: "20260922-2"}
    assert named([0, 3], {(3, "20260922-1"): 5}, DAY) == {0: "20260922-2", 3: "20260922-1"}


@given(
    st.dictionaries(
        st.tuples(st.integers(0, 7), st.sampled_from(["a", "b", "c", "20260922-1", "20260922-2"])),
        st.integers(1, 100),
    )
)
def test_every_cluster_has_a_name_of_its_own(shared: dict[tuple[int, str], int]) -> None:
    names = named(range(8), shared, DAY)
    assert sorted(names) == list(range(8))
    assert len(set(names.values())) == 8
