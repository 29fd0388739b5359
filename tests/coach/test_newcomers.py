"""Who has no history is suggested what people like them do, within what they want and what there is."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coach.catalogue import meanings
from coach.habits import Habits
from coach.newcomers import Centre, Group, GroupLoad, Groups, Kind, Newcomer, expected, newcomer
from coach.suggestion import Situation, expected_exercises, plan_session, suggest
from domain.profile import Measurement, Profile
from domain.sets import PastSet
from domain.training import Goal, Place, Training
from tests.coach.test_suggestion import NOW_MS, trainings
from tests.coach.training import done, workout

PUSH = ("bench-press", "dumbbell-curl", "lateral-raise")
LEGS = ("back-squat", "leg-press", "standing-calf-raise")
GYM = Group(
    is_everyone=False,
    kinds=(
        Kind(exercises=PUSH, user_count=60),
        Kind(exercises=LEGS, user_count=40, goes_with=frozenset({"strength"})),
    ),
    following={
        "": {"bench-press": 0.55, "back-squat": 0.4},
        "bench-press": {"lateral-raise": 0.5, "dumbbell-curl": 0.3, "back-squat": 0.1},
        "lateral-raise": {"dumbbell-curl": 0.9},
        "back-squat": {"leg-press": 0.8},
        "leg-press": {"standing-calf-raise": 0.9},
    },
    loads={
        "bench-press": GroupLoad(repetitions=10, rest_s=75, weight_kg=52.0, shares=(0.4, 0.6, 0.9)),
        "back-squat": GroupLoad(repetitions=5, weight_kg=81.0),
    },
)
NEW = Newcomer(group=GYM)


def situation(
    training: Training | None = None, *, who: Newcomer = NEW, history: list[PastSet] | None = None
) -> Situation:
    return Situation(
        habits=Habits(),
        history=history or [],
        training=training or Training(),
        session="now",
        at_ms=NOW_MS,
        newcomer=who,
    )


def test_a_newcomer_is_planned_the_popular_session_in_its_usual_order_and_told_why() -> None:
    planned = plan_session(situation())
    assert [each.exercise for each in planned] == [
        name for name in ("bench-press", "lateral-raise", "dumbbell-curl") for _ in range(3)
    ]
    first, second, *_ = planned
    assert (first.weight_kg, first.repetitions, first.rest_s) == (50.0, 10, 75)
    assert first.reason == "most people like you begin with it; what people like you take"
    assert second.reason.startswith("once more")
    assert "many people like you" not in planned[3].reason
    assert "most people like you go on with it after bench-press" in planned[3].reason


def test_of_popular_sessions_those_that_go_along_with_the_goal_weigh_more() -> None:
    found = suggest(situation(Training(goal="strength")))
    assert found is not None
    assert found.exercise == "back-squat"
    assert "sessions like this go along with growing strength" in found.reason
    assert (found.weight_kg, found.repetitions, found.rest_s) == (80.0, 5, 180)


@pytest.mark.parametrize(
    ("experience", "weight_kg"), [("novice", 32.5), ("intermediate", 40.0), (None, 40.0), ("advanced", 50.0)]
)
def test_loads_follow_body_weight_and_experience(experience: Any, weight_kg: float) -> None:
    found = suggest(situation(who=Newcomer(group=GYM, body_kg=68.0, experience=experience)))
    assert found is not None
    assert found.weight_kg == weight_kg
    assert "of your body weight, as people like you take" in found.reason


def test_without_a_night_a_beginner_with_a_goal_gets_a_light_load_by_body_weight() -> None:
    training = Training(goal="muscle", place=Place(name="gym"))
    planned = plan_session(situation(training, who=Newcomer(body_kg=80.0)))
    loaded = [each for each in planned if each.weight_kg is not None]
    assert loaded
    for each in loaded:
        (meaning,) = meanings(each.exercise)
        assert meaning.share_min is not None
        assert each.weight_kg is not None
        assert each.weight_kg <= max(2.5, meaning.share_min * 80.0)


def test_what_is_done_today_tells_which_session_it_is() -> None:
    history = [done("back-squat", "now", at_ms=NOW_MS - 1000 * nr) for nr in range(3)]
    chances = expected_exercises(situation(history=history))
    assert max(chances, key=lambda name: chances[name]) == "leg-press"
    assert sum(chances.values()) == pytest.approx(1)


def test_after_the_first_session_habits_lead() -> None:
    history = workout(0, ("push-up", 10, None))
    assert set(expected_exercises(situation(history=history))) == set()


@given(
    trainings,
    st.lists(st.sampled_from([*PUSH, *LEGS, "unheard-of"]), max_size=8),
    st.sampled_from([NEW, Newcomer(group=GYM, body_kg=70.0), Newcomer(group=Group()), Newcomer()]),
)
def test_nothing_excluded_or_impossible_is_suggested(
    training: Training, today: list[str], who: Newcomer
) -> None:
    history = [done(name, "now", at_ms=NOW_MS + nr) for nr, name in enumerate(today)]
    found = [*plan_session(situation(training, who=who)), suggest(situation(training, history=history))]
    for each in filter(None, found):
        assert each.exercise not in training.excluded_exercises
        trained = {muscle for meaning in meanings(each.exercise) for muscle in meaning.muscles}
        assert not trained & set(training.excluded_muscles)
        if training.place is not None and training.place.equipment is not None:
            there = set(training.place.equipment)
            assert any(meaning.equipment <= there for meaning in meanings(each.exercise))


@given(st.lists(st.sampled_from([*PUSH, *LEGS, "other"]), max_size=6), st.sampled_from(get_args(Goal)))
def test_chances_are_probabilities(today: list[str], goal: Goal) -> None:
    chances = expected(GYM, today, goal)
    assert sum(chances.values()) == pytest.approx(1)
    assert all(0 <= chance <= 1 for chance in chances.values())


def test_a_newcomer_belongs_to_the_nearest_group_and_who_tells_nothing_to_everyone() -> None:
    young, old, everyone = Group(is_everyone=False), Group(is_everyone=False, loads={}), Group()
    groups = Groups(
        everyone=everyone,
        clusters=(
            (Centre(age_years=25, body_mass_index=23, heart_rate=60), young),
            (Centre(age_years=65, body_mass_index=27, heart_rate=70), old),
        ),
    )
    nobody = Profile(
        changed_ms=0, birth_year=None, sex=None, height_cm=None, experience=None, in_statistics=False
    )
    aged = Profile(
        changed_ms=0, birth_year=1905, sex="female", height_cm=160.0, experience="novice", in_statistics=True
    )
    weighed = (Measurement(at_ms=0, quantity="body_weight_kg", value=70.0),)
    assert groups.of(None, (), None, NOW_MS) is everyone
    assert groups.of(nobody, (), None, NOW_MS) is everyone
    assert newcomer(groups, aged, weighed, None, NOW_MS) == Newcomer(
        group=old, body_kg=70.0, experience="novice"
    )
    assert groups.of(aged, weighed, None, NOW_MS) is old
    heart = (Measurement(at_ms=0, quantity="resting_heart_rate_per_minute", value=58.0),)
    assert groups.of(None, heart, None, NOW_MS) is young


def test_a_goal_tells_where_a_newcomer_belongs() -> None:
    lifters, losers = Group(is_everyone=False), Group(is_everyone=False, loads={})
    groups = Groups(
        clusters=(
            (Centre(age_years=30, strength_goal=0.9, weight_loss_goal=0.05), lifters),
            (Centre(age_years=30, strength_goal=0.1, weight_loss_goal=0.7), losers),
        ),
    )
    assert groups.of(None, (), "muscle", NOW_MS) is lifters
    assert groups.of(None, (), "weight-loss", NOW_MS) is losers
