"""What is popular, by users who agreed, overall and by cluster."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.kinds import KINDS_MAX, OTHER, kind_of, leaders
from batch.popularity import POPULARITY, is_within
from persistence.learned_tables import POPULAR_EXERCISE, POPULAR_SEQUENCE, POPULAR_SESSION
from tests.batch.groups import frames, learned, profile, session

USERS = [f"u{nr}" for nr in range(6)]
PUSH = ("squat", "squat", "press", "row", "press")
names = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def found(spark) -> dict:
    """Six users do squat, press, row, press; three of them curl and dip too; a shy one does all of it."""
    labels = [row for user in (*USERS, "shy") for row in session(user, "s1", PUSH)]
    labels += [row for user in (*USERS[:3], "shy") for row in session(user, "s2", ("curl", "dip"))]
    labels += session("u0", "s3", ("curl", "dip")) + session("u0", "s4", ("my-own-thing", "dip"))
    profiles = [profile(user) for user in USERS] + [profile("shy", in_statistics=False)]
    members = {user: "c" if user in USERS[:4] else "d" for user in USERS}
    return frames(spark, profiles=profiles, labels=labels, members=members)


def of_everyone(rows: list[dict]) -> list[tuple]:
    own = sorted((row for row in rows if row["cluster_id"] == "everyone"), key=lambda row: row["rank"])
    assert [row["rank"] for row in own] == list(range(1, len(own) + 1))
    return own


def test_exercises_by_users(found) -> None:
    rows = learned(POPULARITY, found, POPULAR_EXERCISE, 3)
    told = [(row["exercise"], row["user_count"], row["session_count"]) for row in of_everyone(rows)]
    assert told == [("press", 6, 6), ("row", 6, 6), ("squat", 6, 6), ("dip", 3, 5), ("curl", 3, 4)]
    assert {row["exercise"] for row in rows if row["cluster_id"] == "c"} == {
        "press", "row", "squat", "dip", "curl",
    }  # fmt: skip
    assert "d" not in {row["cluster_id"] for row in rows}


def test_what_a_single_user_made_up_is_not_published(found) -> None:
    assert "my-own-thing" not in str(learned(POPULARITY, found, POPULAR_EXERCISE, 2))


def test_kinds_of_sessions_by_users(found) -> None:
    told = [
        (row["kind"], row["user_count"], row["session_count"])
        for row in of_everyone(learned(POPULARITY, found, POPULAR_SESSION, 3))
    ]
    assert told == [("press+row+squat", 6, 6), ("curl+dip", 3, 4)]


def test_sequences_within_sessions_by_users(found) -> None:
    rows = of_everyone(learned(POPULARITY, found, POPULAR_SEQUENCE, 3))
    told = {row["exercises"]: row["user_count"] for row in rows}
    assert told["squat>press>row>press"] == 6
    assert told["squat>row"] == 6
    assert told["curl>dip"] == 3
    assert "squat>squat" not in told  # sets of one exercise in a row are one


def test_nothing_of_nobody(spark) -> None:
    for table in (POPULAR_EXERCISE, POPULAR_SESSION, POPULAR_SEQUENCE):
        assert learned(POPULARITY, frames(spark), table, 1) == []


@given(names, names)
def test_is_within_as_a_search_through_all_choices_says(pattern: list[str], done: list[str]) -> None:
    def search(left: list[str], among: list[str]) -> bool:
        return not left or any(
            each == left[0] and search(left[1:], among[nr + 1 :]) for nr, each in enumerate(among)
        )

    assert is_within(pattern, done) == search(pattern, done)


@given(st.lists(names, max_size=60))
def test_kinds_are_unlike_each_other_and_everything_is_like_one_or_other(sessions: list[list[str]]) -> None:
    signed = ["+".join(sorted(set(each))) for each in sessions]
    kinds = leaders(signed)
    assert len(kinds) <= KINDS_MAX
    assert all(kind_of(kind, [other for other in kinds if other != kind]) == OTHER for kind in kinds)
    if len(kinds) < KINDS_MAX:
        assert all(kind_of(each, kinds) != OTHER for each in signed)
