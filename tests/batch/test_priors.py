"""What users of a group do next and with which load; every user counts alike, and none alone."""

from __future__ import annotations

from batch.priors import PRIORS
from persistence.learned_tables import NEXT_EXERCISE, USUAL_LOAD
from tests.batch.groups import END_MS, frames, learned, profile, session


def cells(rows: list[dict], cluster: str = "everyone") -> dict[tuple[str, str], tuple[float, int]]:
    return {
        (row["after"], row["exercise"]): (row["probability"], row["user_count"])
        for row in rows
        if row["cluster_id"] == cluster
    }


def test_a_user_with_many_sessions_counts_as_much_as_one_with_few(spark) -> None:
    labels = [row for nr in range(9) for row in session("busy", f"s{nr}", ("squat", "squat", "press"))]
    labels += session("calm", "s", ("squat", "row")) + session("third", "s", ("row", "squat", "press"))
    labels += session("shy", "s", ("squat", "row"))
    profiles = [profile("busy"), profile("calm"), profile("third"), profile("shy", in_statistics=False)]
    found = frames(spark, profiles=profiles, labels=labels, members={"busy": "c", "third": "c"})
    all_ = cells(learned(PRIORS, found, NEXT_EXERCISE, 1))
    assert all_["", "squat"] == (0.666667, 2)
    assert all_["squat", "press"] == (0.666667, 2)
    assert all_["squat", "row"] == (0.333333, 1)
    few = learned(PRIORS, found, NEXT_EXERCISE, 2)
    assert cells(few) == {("", "squat"): (0.666667, 2), ("squat", "press"): (0.666667, 2)}
    assert cells(few, "c") == {("squat", "press"): (1.0, 2)}


def test_loads_are_medians_of_users_medians_and_relative_to_the_body(spark) -> None:
    profiles = [profile(user) for user in "abc"]
    labels = []
    for user, kg in (("a", 30.0), ("b", 40.0), ("c", 80.0)):
        labels += session(user, "s", ("squat", "squat", "press"), kg=kg)
    labels += [row for nr in range(5) for row in session("a", f"t{nr}", ("squat",), kg=30.0)]
    measurements = [(user, "body_weight_kg", END_MS, 80.0) for user in "ab"]
    found = frames(spark, profiles=profiles, labels=labels, measurements=measurements)
    rows = {row["exercise"]: row for row in learned(PRIORS, found, USUAL_LOAD, 2)}
    squat = rows["squat"]
    assert (squat["user_count"], squat["weight_kg"], squat["repetitions"]) == (3, 40.0, 8.0)
    assert squat["rest_s"] == 90.0
    assert (squat["relative_low"], squat["relative_middle"], squat["relative_high"]) == (0.406, 0.438, 0.469)
    three = {row["exercise"]: row for row in learned(PRIORS, found, USUAL_LOAD, 3)}
    assert three["squat"]["relative_middle"] is None  # only two were weighed
    assert learned(PRIORS, found, USUAL_LOAD, 4) == []


def test_nothing_of_nobody(spark) -> None:
    assert learned(PRIORS, frames(spark), NEXT_EXERCISE, 1) == []
    assert learned(PRIORS, frames(spark), USUAL_LOAD, 1) == []
