"""What the night publishes is read once a run, apart from the actors, and reaches a newcomer's first plan."""

from __future__ import annotations

from pathlib import Path

from actors.groups import GroupShelf, GroupThread, groups_of
from coach.newcomers import NO_GROUPS
from domain.contributed import Contributed
from domain.identifiers import UserId
from domain.replies import SessionPlanned
from persistence.exercise_tables import CONTRIBUTED_EXERCISE
from persistence.exercises import ExerciseStore, contributed_row
from persistence.learned import LearnedStore
from persistence.learned_tables import (
    CLUSTER,
    EVERYONE,
    LEARNED_TABLES,
    NEXT_EXERCISE,
    POPULAR_SESSION,
    SESSION_EFFECT,
    USUAL_LOAD,
    ClusterRow,
    NextExerciseRow,
    PopularSessionRow,
    SessionEffectRow,
    UsualLoadRow,
)
from persistence.ports import Insert, Store
from persistence.sqlite import SqliteStore
from tests.actors.helpers import eventually
from tests.actors.test_coaching import Lifter
from tests.actors.test_user_entity import of
from tests.persistence.test_runs import begin, finish


def night(store: Store, holder: str, weight_kg: float = 61.0) -> None:
    run = begin(store, holder, tables=tuple(table.name for table in LEARNED_TABLES), cut=None)
    nr = run.number
    kind = "back-squat+bench-press"
    store.write(
        [
            Insert(CLUSTER, ClusterRow(nr, "c", 30, 40.0, 0.5, 180.0, 81.0, 60.0, 1.0)),
            Insert(POPULAR_SESSION, PopularSessionRow(nr, EVERYONE, 1, kind, 20, 30)),
            Insert(POPULAR_SESSION, PopularSessionRow(nr, EVERYONE, 2, "back-squat+tire-flip", 20, 30)),
            Insert(POPULAR_SESSION, PopularSessionRow(nr, "c", 1, kind, 20, 30)),
            Insert(SESSION_EFFECT, SessionEffectRow(nr, "strength", kind, 30, 0.1, 0.05, 0.2, "better")),
            Insert(SESSION_EFFECT, SessionEffectRow(nr, "volume", kind, 30, 0.1, -0.1, 0.2, "unclear")),
            Insert(NEXT_EXERCISE, NextExerciseRow(nr, EVERYONE, "", "bench-press", 0.7, 40)),
            Insert(NEXT_EXERCISE, NextExerciseRow(nr, EVERYONE, "bench-press", "tire-flip", 0.6, 30)),
            Insert(NEXT_EXERCISE, NextExerciseRow(nr, EVERYONE, "bench-press", "back-squat", 0.3, 30)),
            Insert(
                USUAL_LOAD,
                UsualLoadRow(nr, EVERYONE, "bench-press", 20, 9.0, 60.0, weight_kg, 0.4, 0.5, 0.6),
            ),
        ]
    )
    finish(store, run)


def test_what_is_published_is_what_the_coach_knows_without_names_that_users_made_up(
    tmp_path: Path,
) -> None:
    store = SqliteStore(tmp_path)
    night(store, "first")
    groups = groups_of(LearnedStore(store))
    assert groups.everyone is not None
    (kind,) = groups.everyone.kinds
    assert (kind.exercises, kind.goes_with) == (("back-squat", "bench-press"), frozenset({"strength"}))
    assert groups.everyone.following == {"": {"bench-press": 0.7}, "bench-press": {"back-squat": 0.3}}
    assert groups.everyone.loads["bench-press"].shares == (0.4, 0.5, 0.6)
    ((centre, cluster),) = groups.clusters
    assert (centre.body_mass_index, cluster.is_everyone) == (25.0, False)
    store.close()


def test_it_is_read_again_only_once_another_run_is_served(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    shelf = GroupShelf(LearnedStore(store), ExerciseStore(store))
    shelf.refresh()
    assert shelf.groups == NO_GROUPS, "before the first night"
    night(store, "first")
    shelf.refresh()
    first = shelf.groups
    shelf.refresh()
    assert shelf.groups is first
    thread = GroupThread(shelf, seconds=0.01)
    thread.start()
    night(store, "second", weight_kg=30.0)
    eventually(lambda: shelf.groups is not first, "the thread reads what is new")
    thread.stop(10.0)
    assert not thread.is_alive()
    store.close()


def test_what_a_reviewer_accepted_is_known_to_everyone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    night(store, "first")
    exercises = ExerciseStore(store)
    shelf = GroupShelf(LearnedStore(store), exercises)
    shelf.refresh()
    assert shelf.groups.accepted == {}
    flip = Contributed(name="tire-flip", at_ms=1, primary=("back",), movement="hinge")
    store.write([Insert(CONTRIBUTED_EXERCISE, contributed_row(UserId("ada"), flip))])
    exercises.accept(UserId("ada"), "tire-flip", by="rita", now_ms=2)
    shelf.refresh()
    assert set(shelf.groups.accepted) == {"tire-flip"}
    assert shelf.groups.everyone is not None
    assert [kind.exercises for kind in shelf.groups.everyone.kinds][1] == ("back-squat", "tire-flip")
    store.close()


def test_a_newcomers_first_session_is_planned_as_people_begin(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    night(store, "first")
    shelf = GroupShelf(LearnedStore(store), ExerciseStore(store))
    shelf.refresh()
    lifter = Lifter(store, shelf)
    (plan,) = of(SessionPlanned, lifter.open("first", 0))
    assert [each.exercise for each in plan.sets] == ["bench-press"] * 3 + ["back-squat"] * 3
    assert (plan.sets[0].weight_kg, plan.sets[0].repetitions) == (60.0, 9)
    store.close()
