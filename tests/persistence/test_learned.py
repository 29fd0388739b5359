"""What the night learned is read of the run that is served, group by group."""

from __future__ import annotations

from domain.identifiers import UserId
from persistence.learned import LearnedStore, cluster_finder
from persistence.learned_tables import (
    CLUSTER,
    CLUSTER_MEMBER,
    EVERYONE,
    LEARNED_TABLES,
    NEXT_EXERCISE,
    POPULAR_EXERCISE,
    POPULAR_SEQUENCE,
    POPULAR_SESSION,
    SESSION_EFFECT,
    USUAL_LOAD,
    ClusterMemberRow,
    ClusterRow,
    NextExerciseRow,
    PopularExerciseRow,
    PopularSequenceRow,
    PopularSessionRow,
    SessionEffectRow,
    UsualLoadRow,
)
from persistence.ports import Insert, Store
from persistence.runs import result_partition
from tests.persistence.test_runs import begin, finish


def night(store: Store, holder: str, cluster: str) -> None:
    run = begin(store, holder, tables=tuple(table.name for table in LEARNED_TABLES), cut=None)
    nr = run.number
    store.write(
        [
            Insert(CLUSTER, ClusterRow(nr, cluster, 30, 40.0, 0.5, None, 80.0, None, 1.0)),
            *(
                Insert(CLUSTER_MEMBER, ClusterMemberRow(*result_partition(nr, s), s, cluster))
                for s in ("p1", "p2")
            ),
            Insert(POPULAR_EXERCISE, PopularExerciseRow(nr, EVERYONE, 2, "row", 30, 60)),
            Insert(POPULAR_EXERCISE, PopularExerciseRow(nr, EVERYONE, 1, "squat", 40, 60)),
            Insert(POPULAR_EXERCISE, PopularExerciseRow(nr, cluster, 1, "row", 20, 30)),
            Insert(POPULAR_SESSION, PopularSessionRow(nr, cluster, 1, "row+squat", 20, 30)),
            Insert(POPULAR_SEQUENCE, PopularSequenceRow(nr, cluster, 1, "row>squat", 20)),
            Insert(SESSION_EFFECT, SessionEffectRow(nr, "strength", "a+b", 30, 0.01, 0.001, 0.02, "better")),
            Insert(SESSION_EFFECT, SessionEffectRow(nr, "strength", "c+d", 30, 0.02, -0.1, 0.2, "unclear")),
            Insert(SESSION_EFFECT, SessionEffectRow(nr, "volume", "a+b", 30, -0.1, -0.2, -0.01, "worse")),
            Insert(NEXT_EXERCISE, NextExerciseRow(nr, EVERYONE, "", "squat", 0.7, 40)),
            Insert(NEXT_EXERCISE, NextExerciseRow(nr, EVERYONE, "squat", "row", 0.6, 30)),
            Insert(NEXT_EXERCISE, NextExerciseRow(nr, EVERYONE, "squat", "press", 0.3, 25)),
            Insert(USUAL_LOAD, UsualLoadRow(nr, cluster, "row", 20, 10.0, 60.0, 40.0, 0.4, 0.5, 0.6)),
        ]
    )
    finish(store, run)


def test_before_the_first_night_everything_is_empty(store: Store) -> None:
    learned = LearnedStore(store)
    assert learned.clusters() == learned.popular_exercises() == learned.effective_sessions("strength") == []
    assert learned.cluster_of("p1") is None
    assert learned.next_exercises("squat") == {}
    assert learned.usual_load("row") is None


def test_everything_is_of_the_newest_night_that_ended(store: Store) -> None:
    night(store, "a", "old")
    night(store, "b", "new")
    begin(store, "c", tables=tuple(table.name for table in LEARNED_TABLES), cut=None)
    learned = LearnedStore(store)
    assert [row.cluster_id for row in learned.clusters()] == ["new"]
    assert (learned.cluster_of("p2"), learned.cluster_of("p")) == ("new", None)
    assert learned.members() == {"p1": "new", "p2": "new"}
    key = b"of the test"
    assert cluster_finder(store, key)(UserId("anybody")) is None
    assert [row.exercise for row in learned.popular_exercises()] == ["squat", "row"]
    assert [row.exercise for row in learned.popular_exercises("new")] == ["row"]
    assert [row.kind for row in learned.popular_sessions("new")] == ["row+squat"]
    assert [row.exercises for row in learned.popular_sequences("new")] == ["row>squat"]
    assert learned.popular_sessions() == learned.popular_exercises("old") == []


def test_only_what_is_surely_better_is_effective(store: Store) -> None:
    night(store, "a", "c")
    learned = LearnedStore(store)
    assert [row.kind for row in learned.session_effects("strength")] == ["c+d", "a+b"]
    assert [row.kind for row in learned.effective_sessions("strength")] == ["a+b"]
    assert learned.effective_sessions("volume") == []


def test_habits_of_a_group(store: Store) -> None:
    night(store, "a", "c")
    learned = LearnedStore(store)
    assert learned.next_exercises("") == {"squat": 0.7}
    assert learned.next_exercises("squat") == {"row": 0.6, "press": 0.3}
    load = learned.usual_load("row", "c")
    assert load is not None
    assert load.weight_kg == 40.0
    assert learned.usual_load("row") is None
