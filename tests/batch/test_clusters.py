"""Users in clusters: who agreed, under pseudonyms, none too small, with names that stay."""

from __future__ import annotations

import numpy as np
import pytest

from batch.clusters import CLUSTERS
from domain.identifiers import pseudonym_of
from persistence.learned_tables import CLUSTER, CLUSTER_MEMBER
from tests.batch.groups import KEY, frames, learned, profile

YOUNG, OLD = [f"young{nr}" for nr in range(60)], [f"old{nr}" for nr in range(60)]


def crowd(seed: int = 0, **changed: dict[str, object]) -> dict[str, list[tuple[object, ...]]]:
    """Two kinds of people, some of whom do not tell how old they are or how fast their hearts beat."""
    random = np.random.default_rng(seed)
    profiles, measurements = [], []
    for users, born, weight, beats in ((YOUNG, 2000, 65, 50), (OLD, 1955, 90, 75)):
        for nr, user in enumerate(users):
            fields = {"birth_year": int(random.normal(born, 3)), "height_cm": float(random.normal(172, 7))}
            fields |= {"sex": "male" if nr % 2 else "female", "experience": "novice"}
            if nr % 10 == 0:
                fields["birth_year"] = None
            profiles.append(profile(user, **fields | changed.get(user, {})))
            weights = (float(random.normal(weight + 30, 2)), float(random.normal(weight, 4)))
            measurements += [
                (user, "body_weight_kg", at_ms, value) for at_ms, value in zip((1, 2), weights, strict=True)
            ]
            if nr % 7:
                measurements.append(
                    (user, "resting_heart_rate_per_minute", 1, float(random.normal(beats, 3)))
                )
    return {"profiles": profiles, "measurements": measurements}


def members(found: dict, members_min: int = 20) -> dict[str, str]:
    rows = learned(CLUSTERS, found, CLUSTER_MEMBER, members_min)
    assert len({row["subject"] for row in rows}) == len(rows)
    return {row["subject"]: row["cluster_id"] for row in rows}


def test_like_is_with_like_under_pseudonyms(spark) -> None:
    found = members(frames(spark, **crowd()))
    young, old = ({found[pseudonym_of(user, KEY)] for user in users} for users in (YOUNG, OLD))
    assert len(young) == len(old) == 1
    assert young | old == {"20260922-1", "20260922-2"}
    assert not set(found) & {*YOUNG, *OLD}


def test_a_cluster_is_described_by_means_of_what_enough_members_tell(spark) -> None:
    rows = learned(CLUSTERS, frames(spark, **crowd()), CLUSTER, 52)
    assert [row["user_count"] for row in rows] == [60, 60]
    young = min(rows, key=lambda row: row["weight_kg"])
    assert 24 < young["age_years"] < 29  # of 54 who tell
    assert 63 < young["weight_kg"] < 67  # the newest counts
    assert young["resting_heart_rate"] is None  # only 51 tell
    assert young["male_share"] == 0.5


def test_goals_part_people_who_are_alike_otherwise_and_describe_a_cluster(spark) -> None:
    made = crowd()
    goals = [(user, 1, "strength") for user in YOUNG] + [(user, 1, "weight-loss") for user in OLD[5:]]
    rows = learned(CLUSTERS, frames(spark, **made, goals=goals), CLUSTER, 20)
    told = {(row["strength_goal_share"], row["weight_loss_goal_share"]) for row in rows}
    assert told == {(1.0, 0.0), (0.0, 1.0)}
    untold = learned(CLUSTERS, frames(spark, **made), CLUSTER, 20)
    assert {row["strength_goal_share"] for row in untold} == {None}


@pytest.mark.parametrize("given", ["refused", "without a profile"])
def test_who_did_not_agree_appears_nowhere(spark, given: str) -> None:
    made = crowd(young3={"in_statistics": False})
    if given == "without a profile":
        made["profiles"] = [row for row in made["profiles"] if row[0] != "young3"]
    found = members(frames(spark, **made))
    assert pseudonym_of("young3", KEY) not in found
    assert len(found) == 119


def test_a_cluster_that_is_too_small_goes_to_its_neighbour_and_too_few_users_are_none(spark) -> None:
    found = frames(spark, **crowd())
    assert set(members(found, 61).values()) == {"20260922-1"}
    assert members(found, 121) == {}
    assert members(frames(spark), 20) == {}


def test_names_stay_from_night_to_night(spark) -> None:
    before = dict.fromkeys(OLD, "a") | dict.fromkeys(YOUNG[:50], "b") | {"gone": "c"}
    found = members(frames(spark, **crowd(), before=before))
    assert {found[pseudonym_of(user, KEY)] for user in OLD} == {"a"}
    assert {found[pseudonym_of(user, KEY)] for user in YOUNG} == {"b"}


def test_the_order_of_rows_plays_no_part(spark) -> None:
    made = crowd()
    found = members(frames(spark, **made))
    assert members(frames(spark, **{name: rows[::-1] for name, rows in made.items()})) == found
