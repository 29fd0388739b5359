"""How users' figures move over some weeks, and how often they do which kind of session meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 (Spark's own convention)

from batch.kinds import OTHER, signatures, with_kind
from batch.people import sequences

DAY_MS = 86_400_000
SPAN_WEEKS_MIN = 4  # between a user's first and last session
SESSIONS_MIN = 6
POINTS_MIN = 4  # figures beyond one per exercise, for a line through them
REPETITIONS_MAX = 12  # beyond, repetitions say little about strength

# Greater is better in all. Muscle is not measured: growing strength and body weight together stand for it.
OUTCOMES = ("strength", "volume", "muscle", "weight_loss", "calmer_heart")
# What moves faster in a week than this, per outcome, is a mistake in typing and counts as this much.
CHANGES_MAX = {"strength": 0.1, "volume": 0.3, "muscle": 0.1, "weight_loss": 0.03, "calmer_heart": 5.0}
ABOUT = ("age_years", "male_share", "body_mass_index", "resting_heart_rate", "experience")


def dose_columns(kinds: Sequence[str]) -> list[str]:
    """The columns of `progress` that say how often each of `kinds` is done, and last what is of none."""
    return [f"dose_{nr}" for nr in range(len(kinds) + 1)]


def progress(sets: DataFrame, people: DataFrame, members: DataFrame, kinds: Sequence[str]) -> DataFrame:
    """A row per user with enough sessions: `subject`, `dose_0`, `dose_1`, ... (sessions a week of each of
    `kinds`, and of none), OUTCOMES as changes a week, ABOUT, and `cluster_id`; null where unknown.

    `people` has what `clusters.features` gives, and the changes `weight_loss` and `calmer_heart`.
    """
    trained = sets.groupBy("subject", "session_id", "exercise").agg(
        F.min("start_at").alias("at"),
        F.avg(F.log(_one_repetition_maximum())).alias("strength"),
        F.log(F.sum(F.when(F.col("weight_kg") > 0, F.col("weight_kg") * F.col("repetitions")))).alias(
            "volume"
        ),
    )
    strength, volume = (changes(trained, "exercise", name) for name in ("strength", "volume"))
    outcomes = [_limited(name) for name in OUTCOMES]
    muscle = F.col("strength") - F.col("weight_loss")
    return (
        _doses(sets, kinds)
        .join(people, "subject")
        .join(strength, "subject", "left")
        .join(volume, "subject", "left")
        .withColumn("muscle", muscle)
        .join(members.select("subject", "cluster_id"), "subject", "left")
        .select(
            "subject",
            *dose_columns(kinds),
            *outcomes,
            *ABOUT,
            F.coalesce("cluster_id", F.lit("")).alias("cluster_id"),
        )
    )


def changes(points: DataFrame, group: str, name: str) -> DataFrame:
    """`subject` and how the values `name` of `points` move in a week, of each `group` around its own mean.

    The slope of one line through all groups, by least squares; of users with POINTS_MIN points beyond one per
    group. `at` is in ms.
    """
    week = (F.col("at") / (7 * DAY_MS)).alias("week")
    known = points.where(F.col(name).isNotNull()).select("subject", group, week, F.col(name).alias("value"))
    centred = known.groupBy("subject", group).agg(
        (F.covar_samp("week", "value") * (F.count("*") - 1)).alias("together"),
        (F.var_samp("week") * (F.count("*") - 1)).alias("spread"),
        (F.count("*") - 1).alias("points"),
    )
    summed = centred.where("points > 0").groupBy("subject").agg(*map(_sum, ("together", "spread", "points")))
    slope = F.round(F.col("together") / F.col("spread"), 9).alias(name)
    return summed.where((F.col("points") >= POINTS_MIN) & (F.col("spread") > 0)).select("subject", slope)


def body_changes(measurements: DataFrame, people: DataFrame) -> DataFrame:
    """`weight_loss`, in shares of the body weight, and `calmer_heart`, in beats per minute, a week."""
    points = measurements.join(people, "user_id").select(
        "subject",
        "quantity",
        F.col("measured_at").alias("at"),
        F.when(F.col("quantity") == "body_weight_kg", -F.log("value")).alias("weight_loss"),
        F.when(F.col("quantity") == "resting_heart_rate_per_minute", -F.col("value")).alias("calmer_heart"),
    )
    both = [changes(points, "quantity", name) for name in ("weight_loss", "calmer_heart")]
    return both[0].join(both[1], "subject", "full")


def _one_repetition_maximum() -> Column:
    """Weight * (1 + repetitions / 30): Epley, Poundage Chart, Boyd Epley Workout, 1985."""
    tells = (F.col("weight_kg") > 0) & F.col("repetitions").between(1, REPETITIONS_MAX)
    return F.when(tells, F.col("weight_kg") * (1 + F.col("repetitions") / 30))


def _doses(sets: DataFrame, kinds: Sequence[str]) -> DataFrame:
    """`subject` and doses of users who trained enough, and long enough."""
    named = with_kind(signatures(sequences(sets)).drop("exercises"), kinds)
    timed = sets.groupBy("subject", "session_id").agg(F.min("start_at").alias("at"))
    weeks = (F.max("at") - F.min("at")) / (7 * DAY_MS)
    own = named.join(timed, ["subject", "session_id"]).groupBy("subject")
    columns = dict(zip(dose_columns(kinds), (*kinds, OTHER), strict=True))
    counts = [F.sum((F.col("kind") == kind).cast("bigint")).alias(name) for name, kind in columns.items()]
    trained = own.agg(weeks.alias("weeks"), F.count("*").alias("sessions"), *counts)
    often = (F.col("sessions") >= SESSIONS_MIN) & (F.col("weeks") >= SPAN_WEEKS_MIN)
    doses = [F.round(F.col(name) / F.col("weeks"), 9).alias(name) for name in columns]
    return trained.where(often).select("subject", *doses)


def _limited(name: str) -> Column:
    most = CHANGES_MAX[name]
    within = F.greatest(F.lit(-most), F.least(F.lit(most), F.col(name)))
    return F.when(F.col(name).isNotNull(), within).alias(name)  # `least` and `greatest` pass null over


def _sum(name: str) -> Column:
    return F.sum(name).alias(name)
