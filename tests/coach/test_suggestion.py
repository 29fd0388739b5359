"""Suggestions follow habits and goals, say why, and never break what the user or the place forbids."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coach.catalogue import catalogue, meanings
from coach.choice import is_allowed
from coach.habits import learned_all
from coach.loading import loads_kg
from coach.suggestion import (
    SETS_PLANNED_MAX,
    Situation,
    Suggestion,
    expected_exercises,
    plan_session,
    suggest,
)
from domain.commands import WEIGHT_KG_MAX
from domain.sets import HISTORY_MAX, PastSet
from domain.training import EQUIPMENT, MUSCLES, Goal, Place, Training
from domain.user import Declined
from tests.coach.training import DAY_MS, MONDAY_MS, done, histories, several, workout

NAMES = [
    "back-squat",
    "bench-press",
    "dumbbell-curl",
    "seated-cable-row",
    "push-up",
    "squat",
    "no-such-thing",
]
NOW_MS = MONDAY_MS + 9 * DAY_MS
ANYTHING = Training()
CELLAR = Place(
    name="cellar",
    equipment=("barbell", "rack", "bench", "dumbbell"),
    bar_kg=15.0,
    plates_kg=(10.0, 5.0, 1.25),
    dumbbells_kg=(6.0, 9.0),
)
trainings = st.builds(
    Training,
    goal=st.none() | st.sampled_from(get_args(Goal)),
    excluded_exercises=st.lists(st.sampled_from([*NAMES, *catalogue()]), max_size=4).map(tuple),
    excluded_muscles=st.lists(st.sampled_from(sorted(MUSCLES)), max_size=3).map(tuple),
    place=st.none()
    | st.builds(
        Place,
        name=st.sampled_from(["home", "gym"]),
        equipment=st.none() | st.lists(st.sampled_from(sorted(EQUIPMENT)), max_size=6).map(tuple),
        plates_kg=st.lists(st.sampled_from([1.25, 2.5, 5.0, 10.0, 20.0]), max_size=6).map(tuple),
        dumbbells_kg=st.lists(st.floats(1, 50), max_size=6).map(tuple),
        stacks_kg=st.lists(st.floats(1, 200), max_size=6).map(tuple),
    ),
    utc_offset_min=st.integers(-900, 900),
)


def situation(
    history: list[PastSet],
    training: Training = ANYTHING,
    *,
    session: str = "now",
    at_ms: int = NOW_MS,
    refused: tuple[str, ...] = (),
    declined: tuple[Declined, ...] = (),
) -> Situation:
    return Situation(
        habits=learned_all(history),
        history=history,
        training=training,
        session=session,
        at_ms=at_ms,
        refused=refused,
        declined=declined,
    )


def advice(history: list[PastSet], training: Training = ANYTHING, **named: object) -> Suggestion:
    found = suggest(situation(history, training, **named))  # type: ignore[arg-type]
    assert found is not None
    return found


def test_without_history_and_goal_there_is_no_advice() -> None:
    assert suggest(situation([])) is None
    assert plan_session(situation([])) == ()
    assert expected_exercises(situation([])) == {}


def test_it_says_on_which_day_it_was_done_and_why_the_weight_goes_up() -> None:
    history = workout(1, *[("back-squat", 12, 60.0)] * 3)
    found = advice(history)
    assert (found.exercise, found.weight_kg, found.repetitions) == ("back-squat", 62.5, 10)
    assert found.reason == "as on Tuesday; 2.5 kg more since you did 12, 12, 12"


def test_the_weight_stays_until_every_set_was_mastered() -> None:
    history = workout(1, ("back-squat", 12, 60.0), ("back-squat", 12, 60.0), ("back-squat", 9, 60.0))
    assert advice(history).weight_kg == 60.0
    assert "12, 12, 9" in advice(history).reason


def test_warm_up_sets_neither_count_nor_progress() -> None:
    ramp = (("back-squat", 15, 20.0), ("back-squat", 12, 60.0), ("back-squat", 12, 60.0))
    history = several([1, 4], *ramp)
    assert advice(history).weight_kg == 20.0
    begun = [*history, *workout(9, *ramp[:1])]
    assert advice(begun, session="s9", at_ms=NOW_MS + 120_000).weight_kg == 62.5


@pytest.mark.parametrize(
    ("goal", "counts", "weight_kg", "repetitions"),
    [
        ("strength", (6, 6, 6), 102.5, 3),
        ("strength", (5, 5, 4), 100.0, 6),
        ("strength", (12, 12, 12), 127.5, 3),
        ("muscle", (12, 12, 12), 102.5, 8),
        ("endurance", (12, 11, 10), 92.5, 15),
        ("rehabilitation", (15, 15, 15), 102.5, 10),
        ("rehabilitation", (30, 30, 30), 100.0, 15),
    ],
)
def test_the_goal_decides_repetitions_and_load(
    goal: Goal, counts: tuple[int, ...], weight_kg: float, repetitions: int
) -> None:
    found = advice(workout(1, *[("back-squat", count, 100.0) for count in counts]), Training(goal=goal))
    assert (found.weight_kg, found.repetitions) == (weight_kg, repetitions)


def test_after_two_failed_workouts_it_gets_lighter() -> None:
    failed = [("bench-press", 6, 80.0)] * 3
    assert advice(several([1], *failed), Training(goal="muscle")).weight_kg == 80.0
    found = advice(several([1, 4], *failed), Training(goal="muscle"))
    assert (found.weight_kg, found.repetitions) == (70.0, 8)
    assert "lighter after two workouts" in found.reason


def test_a_set_that_falls_far_short_is_followed_by_a_lighter_one() -> None:
    history = several([1, 4], *[("bench-press", 10, 80.0)] * 3)
    history += workout(9, ("bench-press", 3, 80.0))
    found = advice(history, Training(goal="muscle"), session="s9", at_ms=NOW_MS + 60_000)
    assert found.weight_kg == 75.0
    assert "since you did 3" in found.reason


def test_loads_are_those_of_the_place() -> None:
    history = workout(1, *[("bench-press", 12, 50.0)] * 3)
    found = advice(history, Training(place=CELLAR))
    assert found.weight_kg == 45.0 + 2.5, "15 and two each of 10, 5 and 1.25 kg are the most there is"
    curls = workout(1, *[("dumbbell-curl", 12, 6.0)] * 3)
    assert advice(curls, Training(place=CELLAR)).weight_kg == 9.0


def test_where_the_equipment_is_missing_something_alike_is_suggested() -> None:
    history = several([1, 4], *[("bench-press", 10, 80.0)] * 3)
    found = advice(history, Training(place=Place(name="hotel", equipment=())))
    assert found.exercise == "push-up"
    assert found.weight_kg is None
    assert "instead of bench-press, which needs a" in found.reason


def test_what_was_refused_is_not_suggested_today_and_less_in_the_next_weeks() -> None:
    history = workout(0, ("bench-press", 5, 60.0)) + several([1, 2, 4], ("back-squat", 5, 80.0))
    assert advice(history).exercise == "back-squat"
    assert advice(history, refused=("back-squat",)).exercise == "bench-press"
    declined = tuple(
        Declined(exercise="back-squat", at_ms=NOW_MS - DAY_MS, answer="refused") for _ in range(6)
    )
    assert advice(history, declined=declined).exercise == "bench-press"
    assert advice(history, declined=declined, at_ms=NOW_MS + 60 * DAY_MS).exercise == "back-squat"


def test_who_changes_the_weight_again_and_again_is_given_the_usual_one() -> None:
    history = several([1, 4], *[("back-squat", 12, 60.0)] * 3)
    assert advice(history).weight_kg == 62.5
    changed = Declined(exercise="back-squat", at_ms=NOW_MS - DAY_MS, answer="changed")
    assert advice(history, declined=(changed,) * 3).weight_kg == 60.0
    assert advice(history, declined=(changed,) * 3, at_ms=NOW_MS + 60 * DAY_MS).weight_kg == 62.5


def test_muscles_that_were_trained_yesterday_wait() -> None:
    history = several([0, 2, 4], *[("back-squat", 5, 80.0)] * 3) + several(
        [1, 3], *[("pull-up", 8, None)] * 3
    )
    fresh, tired = NOW_MS, MONDAY_MS + 5 * DAY_MS
    assert advice(history, at_ms=fresh).exercise in {"back-squat", "pull-up"}
    more = [*history, *workout(5, *[("back-squat", 5, 80.0)] * 3)]
    assert advice(more, at_ms=tired + 6 * 3_600_000).exercise == "pull-up"


def test_who_is_new_and_has_a_goal_begins_with_the_whole_body() -> None:
    planned = plan_session(situation([], Training(goal="muscle")))
    movements = [catalogue()[each.exercise].movement for each in planned]
    assert list(dict.fromkeys(movements)) == ["squat", "push", "hinge", "core"], "no pull without equipment"
    assert len(planned) == 4 * 3
    assert {each.weight_kg for each in planned} == {None}
    gym = plan_session(situation([], Training(goal="muscle", place=Place(name="gym"))))
    assert "pull" in {catalogue()[each.exercise].movement for each in gym}


def test_the_whole_session_is_planned_as_it_is_usually_done() -> None:
    usual = (
        (("back-squat", 5, 80.0),) * 3 + (("bench-press", 5, 60.0),) * 3 + (("dumbbell-curl", 10, 12.0),) * 2
    )
    planned = plan_session(situation(several([0, 2, 4, 7], *usual)))
    assert [each.exercise for each in planned] == [name for name, _, _ in usual]
    assert [each.weight_kg for each in planned] == [kg for _, _, kg in usual]


@given(histories(NAMES), trainings, st.lists(st.sampled_from(NAMES), max_size=3).map(tuple))
def test_nothing_excluded_is_ever_suggested(
    history: list[PastSet], training: Training, refused: tuple[str, ...]
) -> None:
    given_ = situation(history, training, refused=refused)
    found = suggest(given_)
    for each in [*plan_session(given_), *([found] if found else [])]:
        assert each.exercise not in training.excluded_exercises
        assert each.exercise not in refused
        trained = {muscle for meaning in meanings(each.exercise) for muscle in meaning.muscles}
        assert not trained & set(training.excluded_muscles)
        assert trained or not training.excluded_muscles


@given(histories(NAMES), trainings)
def test_what_is_suggested_can_be_done_there(history: list[PastSet], training: Training) -> None:
    planned = plan_session(situation(history, training))
    assert len(planned) <= SETS_PLANNED_MAX
    for each in planned:
        assert each.reason
        assert each.repetitions >= 1
        assert each.rest_s >= 0
        assert each.weight_kg is None or 0 <= each.weight_kg <= WEIGHT_KG_MAX
        loads = loads_kg(each.exercise, training.place)
        assert each.weight_kg is None or not loads or each.weight_kg in loads
        if training.place is not None and training.place.equipment is not None and meanings(each.exercise):
            there = set(training.place.equipment)
            assert any(meaning.equipment <= there for meaning in meanings(each.exercise))


def test_an_injury_excludes_an_exercise_by_all_its_names() -> None:
    assert not is_allowed("squat", Training(excluded_exercises=("back-squat",)))
    assert not is_allowed("back-squat", Training(excluded_exercises=("squat",)))
    assert is_allowed("bench-press", Training(excluded_exercises=("squat",)))
    assert not is_allowed("no-such-thing", Training(excluded_muscles=("back",)))


def test_a_full_history_is_enough_to_advise_from() -> None:
    names = ["squat", "press", "curl", "row"]
    history = [
        done(names[nr % 4], f"s{nr // 8}", at_ms=MONDAY_MS + nr // 8 * DAY_MS + nr % 8 * 90_000)
        for nr in range(HISTORY_MAX)
    ]
    last = history[-2]
    trimmed = history[:-2]
    assert advice(trimmed, session=last.session, at_ms=last.start_ms).exercise == "curl"
