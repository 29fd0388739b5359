"""Records are told once they are bettered; volume leaves warm-ups out; a streak has no gap."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from coach.records import WEEK_MS, records, streak_weeks, volume_kg
from coach.workouts import working_sets
from domain.bests import Best, bettered
from tests.coach.training import DAY_MS, MONDAY_MS, done, workout


def best(*sets: tuple[str, int, float | None]) -> Best:
    bests: Mapping[str, Best] = {}
    for name, count, kg in sets:
        bests = bettered(bests, name, count, kg)
    (found,) = bests.values()
    return found


def test_the_first_set_of_an_exercise_is_no_record() -> None:
    first = best(("squat", 5, 100.0))
    assert records(None, first) == []


def test_a_record_is_of_what_was_bettered() -> None:
    first = best(("squat", 5, 100.0))
    assert records(first, best(("squat", 5, 100.0), ("squat", 1, 105.0))) == [("weight", 105.0)]
    ((kind, value),) = records(first, best(("squat", 5, 100.0), ("squat", 8, 100.0)))
    assert (kind, value) == ("maximum", pytest.approx(125.4, abs=0.1))
    assert records(first, best(("squat", 5, 100.0), ("squat", 5, 100.0))) == []
    ups = best(("pull-up", 10, None))
    ((kind, value),) = records(ups, best(("pull-up", 12, None)))
    assert (kind, value, type(value)) == ("repetitions", 12.0, float)
    assert records(ups, Best(repetitions=10, weight_kg=5.0)) == []


def test_warm_up_sets_lead_up_to_the_heaviest() -> None:
    session = workout(0, ("squat", 10, 20.0), ("squat", 8, 60.0), ("squat", 5, 80.0), ("squat", 5, 60.0))
    assert [past.weight_kg for past in working_sets(session)] == [80.0, 60.0]
    assert volume_kg(session) == 5 * 80.0 + 5 * 60.0
    bare = workout(0, ("plank", None, None), ("push-up", 20, None))
    assert working_sets(bare) == bare
    assert isinstance(volume_kg(bare), float), "as the protocol has it"
    assert volume_kg(bare) == 0.0


def test_a_streak_counts_weeks_up_to_this_one() -> None:
    history = [done("squat", f"s{week}", at_ms=MONDAY_MS + week * WEEK_MS) for week in (0, 2, 3, 4)]
    assert streak_weeks(history, MONDAY_MS + 4 * WEEK_MS) == 3
    assert streak_weeks(history, MONDAY_MS + 5 * WEEK_MS) == 3, "this week may still see a session"
    assert streak_weeks(history, MONDAY_MS + 6 * WEEK_MS) == 0
    assert streak_weeks(history, MONDAY_MS + WEEK_MS) == 1
    assert streak_weeks([], MONDAY_MS) == 0


def test_a_week_begins_on_the_users_monday() -> None:
    at_ms = MONDAY_MS - 18 * 3_600_000 - 30 * 60_000
    late_sunday = done("squat", at_ms=at_ms)
    assert streak_weeks([done("squat", at_ms=at_ms, utc_offset_min=60)], MONDAY_MS, offset_min=60) == 1
    assert streak_weeks([late_sunday], MONDAY_MS + 7 * DAY_MS, offset_min=0) == 0
