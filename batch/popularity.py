"""What is popular: exercises, kinds of sessions and what follows what within them; by number of users."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from pyspark.ml.fpm import PrefixSpan
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (Spark's own convention)

from batch.arrow import Row, map_rows
from batch.job import Frames, Job, Parameters
from batch.kinds import OTHER, popular_kinds, signatures, with_kind
from batch.people import counted, in_groups, ranked, sequences, sets_of
from persistence.learned_tables import CLUSTER_MEMBER, POPULAR_EXERCISE, POPULAR_SEQUENCE, POPULAR_SESSION
from persistence.profile_tables import PROFILE
from persistence.schema import Table
from persistence.tables import LABEL

FOLLOWED = ">"  # no identifier has it
SHARE_MIN = 0.02  # of the sequences that users have; rarer ones would be too many to look for
LENGTHS = (2, 5)  # of sequences that are published
SEQUENCES_MAX = 500
PUBLISHED_MAX = 500  # of each list and group


def popular_exercises(sets: DataFrame, members: DataFrame, users_min: int) -> DataFrame:
    """Rows of POPULAR_EXERCISE, the most users first; names that users made up are among them."""
    own = sets.groupBy("subject", "exercise").agg(F.countDistinct("session_id").alias("sessions"))
    return _by_users(in_groups(own, members), "exercise", users_min)


def popular_sessions(kinds_of_sessions: DataFrame, members: DataFrame, users_min: int) -> DataFrame:
    """Rows of POPULAR_SESSION, from `subject`, `session_id` and `kind` of each session."""
    known = kinds_of_sessions.where(F.col("kind") != OTHER)
    own = known.groupBy("subject", "kind").agg(F.count("*").alias("sessions"))
    return _by_users(in_groups(own, members), "kind", users_min)


def popular_sequences(done: DataFrame, members: DataFrame, users_min: int) -> DataFrame:
    """Rows of POPULAR_SEQUENCE, from `people.sequences`.

    PrefixSpan (Pei et al., Mining Sequential Patterns by Pattern-Growth, IEEE TKDE 16, 2004) finds what at
    least SHARE_MIN of all different sequences of users have; then users are counted.
    """
    own = done.select("subject", "exercises").distinct()
    patterns = _frequent(own.select("exercises"), users_min)
    texts = own.withColumn("done", F.concat_ws(FOLLOWED, "exercises"))
    found = map_rows(
        texts.select("done").distinct(),
        partial(_contained, patterns=patterns),
        "done string, exercises string",
    )
    has = texts.select("subject", "done").join(found, "done").select("subject", "exercises").distinct()
    counts = in_groups(has, members).groupBy("cluster_id", "exercises")
    many = counts.agg(F.count("*").alias("user_count")).where(F.col("user_count") >= users_min)
    lists = ranked(many, F.desc("user_count"), "exercises").where(F.col("rank") <= PUBLISHED_MAX)
    return lists.select("cluster_id", "rank", "exercises", "user_count")


def is_within(pattern: Sequence[str], done: Sequence[str]) -> bool:
    """Whether `done` has the exercises of `pattern` in this order, others perhaps between."""
    remaining = iter(done)
    return all(exercise in remaining for exercise in pattern)


def _by_users(own: DataFrame, what: str, users_min: int) -> DataFrame:
    """How many users and sessions there are, from rows of a user, a group and `what`."""
    counts = own.groupBy("cluster_id", what).agg(
        F.count("*").alias("user_count"), F.sum("sessions").alias("session_count")
    )
    many = counts.where(F.col("user_count") >= users_min)
    lists = ranked(many, F.desc("user_count"), F.desc("session_count"), what)
    return lists.where(F.col("rank") <= PUBLISHED_MAX)


def _frequent(own: DataFrame, users_min: int) -> list[tuple[str, ...]]:
    """At most SEQUENCES_MAX patterns, the most frequent first."""
    count = own.count()
    if count < users_min:
        return []
    shortest, longest = LENGTHS
    span = PrefixSpan(minSupport=max(SHARE_MIN, users_min / count), maxPatternLength=longest)
    as_items = own.select(F.expr("transform(exercises, each -> array(each))").alias("sequence"))
    frequent = span.findFrequentSequentialPatterns(as_items).where(F.size("sequence") >= shortest)
    flat = frequent.select(F.flatten("sequence").alias("pattern"), "freq")
    rows = flat.orderBy(F.desc("freq"), "pattern").limit(SEQUENCES_MAX).collect()
    return [tuple(row["pattern"]) for row in rows]


def _contained(rows: Iterable[Row], *, patterns: Sequence[tuple[str, ...]]) -> Iterator[Row]:
    for (text,) in rows:
        done = text.split(FOLLOWED)
        for pattern in patterns:
            if is_within(pattern, done):
                yield text, FOLLOWED.join(pattern)


def _popularity(frames: Frames, parameters: Parameters) -> Mapping[Table[Any], DataFrame]:
    members, users_min = frames[CLUSTER_MEMBER], parameters.members_min
    sets = sets_of(frames[LABEL], counted(frames[PROFILE], parameters.pseudonym_key)).persist()
    done = sequences(sets).persist()
    signed = signatures(done).drop("exercises")
    kinds = popular_kinds(signed, users_min)
    return {
        POPULAR_EXERCISE: popular_exercises(sets, members, users_min),
        POPULAR_SESSION: popular_sessions(with_kind(signed, kinds), members, users_min),
        POPULAR_SEQUENCE: popular_sequences(done, members, users_min),
    }


POPULARITY = Job(
    name="popularity",
    summary="the most popular exercises, sessions and sequences within them",
    reads=(LABEL, PROFILE, CLUSTER_MEMBER),
    writes=(POPULAR_EXERCISE, POPULAR_SESSION, POPULAR_SEQUENCE),
    function=_popularity,
    is_of_groups=True,
)
