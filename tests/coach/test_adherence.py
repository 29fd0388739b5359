"""What is prescribed for today, and what was done of a programme."""

from __future__ import annotations

from typing import Any

from coach.adherence import WEEKS_MAX, adherence
from coach.habits import learned_all
from coach.prescribed import due
from coach.suggestion import Situation
from domain.care import Care
from domain.programme import Prescription, Programme
from domain.progress import DAY_MS, DoneSet, DoneWeek, Progress, done, week_of
from domain.training import Training

MONDAY_MS = 4 * DAY_MS  # 1970-01-05
CURLS = Prescription(exercise="curl", set_count=2, repetitions=10, days_per_week=2)
BRIDGES = Prescription(exercise="bridge", set_count=1, repetitions=8, days_per_week=7)


def care_of(*curls_ms: int, at_ms: int = 0) -> Care:
    programme = Programme(at_ms=at_ms, prescriptions=(CURLS, BRIDGES))
    progress = Progress()
    for start_ms in curls_ms:
        fresh = DoneSet(
            session="s", start_ms=start_ms, end_ms=start_ms + 1, exercise="curl", repetitions=10, within=8
        )
        progress = done(progress, programme, fresh, offset_min=0)
    return Care(programme=programme, progress=progress)


def situation(at_ms: int, **fields: Any) -> Situation:
    training = Training(excluded_exercises=fields.pop("excluded", ()))
    return Situation(
        habits=learned_all(()),
        history=(),
        training=training,
        session="s",
        at_ms=at_ms,
        **fields,
    )


def names(care: Care, at_ms: int, **fields: Any) -> list[str]:
    return [each.exercise for each in due(care, situation(at_ms, **fields))]


def test_the_sets_that_are_left_of_today_are_due_in_the_programmes_order() -> None:
    assert names(care_of(), MONDAY_MS) == ["curl", "curl", "bridge"]
    assert names(care_of(MONDAY_MS), MONDAY_MS + 1) == ["curl", "bridge"]
    assert names(care_of(MONDAY_MS, MONDAY_MS + 5), MONDAY_MS + 9) == ["bridge"]
    (first, *_) = due(care_of(), situation(MONDAY_MS))
    assert (first.repetitions, first.reason) == (10, "prescribed")


def test_after_as_many_days_as_prescribed_nothing_is_due_until_next_week() -> None:
    two_days = care_of(MONDAY_MS, MONDAY_MS + DAY_MS)
    assert names(two_days, MONDAY_MS + 2 * DAY_MS) == ["bridge"]
    assert names(two_days, MONDAY_MS + DAY_MS + 9) == ["curl", "bridge"], "the second day goes on"
    assert names(two_days, MONDAY_MS + 7 * DAY_MS) == ["curl", "curl", "bridge"]


def test_what_is_excluded_or_refused_is_not_due() -> None:
    assert names(care_of(), MONDAY_MS, excluded=("curl",)) == ["bridge"]
    assert names(care_of(), MONDAY_MS, refused=("bridge",)) == ["curl", "curl"]


def test_without_a_programme_nothing_is_due_and_there_is_no_adherence() -> None:
    assert names(Care(), MONDAY_MS) == []
    assert adherence(Care(), MONDAY_MS, offset_min=0) == ()


def test_each_week_has_what_was_prescribed_and_done() -> None:
    care = care_of(MONDAY_MS, MONDAY_MS + 9, MONDAY_MS + 8 * DAY_MS, at_ms=MONDAY_MS)
    weeks = adherence(care, MONDAY_MS + 15 * DAY_MS, offset_min=0)
    told = [(week.exercise, week.prescribed, week.set_count, week.day_count, week.within) for week in weeks]
    assert told == [
        ("bridge", 7, 0, 0, 0),
        ("curl", 4, 2, 1, 16),
        ("bridge", 7, 0, 0, 0),
        ("curl", 4, 1, 1, 8),
        ("bridge", 7, 0, 0, 0),
        ("curl", 4, 0, 0, 0),
    ]
    first = week_of(MONDAY_MS, 0)
    assert [week.week for week in weeks] == [first, first, first + 1, first + 1, first + 2, first + 2]


def test_only_the_latest_weeks_are_told_and_those_before_are_joined_with_late_sets() -> None:
    old = DoneWeek(
        exercise="curl",
        week=30,
        prescribed=4,
        set_count=3,
        day_count=2,
        repetitions=30,
        measured=30,
        within=20,
        reach_share=0.8,
        reach_sets=1,
    )
    late = DoneSet(
        session="s",
        start_ms=30 * 7 * DAY_MS,
        end_ms=30 * 7 * DAY_MS + 1,
        exercise="curl",
        repetitions=10,
        within=10,
        reach_share=1.0,
    )
    care = Care(programme=Programme(prescriptions=(CURLS,)), progress=Progress(sets=(late,), weeks=(old,)))
    (week, *later) = adherence(care, (30 + WEEKS_MAX - 1) * 7 * DAY_MS, offset_min=0)
    assert (week.set_count, week.day_count, week.within, week.reach_sets) == (4, 3, 30, 2)
    assert week.reach_share == 0.9
    assert len(later) == WEEKS_MAX - 1
    (after, *_) = adherence(care, (30 + WEEKS_MAX) * 7 * DAY_MS, offset_min=0)
    assert (after.week, after.set_count) == (31, 0)
