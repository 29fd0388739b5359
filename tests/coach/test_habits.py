"""Habits are learned: what follows what, how often, on which day; how much; and all of it stays small."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coach.habits import STATE_BYTES_MAX, Habits, begun, following, learned, learned_all, usual_load
from coach.habits.state import EXERCISES_MAX
from domain.sets import HISTORY_MAX, PastSet
from tests.coach.training import DAY_MS, MONDAY_MS, done, histories, several, workout

PUSH = (("press", 8, 40.0), ("press", 8, 40.0), ("press", 8, 40.0), ("dip", 10, None), ("dip", 10, None))
PULL = (("row", 8, 50.0), ("row", 8, 50.0), ("curl", 12, 12.5), ("curl", 12, 12.5))
NAMES = ["squat", "press", "curl", "row", "dip"]


def next_of(habits: Habits) -> str:
    exercises = following(habits).exercises
    return max(exercises, key=lambda name: exercises[name])


def after(history: list[PastSet], *sets: tuple[str, int | None, float | None], day: int = 20) -> Habits:
    return learned_all([*history, *workout(day, *sets)])


def test_nothing_is_expected_without_history() -> None:
    assert following(Habits()).exercises == {}
    assert following(Habits()).end == 1.0
    assert usual_load(Habits(), "squat") is None


def test_an_exercise_ends_after_its_usual_sets() -> None:
    history = several([0, 2, 4], *PUSH)
    assert next_of(after(history, *PUSH[:1])) == "press"
    assert next_of(after(history, *PUSH[:2])) == "press"
    assert next_of(after(history, *PUSH[:3])) == "dip"
    assert following(after(history, *PUSH)).end > 0.5


def test_a_superset_alternates() -> None:
    pair = (("press", 8, 40.0), ("row", 8, 50.0))
    history = several([0, 2, 4], *pair, *pair, *pair, ("curl", 12, 10.0))
    assert next_of(after(history, *pair, pair[0])) == "row"
    assert next_of(after(history, *pair)) == "press"
    assert next_of(after(history, *pair, *pair, *pair)) == "curl"


def test_a_session_begins_as_on_that_weekday() -> None:
    history = several([0, 7, 14], *PUSH) + several([3, 10, 17], *PULL)
    habits = learned_all(history)
    assert next_of(begun(habits, "new", MONDAY_MS + 21 * DAY_MS)) == "press"
    assert next_of(begun(habits, "new", MONDAY_MS + 24 * DAY_MS)) == "row"


def test_a_split_turns_when_the_weekdays_do_not_tell() -> None:
    days = [0, 3, 5, 9, 10, 15, 18, 20]
    history = [past for nr, day in enumerate(days) for past in workout(day, *(PULL if nr % 2 else PUSH))]
    habits = learned_all(history)
    assert next_of(begun(habits, "new", MONDAY_MS + 25 * DAY_MS)) == "press"
    habits = learned_all([*history, *workout(25, *PUSH)])
    assert next_of(begun(habits, "newer", MONDAY_MS + 27 * DAY_MS)) == "row"


def test_a_place_has_its_own_beginning() -> None:
    home, gym = (("push-up", 15, None),), (("squat", 5, 80.0),)
    history = [
        past
        for day in range(0, 20, 2)
        for past in workout(day, *(gym if day % 4 else home), place="gym" if day % 4 else "home")
    ]
    habits = learned_all(history)
    assert next_of(begun(habits, "new", MONDAY_MS + 23 * DAY_MS, place="home")) == "push-up"
    assert next_of(begun(habits, "new", MONDAY_MS + 23 * DAY_MS, place="gym")) == "squat"


def test_old_habits_fade() -> None:
    history = several(range(10), ("squat", 5, 80.0), ("press", 8, 40.0))
    history += several(range(10, 15), ("squat", 5, 80.0), ("curl", 10, 12.5))
    assert next_of(after(history, ("squat", 5, 80.0))) == "curl"


def test_time_of_day_is_the_users() -> None:
    """At 23:00 UTC of a Monday it is Tuesday in Berlin."""
    late = begun(Habits(), "s", MONDAY_MS + 5 * 3_600_000, offset_min=0)
    there = begun(Habits(), "s", MONDAY_MS + 5 * 3_600_000, offset_min=60)
    assert (late.place.weekday, late.place.quarter) == (0, 3)
    assert (there.place.weekday, there.place.quarter) == (1, 0)


def test_a_ramp_is_expected_step_by_step() -> None:
    ramp = (("squat", 10, 40.0), ("squat", 8, 60.0), ("squat", 5, 80.0))
    history = several([0, 3, 6], *ramp)
    for number in range(3):
        habits = begun(learned_all(history), "s20", MONDAY_MS + 20 * DAY_MS)
        for past in workout(20, *ramp[:number]):
            habits = learned(habits, past)
        usual = usual_load(habits, "squat")
        assert usual is not None
        assert (usual.weight_kg, usual.repetitions) == (ramp[number][2], ramp[number][1])


def test_who_adds_weight_each_time_is_followed() -> None:
    history = [
        past for nr, day in enumerate(range(0, 30, 3)) for past in workout(day, ("squat", 5, 60 + 5.0 * nr))
    ]
    usual = usual_load(begun(learned_all(history), "new", MONDAY_MS + 31 * DAY_MS), "squat")
    assert usual is not None
    assert usual.weight_kg == 60 + 5.0 * 10
    assert "step" in usual.because


def test_rest_is_what_was_rested() -> None:
    usual = usual_load(after(several([0, 3, 6], *PUSH), *PUSH[:2]), "press")
    assert usual is not None
    assert usual.rest_s == 90


def test_unknown_loads_are_not_invented() -> None:
    usual = usual_load(learned_all(workout(0, ("plank", None, None))), "plank")
    assert usual is not None
    assert (usual.weight_kg, usual.repetitions) == (None, None)


@given(histories(NAMES))
def test_probabilities_are_of_known_exercises_and_sum_to_one(history: list[PastSet]) -> None:
    found = following(learned_all(history))
    assert set(found.exercises) == {past.exercise for past in history}
    assert all(0 < probability <= 1 for probability in found.exercises.values())
    assert sum(found.exercises.values()) == pytest.approx(1 if history else 0)
    assert 0 <= found.end <= 1


@given(histories(NAMES), st.sampled_from(NAMES))
def test_loads_are_within_reason(history: list[PastSet], name: str) -> None:
    usual = usual_load(learned_all(history), name)
    assert (usual is None) == (name not in {past.exercise for past in history})
    if usual is not None:
        assert usual.weight_kg is None or usual.weight_kg >= 0
        assert usual.repetitions is None or usual.repetitions >= 1
        assert usual.rest_s is None or usual.rest_s >= 0


@given(histories(NAMES), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(history: list[PastSet], rng: random.Random) -> None:
    shuffled = list(history)
    rng.shuffle(shuffled)
    assert learned_all(shuffled) == learned_all(history)


@given(histories(NAMES))
def test_learning_changes_no_older_state_and_survives_its_codec(history: list[PastSet]) -> None:
    habits = Habits()
    for past in history:
        before = habits.packed()
        changed = learned(habits, past)
        assert habits.packed() == before
        assert Habits.unpacked(changed.packed()) == changed
        habits = changed


@pytest.mark.parametrize("exercise_count", [EXERCISES_MAX, 3 * EXERCISES_MAX])
@pytest.mark.parametrize("seed", range(3))
def test_the_state_stays_small(seed: int, exercise_count: int) -> None:
    """Long names, heavy weights, many repetitions, no order at all, for years."""
    rng, habits = random.Random(seed), Habits()
    for number in range(6 * HISTORY_MAX):
        name = f"{'x' * 60}{rng.randrange(exercise_count)}"
        day = number // 30
        at_ms = MONDAY_MS + day * DAY_MS + number % 30 * 600_000 + rng.randrange(500_000)
        past = done(name, f"s{day}", rng.randrange(10_001), rng.uniform(0, 1000), at_ms=at_ms)
        habits = learned(habits, past)
        if number % 50 == 0:
            assert len(habits.packed()) < STATE_BYTES_MAX, f"seed {seed}, set {number}"
    assert len(habits.exercises) == EXERCISES_MAX
    assert sum(following(habits).exercises.values()) == pytest.approx(1)
