"""Simulated populations: the same each time, whatever else is made, within the limits that muvr has."""

from __future__ import annotations

import numpy as np
import pytest

from domain.profile_commands import BIRTH_YEARS, HEIGHTS_CM, VALUES
from simulator.population import BLOCK_USERS, END_MS, KINDS, PopulationSettings, blocks, population

FEW = PopulationSettings(user_count=40, session_count=6, seed=3)


def test_a_block_is_the_same_each_time_and_whatever_is_made_beside_it() -> None:
    alone = population(PopulationSettings(user_count=2 * BLOCK_USERS, session_count=2), block_nr=1)
    *_, last = blocks(PopulationSettings(user_count=2 * BLOCK_USERS, session_count=2))
    for one, other in zip(
        (alone.labels, alone.profiles, alone.measurements),
        (last.labels, last.profiles, last.measurements),
        strict=True,
    ):
        for name in one:
            assert np.array_equal(one[name], other[name], equal_nan=one[name].dtype.kind == "f")


def test_values_keep_muvrs_limits() -> None:
    made = population(FEW)
    for name, (lowest, highest) in (("birth_year", BIRTH_YEARS), ("height_cm", HEIGHTS_CM)):
        known = made.profiles[name][~np.isnan(made.profiles[name])]
        assert ((known >= lowest) & (known <= highest)).all()
    for quantity, (lowest, highest) in VALUES.items():
        values = made.measurements["value"][made.measurements["quantity"] == quantity]
        assert len(values)
        assert ((values >= lowest) & (values <= highest)).all()
    labels = made.labels
    assert (labels["start_at"] < labels["end_at"]).all()
    assert (labels["end_at"] < END_MS).all()
    assert len(set(zip(labels["user_id"], labels["session_id"], labels["start_at"], strict=True))) == len(
        labels["start_at"]
    )


def test_sets_follow_each_other_and_sessions_are_of_their_kind() -> None:
    made = population(FEW)
    labels = made.labels
    same = (labels["user_id"][1:] == labels["user_id"][:-1]) & (
        labels["session_id"][1:] == labels["session_id"][:-1]
    )
    assert (labels["start_at"][1:][same] > labels["end_at"][:-1][same]).all()
    first = (labels["user_id"] == "sim-3-000000") & (labels["session_id"] == "s000")
    assert set(labels["exercise"][first]) & set(KINDS[made.kind[0]])


@pytest.mark.parametrize("effect", [0.0, 1.0])
def test_kinds_differ_only_if_they_are_to(effect: float) -> None:
    made = population(PopulationSettings(user_count=10, effect=effect))
    assert all(np.isclose(values.sum(), 0) for values in made.effects.values())
    assert any(values.any() for values in made.effects.values()) == bool(effect)
