"""Tables of what the night learns about users, none of it about fewer of them than a minimum.

`run_nr` is the batch run that computed a row. A `cluster_id` of EVERYONE is all users together.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from persistence.schema import MAIN, Table

EVERYONE = "everyone"
MEMBERS_MIN = 20  # users of a group of which something is published, unless an operator says otherwise


class ClusterRow(NamedTuple):
    run_nr: int
    cluster_id: str
    user_count: int
    age_years: float | None
    male_share: float | None
    height_cm: float | None
    weight_kg: float | None
    resting_heart_rate: float | None
    experience: float | None
    strength_goal_share: float | None = None  # since schema 6
    weight_loss_goal_share: float | None = None


CLUSTER = Table(
    name="cluster",
    keyspace=MAIN,
    row=ClusterRow,
    partition=("run_nr",),
    clustering=("cluster_id",),
    comment="Groups of users by profile: means of what is known; experience from 0, novice, to 2, advanced",
)


class ClusterMemberRow(NamedTuple):
    run_nr: int
    bucket_nr: int
    subject: str
    cluster_id: str


CLUSTER_MEMBER = Table(
    name="cluster_member",
    keyspace=MAIN,
    row=ClusterMemberRow,
    partition=("run_nr", "bucket_nr"),
    clustering=("subject",),
    comment="Which cluster a user belongs to, under the pseudonym that windows have",
)


class PopularExerciseRow(NamedTuple):
    run_nr: int
    cluster_id: str
    rank: int
    exercise: str
    user_count: int
    session_count: int


POPULAR_EXERCISE = Table(
    name="popular_exercise",
    keyspace=MAIN,
    row=PopularExerciseRow,
    partition=("run_nr",),
    clustering=("cluster_id", "rank"),
    comment="Exercises by how many users did them, also those whose name the catalogue does not have",
)


class PopularSessionRow(NamedTuple):
    run_nr: int
    cluster_id: str
    rank: int
    kind: str
    user_count: int
    session_count: int


POPULAR_SESSION = Table(
    name="popular_session",
    keyspace=MAIN,
    row=PopularSessionRow,
    partition=("run_nr",),
    clustering=("cluster_id", "rank"),
    comment="Kinds of sessions by how many users did them; kind names the exercises, joined by +",
)


class PopularSequenceRow(NamedTuple):
    run_nr: int
    cluster_id: str
    rank: int
    exercises: str
    user_count: int


POPULAR_SEQUENCE = Table(
    name="popular_sequence",
    keyspace=MAIN,
    row=PopularSequenceRow,
    partition=("run_nr",),
    clustering=("cluster_id", "rank"),
    comment="Exercises that follow each other within sessions, others perhaps between; joined by >",
)


class SessionEffectRow(NamedTuple):
    run_nr: int
    outcome: str
    kind: str
    user_count: int
    effect: float
    lower: float
    upper: float
    verdict: str


SESSION_EFFECT = Table(
    name="session_effect",
    keyspace=MAIN,
    row=SessionEffectRow,
    partition=("run_nr",),
    clustering=("outcome", "kind"),
    comment="What goes with one more session of a kind a week in place of an average one, in four weeks,"
    " adjusted and shrunk, with 95 % intervals; never a cause; verdict is better, worse or unclear",
)


class NextExerciseRow(NamedTuple):
    run_nr: int
    cluster_id: str
    after: str
    exercise: str
    probability: float
    user_count: int


NEXT_EXERCISE = Table(
    name="next_exercise",
    keyspace=MAIN,
    row=NextExerciseRow,
    partition=("run_nr",),
    clustering=("cluster_id", "after", "exercise"),
    comment="How probably users go on with an exercise after another; after is empty at a session's start",
)


class UsualLoadRow(NamedTuple):
    run_nr: int
    cluster_id: str
    exercise: str
    user_count: int
    repetitions: float | None
    rest_s: float | None
    weight_kg: float | None
    relative_low: float | None
    relative_middle: float | None
    relative_high: float | None


USUAL_LOAD = Table(
    name="usual_load",
    keyspace=MAIN,
    row=UsualLoadRow,
    partition=("run_nr",),
    clustering=("cluster_id", "exercise"),
    comment="Medians of users' medians; relative_* are quartiles of the weight as a share of the body's",
)

LEARNED_TABLES: tuple[Table[Any], ...] = (
    CLUSTER,
    CLUSTER_MEMBER,
    POPULAR_EXERCISE,
    POPULAR_SESSION,
    POPULAR_SEQUENCE,
    SESSION_EFFECT,
    NEXT_EXERCISE,
    USUAL_LOAD,
)
