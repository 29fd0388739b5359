"""A plan is followed as far as its user follows it, within what is wanted and what there is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coach.catalogue import meanings
from coach.habits import learned_all
from coach.suggestion import SETS_PLANNED_MAX, Situation, Suggestion, plan_session, suggest
from coach.week import plan_week
from domain.plans import PlannedExercise, PlanSession, TrainingPlan
from domain.sets import PastSet
from domain.training import Place, Training
from tests.coach.test_suggestion import trainings
from tests.coach.training import DAY_MS, MONDAY_MS, several, workout

LEGS = PlanSession(
    name="legs",
    exercises=(
        PlannedExercise(exercise="back-squat", set_count=3, repetitions=5, weight_kg=100.0, rest_s=180),
        PlannedExercise(exercise="leg-press", set_count=2, repetitions=10, weight_kg=150.0),
    ),
)
CHEST = PlanSession(
    name="chest",
    exercises=(
        PlannedExercise(exercise="bench-press", set_count=2, repetitions=8, share=0.75),
        PlannedExercise(exercise="dumbbell-curl", set_count=2, repetitions=12, weight_kg=11.0),
    ),
)
NOW_MS = MONDAY_MS + 28 * DAY_MS  # a Monday
HABIT = several([0, 7, 14, 21], *[("deadlift", 5, 120.0)] * 3)


def plan(*sessions: PlanSession, at_ms: int = MONDAY_MS + 22 * DAY_MS) -> TrainingPlan:
    """Made after the habit."""
    return TrainingPlan(at_ms=at_ms, author="anna", sessions=sessions)


def on(session: PlanSession, weekday: int) -> PlanSession:
    return PlanSession(name=session.name, exercises=session.exercises, weekday=weekday)


def situation(
    plan: TrainingPlan, history: list[PastSet] | None = None, training: Training | None = None, **more: Any
) -> Situation:
    fields = {"session": "now", "at_ms": NOW_MS} | more
    return Situation(
        habits=learned_all(history or []),
        history=history or [],
        training=training or Training(),
        plan=plan,
        **fields,
    )


def planned(*given_: Any, **more: Any) -> list[tuple[str, float | None, int]]:
    return [(e.exercise, e.weight_kg, e.repetitions) for e in plan_session(situation(*given_, **more))]


def advice(*given_: Any, **more: Any) -> Suggestion:
    found = suggest(situation(*given_, **more))
    assert found is not None
    return found


def test_a_planned_session_is_suggested_set_by_set_to_who_has_no_history_too() -> None:
    sets = [("back-squat", 100.0, 5)] * 3 + [("leg-press", 150.0, 10)] * 2
    assert planned(plan(LEGS)) == sets
    assert planned(plan(LEGS), HABIT) == sets
    found = advice(plan(LEGS), HABIT)
    assert (found.reason, found.rest_s) == ("legs; as planned by anna", 180)


def test_sessions_without_a_day_follow_each_other() -> None:
    both = plan(LEGS, CHEST)
    legs = workout(25, *[("back-squat", 5, 100.0)] * 3)
    assert planned(both)[0][0] == "back-squat"
    assert planned(both, [*HABIT, *legs])[0][0] == "bench-press"
    chest = workout(26, *[("bench-press", 8, 60.0)] * 2)
    assert planned(both, [*HABIT, *legs, *chest])[0][0] == "back-squat"


def test_days_are_those_of_the_users_clock() -> None:
    both = plan(on(LEGS, 0), on(CHEST, 1))
    assert planned(both)[0][0] == "back-squat"
    far_east = Training(utc_offset_min=10 * 60)  # 18:00 UTC is Tuesday there
    assert planned(both, training=far_east)[0][0] == "bench-press"
    days = plan_week(situation(both, training=far_east))
    assert [(day.at_ms + 36_000_000) // DAY_MS % 7 for day in days] == [4, 5], "Monday and Tuesday there"


def test_a_share_is_of_the_estimated_maximum() -> None:
    history = [*HABIT, *workout(25, ("bench-press", 1, 100.0))]
    found = advice(plan(CHEST), history)
    assert (found.exercise, found.weight_kg) == ("bench-press", 75.0)
    assert found.reason == "chest; as planned by anna: 75% of your estimated maximum of 100 kg"
    assert advice(plan(CHEST)).weight_kg is None, "nobody knows it"


def test_who_begins_another_session_of_the_plan_is_followed() -> None:
    begun = workout(28, ("bench-press", 8, 60.0))
    found = advice(plan(on(LEGS, 0), CHEST), begun, session="s28", at_ms=NOW_MS + 60_000)
    assert found.exercise == "bench-press"


def test_another_load_again_and_again_is_learned() -> None:
    """Not once: a bad day is none."""
    light = [("back-squat", 5, 80.0)] * 3
    older = plan(LEGS, at_ms=0)
    assert advice(older, several([21], *light)).weight_kg == 100.0
    found = advice(older, several([14, 21], *light))
    assert found.weight_kg == 80.0
    assert "planned" not in found.reason
    newer = plan(LEGS, at_ms=NOW_MS - DAY_MS)
    assert advice(newer, several([14, 21], *light)).weight_kg == 100.0, "a plan made since knows it"


def test_who_does_other_things_than_planned_is_suggested_these() -> None:
    assert advice(plan(LEGS), HABIT).exercise == "back-squat"
    many = several(range(0, 28, 2), *[("deadlift", 5, 120.0)] * 8)
    assert advice(plan(LEGS, at_ms=0), many).exercise == "deadlift"


def test_on_travel_body_weight_stands_in_and_the_session_ends() -> None:
    hotel = Training(place=Place(name="hotel", equipment=()))
    sets = plan_session(situation(plan(LEGS, CHEST), HABIT, hotel))
    names = list(dict.fromkeys(each.exercise for each in sets))
    assert "back-squat" not in names
    assert len(sets) == 5, "as many sets as planned"
    for each in sets:
        assert not meanings(each.exercise)[0].equipment
        assert each.weight_kg is None
    assert "instead of back-squat, which needs a" in sets[0].reason
    assert (sets[0].repetitions, sets[-1].repetitions) == (5, 10)


def test_a_set_that_falls_far_short_makes_a_planned_one_lighter() -> None:
    short = workout(28, ("back-squat", 2, 100.0))
    found = advice(plan(LEGS), short, session="s28", at_ms=NOW_MS + 60_000)
    assert found.weight_kg == 95.0


def test_without_sessions_there_is_no_plan() -> None:
    assert advice(plan(), HABIT).exercise == "deadlift"
    assert suggest(situation(plan())) is None


@given(trainings, st.lists(st.sampled_from(["back-squat", "push-up", "deadlift"]), max_size=8))
def test_a_plan_never_brings_what_is_excluded(training: Training, done: list[str]) -> None:
    history = workout(20, *((name, 5, 50.0) for name in done))
    sets = plan_session(situation(plan(LEGS, CHEST), history, training))
    assert len(sets) <= SETS_PLANNED_MAX
    for each in sets:
        assert each.exercise not in training.excluded_exercises
        trained = {muscle for meaning in meanings(each.exercise) for muscle in meaning.muscles}
        assert not trained & set(training.excluded_muscles)


@pytest.mark.parametrize("weekday", range(7))
def test_the_week_has_the_days_of_the_plan(weekday: int) -> None:
    (day,) = plan_week(situation(plan(on(CHEST, weekday)), HABIT))
    assert (day.at_ms // DAY_MS + 3) % 7 == weekday
    assert day.exercises == ("bench-press", "dumbbell-curl")
