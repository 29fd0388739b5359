"""Groups of users by profile, under pseudonyms, with the same name from night to night."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import partial
from itertools import islice
from typing import Any, get_args

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 (Spark's own convention)

from batch.arrow import ROWS_PER_BATCH, Row, map_rows
from batch.clustering import Clusters, FloatArray, fit, merged, named
from batch.frames import with_subject
from batch.job import Frames, Job, Parameters, Previous
from batch.people import counted
from domain.training import Goal
from persistence.learned_tables import CLUSTER, CLUSTER_MEMBER
from persistence.profile_tables import GOAL, MEASUREMENT_BY_USER, PROFILE
from persistence.schema import Table

_GOAL_SHARES: Mapping[str, tuple[Goal, ...]] = {
    "strength_goal_share": ("strength", "muscle"),
    "weight_loss_goal_share": ("weight-loss",),
}
# Height and weight count together, as a body-mass index.
FEATURES = (
    "age_years", "male_share", "body_mass_index", "resting_heart_rate", "experience",
    *_GOAL_SHARES,
)  # fmt: skip
SAMPLE_USERS_MAX = 20_000  # who the centres are computed from; everyone is assigned to one
_DESCRIBED = (
    "age_years", "male_share", "height_cm", "weight_kg", "resting_heart_rate", "experience",
    *_GOAL_SHARES,
)  # fmt: skip


def features(profiles: DataFrame, measurements: DataFrame, key: bytes, day: date) -> DataFrame:
    """A row per user who agreed to be counted: `subject`, what _DESCRIBED names, and `body_mass_index`.

    Of measurements the newest counts. What is not known is null; `male_share` is 1 for men and 0 for women,
    `experience` 0 to 2.
    """
    people = counted(profiles, key)
    newest = measurements.groupBy("user_id").agg(
        _newest("body_weight_kg").alias("weight_kg"),
        _newest("resting_heart_rate_per_minute").alias("resting_heart_rate"),
    )
    this_year = day.year + day.timetuple().tm_yday / 366
    metres = F.col("height_cm") / 100
    return (
        people.join(profiles, "user_id")
        .join(newest, "user_id", "left")
        .select(
            "subject",
            (F.lit(this_year - 0.5) - F.col("birth_year")).alias("age_years"),
            _number("sex", {"male": 1.0, "female": 0.0}).alias("male_share"),
            "height_cm",
            "weight_kg",
            "resting_heart_rate",
            _number("experience", {"novice": 0.0, "intermediate": 1.0, "advanced": 2.0}).alias("experience"),
            (F.col("weight_kg") / (metres * metres)).alias("body_mass_index"),
        )
    )


def with_goals(people: DataFrame, goals: DataFrame, key: bytes) -> DataFrame:
    """`people`, from `features`, with `strength_goal_share` and `weight_loss_goal_share`.

    1 for who trains for strength or muscle, and for who wants to lose weight; 0 for another goal, null for
    none. Endurance and rehabilitation are neither: two columns keep goals from outweighing all else.
    """
    shares = [
        _number("goal", {goal: float(goal in goals_of) for goal in get_args(Goal)}).alias(name)
        for name, goals_of in _GOAL_SHARES.items()
    ]
    return people.join(with_subject(goals, key).select("subject", *shares), "subject", "left")


def clusters(
    people: DataFrame, before: DataFrame, *, members_min: int, seed: int, day: date
) -> tuple[DataFrame, DataFrame]:
    """Rows of CLUSTER and of CLUSTER_MEMBER, from rows of `features` and the members of the run before.

    No cluster has fewer than `members_min` members: it goes to its neighbour. If there are fewer users than
    that, there are no clusters.
    """
    sample = people.select("subject", *FEATURES).orderBy("subject").limit(SAMPLE_USERS_MAX).collect()
    if len(sample) < members_min:
        return _described(people.limit(0).withColumn("cluster_id", F.lit("")), members_min)
    found = fit(_values(row[1:] for row in sample), seed)
    told = people.select("subject", *FEATURES)
    nearest = map_rows(told, partial(_assigned, found=found), "subject string, number bigint").persist()
    sizes = {row["number"]: row["count"] for row in nearest.groupBy("number").count().collect()}
    into = merged(found.centres, [sizes.get(nr, 0) for nr in range(len(found.centres))], members_min)
    assert into is not None, "the sample alone has enough users"
    numbered = nearest.withColumn("number", _mapped("number", dict(enumerate(into)), "bigint"))
    former = before.select("subject", F.col("cluster_id").alias("name"))
    shared = numbered.join(former, "subject").groupBy("number", "name").count().collect()
    counts = {(row["number"], row["name"]): row["count"] for row in shared}
    names = named(sorted(set(into)), counts, day)
    members = numbered.select("subject", _mapped("number", names, "string").alias("cluster_id"))
    return _described(people.join(members, "subject"), members_min)


def _described(members: DataFrame, members_min: int) -> tuple[DataFrame, DataFrame]:
    means = [F.when(F.count(name) >= members_min, F.round(F.avg(name), 3)).alias(name) for name in _DESCRIBED]
    described = members.groupBy("cluster_id").agg(F.count("*").alias("user_count"), *means)
    return described, members.select("subject", "cluster_id")


def _assigned(rows: Iterable[Row], *, found: Clusters) -> Iterator[Row]:
    remaining = iter(rows)
    while chunk := list(islice(remaining, ROWS_PER_BATCH)):
        numbers = found.nearest(_values(row[1:] for row in chunk))
        yield from zip((row[0] for row in chunk), numbers.tolist(), strict=True)


def _values(rows: Iterable[Row]) -> FloatArray:
    """[users, features], NaN where unknown."""
    return np.array([tuple(row) for row in rows], np.float64)


def _newest(quantity: str) -> Column:
    return F.max_by(
        *(F.when(F.col("quantity") == quantity, F.col(name)) for name in ("value", "measured_at"))
    )


def _number(name: str, values: Mapping[str, float]) -> Column:
    return _mapped(name, values, "double")


def _mapped(name: str, values: Mapping[Any, Any], kind: str) -> Column:
    """The value of a column's value; null if there is none."""
    pairs = [F.lit(each) for pair in values.items() for each in pair]
    return F.create_map(*pairs)[F.col(name)].cast(kind)


def _clusters(frames: Frames, parameters: Parameters) -> Mapping[Table[Any], DataFrame]:
    key = parameters.pseudonym_key
    told = features(frames[PROFILE], frames[MEASUREMENT_BY_USER], key, parameters.day)
    people = with_goals(told, frames[GOAL], key).persist()
    described, members = clusters(
        people,
        frames[Previous(CLUSTER_MEMBER)],
        members_min=parameters.members_min,
        seed=parameters.seed,
        day=parameters.day,
    )
    return {CLUSTER: described, CLUSTER_MEMBER: members}


CLUSTERS = Job(
    name="clusters",
    summary="groups of users by profile",
    reads=(PROFILE, MEASUREMENT_BY_USER, GOAL),
    writes=(CLUSTER, CLUSTER_MEMBER),
    previous=(CLUSTER_MEMBER,),
    function=_clusters,
    is_of_groups=True,
)
