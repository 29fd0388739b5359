"""The coming week follows the usual days, turns a split on, and lets muscles recover."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from coach.week import PlannedDay, plan_week, usual_days
from domain.sets import PastSet
from domain.training import Training
from tests.coach.test_suggestion import NAMES, situation
from tests.coach.training import DAY_MS, MONDAY_MS, done, histories, several

LEGS = (("back-squat", 5, 80.0),) * 3
CHEST = (("bench-press", 5, 60.0),) * 3
SPLIT = several([0, 7, 14], *LEGS) + several([3, 10, 17], *CHEST)


def test_a_split_goes_on_with_the_week() -> None:
    planned = plan_week(situation(SPLIT, session="now", at_ms=MONDAY_MS + 21 * DAY_MS))
    assert planned == (
        PlannedDay(at_ms=MONDAY_MS + 24 * DAY_MS, exercises=("bench-press",)),
        PlannedDay(at_ms=MONDAY_MS + 28 * DAY_MS, exercises=("back-squat",)),
    )


def test_days_are_the_users_and_irregular_ones_are_not_planned() -> None:
    history = [*SPLIT, done("dumbbell-curl", "once", at_ms=MONDAY_MS + 5 * DAY_MS)]
    assert usual_days(history, MONDAY_MS + 20 * DAY_MS) == {0: 18 * 3_600_000, 3: 18 * 3_600_000}
    far_east = [replace(past, utc_offset_min=12 * 60) for past in history]
    assert usual_days(far_east, MONDAY_MS + 20 * DAY_MS) == {1: 6 * 3_600_000, 4: 6 * 3_600_000}
    assert usual_days(history, MONDAY_MS + 90 * DAY_MS) == {}


def test_without_history_no_week_is_planned() -> None:
    assert plan_week(situation([], Training(goal="muscle"))) == ()


@given(histories(NAMES), st.lists(st.sampled_from(NAMES), max_size=2).map(tuple))
def test_a_week_has_at_most_a_session_a_day_and_nothing_excluded(
    history: list[PastSet], excluded: tuple[str, ...]
) -> None:
    at_ms = 61 * DAY_MS
    planned = plan_week(situation(history, Training(excluded_exercises=excluded), at_ms=at_ms))
    assert len({day.at_ms // DAY_MS for day in planned}) == len(planned) <= 7
    for day in planned:
        assert at_ms < day.at_ms < at_ms + 8 * DAY_MS
        assert not set(day.exercises) & set(excluded)
