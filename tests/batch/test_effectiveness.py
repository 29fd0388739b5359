"""Progress of users, and what goes with it in a population whose truth is known."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from batch.changes import body_changes, changes, progress
from batch.clusters import CLUSTERS
from batch.effectiveness import EFFECTIVENESS
from batch.kinds import JOINED
from batch.people import counted, sets_of
from benchmarks.populations import population_frames
from persistence.learned_tables import CLUSTER_MEMBER, EVERYONE, POPULAR_SESSION, SESSION_EFFECT
from persistence.profile_tables import MEASUREMENT_BY_USER, PROFILE
from persistence.tables import LABEL
from simulator.population import KINDS, PopulationSettings, effects_of
from tests.batch.groups import END_MS, KEY, MEMBER_SCHEMA, frames, learned, parameters, profile, session

DAY_MS = 86_400_000
SIGNATURES = [JOINED.join(sorted(exercises)) for exercises in KINDS]


def test_a_change_is_the_slope_within_groups(spark) -> None:
    """Two exercises on different levels, both rising by 0.1 a week."""
    weeks = [0, 1, 2, 3]
    rows = [("u", "squat", week * 7 * DAY_MS, 5 + 0.1 * week) for week in weeks]
    rows += [("u", "curl", (week + 2) * 7 * DAY_MS, 1 + 0.1 * week) for week in weeks]
    rows += [("few", "squat", week * 7 * DAY_MS, 1.0 * week) for week in weeks]
    rows += [("still", "squat", 0, 1.0)] * 9
    points = spark.createDataFrame(rows, "subject string, exercise string, at bigint, strength double")
    found = {row["subject"]: row["strength"] for row in changes(points, "exercise", "strength").collect()}
    assert found == {"u": pytest.approx(0.1)}


def test_losing_weight_and_a_calmer_heart_are_gains(spark) -> None:
    rows = []
    for week in range(6):
        rows.append(("ada", "body_weight_kg", week * 7 * DAY_MS, 80 * 0.99**week))
        rows.append(("bob", "resting_heart_rate_per_minute", week * 7 * DAY_MS, 70.0 - week))
    found = frames(spark, profiles=[profile("ada"), profile("bob")], measurements=rows)
    people = counted(found[PROFILE], KEY)
    told = body_changes(found[MEASUREMENT_BY_USER], people).collect()
    lost = [row["weight_loss"] for row in told if row["weight_loss"] is not None]
    calmer = [row["calmer_heart"] for row in told if row["calmer_heart"] is not None]
    assert (lost, calmer) == ([pytest.approx(-np.log(0.99))], [pytest.approx(1.0)])


def test_only_who_trained_often_enough_for_long_enough_counts(spark) -> None:
    labels = []
    for user, sessions, days in (("long", 8, 5), ("short", 8, 2), ("rare", 4, 20)):
        for nr in range(sessions):
            start_ms = END_MS - (nr * days + 1) * DAY_MS
            labels += session(user, f"s{nr}", ("squat", "row"), start_ms, kg=100.0 * 1.3 ** (-nr * days / 7))
    found = frames(spark, profiles=[profile(user) for user in ("long", "short", "rare")], labels=labels)
    people = counted(found[PROFILE], KEY)
    sets = sets_of(found[LABEL], people)
    about = {"age_years": "double", "male_share": "double", "body_mass_index": "double"}
    about |= {"resting_heart_rate": "double", "experience": "double"}
    about |= {"weight_loss": "double", "calmer_heart": "double"}
    told = people.select(
        "subject", *[people.subject.cast("double").alias(name) for name in about]
    )  # nothing is told
    (row,) = progress(sets, told, found[CLUSTER_MEMBER], ["row+squat"]).collect()
    assert row["dose_0"] == pytest.approx(8 / 5)
    assert row["dose_1"] == 0
    assert row["strength"] == 0.1  # 0.26 a week is no progress, but a mistake
    assert row["volume"] == pytest.approx(np.log(1.3), abs=1e-6)
    assert row["muscle"] is None
    assert row["cluster_id"] == ""


@pytest.fixture(scope="module")
def run(spark, tmp_path_factory):
    def of(settings: PopulationSettings) -> list[dict]:
        found = dict(population_frames(spark, settings, Path(tmp_path_factory.mktemp("p"), "p")))
        kinds = [(EVERYONE, rank, kind) for rank, kind in enumerate(SIGNATURES)]
        found[POPULAR_SESSION] = spark.createDataFrame(kinds, "cluster_id string, rank bigint, kind string")
        found[CLUSTER_MEMBER] = spark.createDataFrame([], MEMBER_SCHEMA)
        found |= {key: value for key, value in frames(spark).items() if key not in found}
        found[CLUSTER_MEMBER] = CLUSTERS.function(found, parameters(20))[CLUSTER_MEMBER]
        return learned(EFFECTIVENESS, found, SESSION_EFFECT, 20)

    return of


def test_the_best_kinds_are_found_and_nothing_else(run) -> None:
    settings = PopulationSettings(user_count=800, seed=1, effect=2.0)
    rows = run(settings)
    truth = effects_of(settings)["strength"]
    effects = {row["kind"]: row for row in rows if row["outcome"] == "strength"}
    assert set(effects) == set(SIGNATURES)
    found = np.array([effects[kind]["effect"] for kind in SIGNATURES])
    assert np.corrcoef(found.argsort().argsort(), truth.argsort().argsort())[0, 1] > 0.6
    verdicts = [effects[kind]["verdict"] for kind in SIGNATURES]
    assert "better" in verdicts
    for verdict, value in zip(verdicts, truth, strict=True):
        assert verdict == "unclear" or (verdict == "better") == (value > 0)
    assert all(row["lower"] <= row["effect"] <= row["upper"] and row["user_count"] >= 20 for row in rows)


def test_where_nothing_is_effective_nothing_is_reported(run) -> None:
    rows = run(PopulationSettings(user_count=400, seed=2, effect=0.0))
    assert len({row["outcome"] for row in rows}) == 5
    assert {row["verdict"] for row in rows} == {"unclear"}


def test_nothing_of_nobody(spark) -> None:
    found = frames(spark)
    found[POPULAR_SESSION] = spark.createDataFrame([], "cluster_id string, rank bigint, kind string")
    assert learned(EFFECTIVENESS, found, SESSION_EFFECT, 1) == []


def test_of_too_few_users_nothing_is_said(run) -> None:
    assert run(dataclasses.replace(PopulationSettings(user_count=60), seed=3)) == []
