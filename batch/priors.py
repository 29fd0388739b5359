"""What users of a group usually do next, and with which load: for those who have no history of their own.

Every user counts alike, however much there is of one: first each user's own habits are summed up, then users.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 (Spark's own convention)

from batch.job import Frames, Job, Parameters
from batch.people import counted, in_groups, sequences, sets_of
from persistence.learned_tables import CLUSTER_MEMBER, NEXT_EXERCISE, USUAL_LOAD
from persistence.profile_tables import MEASUREMENT_BY_USER, PROFILE
from persistence.schema import Table
from persistence.tables import LABEL

START = ""  # what is before the first exercise of a session
REST_MS_MAX = 15 * 60_000  # what is longer between two sets is a break


def next_exercises(done: DataFrame, members: DataFrame, users_min: int) -> DataFrame:
    """Rows of NEXT_EXERCISE, from `people.sequences`.

    A probability is the mean of the users' own shares, of all who ever went on after that exercise. What
    fewer than `users_min` users did is left out, so those after an exercise may sum up to less than 1.
    """
    pairs = F.transform(
        "exercises",
        lambda done, nr: F.struct(
            F.when(nr == 0, F.lit(START)).otherwise(F.col("exercises")[nr - 1]).alias("after"),
            done.alias("exercise"),
        ),
    )
    steps = done.select("subject", F.explode(pairs).alias("step")).select("subject", "step.*")
    counts = steps.groupBy("subject", "after", "exercise").count()
    of_user = F.sum("count").over(Window.partitionBy("subject", "after"))
    shares = in_groups(counts.withColumn("share", F.col("count") / of_user), members)
    cells = shares.groupBy("cluster_id", "after", "exercise").agg(
        F.sum("share").alias("share"), F.count("*").alias("user_count")
    )
    # A user's shares after an exercise sum up to 1: together they count who ever went on after it.
    all_users = F.sum("share").over(Window.partitionBy("cluster_id", "after"))
    probability = F.round(F.col("share") / all_users, 6)
    return (
        cells.withColumn("probability", probability)
        .where(F.col("user_count") >= users_min)
        .select("cluster_id", "after", "exercise", "probability", "user_count")
    )


def usual_loads(sets: DataFrame, body_weights: DataFrame, members: DataFrame, users_min: int) -> DataFrame:
    """Rows of USUAL_LOAD; `body_weights` has `subject` and `body_weight_kg`.

    A figure that fewer than `users_min` users tell is null, an exercise that fewer did is left out.
    """
    in_order = Window.partitionBy("subject", "session_id").orderBy("start_at")
    rest_ms = F.col("start_at") - F.lag("end_at").over(in_order)
    timed = sets.withColumn("rest_s", F.when(rest_ms.between(0, REST_MS_MAX), rest_ms / 1000))
    own = timed.groupBy("subject", "exercise").agg(
        *(F.expr(f"percentile({name}, 0.5)").alias(name) for name in ("repetitions", "rest_s", "weight_kg"))
    )
    relative = own.join(body_weights, "subject", "left").withColumn(
        "relative", F.col("weight_kg") / F.col("body_weight_kg")
    )
    loads = (
        in_groups(relative, members)
        .groupBy("cluster_id", "exercise")
        .agg(
            F.count("*").alias("user_count"),
            *(_quantile(name, 0.5, name, users_min) for name in ("repetitions", "rest_s", "weight_kg")),
            _quantile("relative", 0.25, "relative_low", users_min),
            _quantile("relative", 0.5, "relative_middle", users_min),
            _quantile("relative", 0.75, "relative_high", users_min),
        )
    )
    return loads.where(F.col("user_count") >= users_min)


def body_weights(measurements: DataFrame, people: DataFrame) -> DataFrame:
    """The median `body_weight_kg` of each `subject`."""
    weighed = measurements.where(F.col("quantity") == "body_weight_kg").join(people, "user_id")
    return weighed.groupBy("subject").agg(F.expr("percentile(value, 0.5)").alias("body_weight_kg"))


def _quantile(name: str, share: float, alias: str, users_min: int) -> Any:
    value = F.round(F.expr(f"percentile({name}, {share})"), 3)
    return F.when(F.count(name) >= users_min, value).alias(alias)


def _priors(frames: Frames, parameters: Parameters) -> Mapping[Table[Any], DataFrame]:
    members, users_min = frames[CLUSTER_MEMBER], parameters.members_min
    people = counted(frames[PROFILE], parameters.pseudonym_key).persist()
    sets = sets_of(frames[LABEL], people).persist()
    weights = body_weights(frames[MEASUREMENT_BY_USER], people)
    return {
        NEXT_EXERCISE: next_exercises(sequences(sets), members, users_min),
        USUAL_LOAD: usual_loads(sets, weights, members, users_min),
    }


PRIORS = Job(
    name="priors",
    summary="what users of a group do next, and with which load",
    reads=(LABEL, PROFILE, MEASUREMENT_BY_USER, CLUSTER_MEMBER),
    writes=(NEXT_EXERCISE, USUAL_LOAD),
    function=_priors,
    is_of_groups=True,
)
