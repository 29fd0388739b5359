"""Programmes and what was done of them: limits, decisions, and sets that are heard of several times."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.care import FORMS_KEPT_MAX, Care, cared, decide_care
from domain.care_commands import AskAdherence, RecordForm, SetProgramme
from domain.command_checks import check_command
from domain.errors import InvalidInput
from domain.events import LabelConfirmed, LabelWithdrawn, ProgrammeSet, SetMeasured, SetRecognised
from domain.form import KeptForm, SetForm, Tip
from domain.identifiers import DeviceId, SessionId
from domain.programme import PRESCRIPTIONS_MAX, Prescription, Programme, Span
from domain.progress import (
    DAY_MS,
    SETS_KEPT_MAX,
    WEEKS_KEPT_MAX,
    DoneSet,
    Progress,
    day_of,
    done,
    week_of,
    week_start_ms,
    weeks_of,
)

NAME = SessionId("s")
CURLS = Prescription(exercise="curl", set_count=3, repetitions=10, days_per_week=2)
PROGRAMME = Programme(at_ms=5, prescriptions=(CURLS,), heart_rate_limit=140)
PRESCRIBE = SetProgramme(device=DeviceId("practice"), programme=PROGRAMME)
FORM = SetForm(start_ms=1000, end_ms=2000, exercise="curl", repetitions=10, tempo_s=2.5, reach=0.7, within=9)
TIP = Tip(kind="faster", exercise="curl", text="The last two repetitions were faster.", figure=0.4)
RECORDED = RecordForm(session=NAME, command_nr=1, form=FORM, tip=TIP)
KEPT = KeptForm(
    course=bytes(96),
    scale=1.0,
    tempo_s=2.0,
    tempo_s_deviation=0.1,
    range=1.0,
    range_deviation=0.1,
    likeness=0.9,
    distance=0.1,
    repetition_count=8,
)


def prescribed(**fields: Any) -> dict[str, Any]:
    changed = msgspec.structs.replace(CURLS, **fields)
    return {"programme": msgspec.structs.replace(PROGRAMME, prescriptions=(changed,))}


def several(number: int) -> dict[str, Any]:
    prescriptions = tuple(msgspec.structs.replace(CURLS, exercise=f"e{nr}") for nr in range(number))
    return {"programme": Programme(at_ms=5, prescriptions=prescriptions)}


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        (PRESCRIBE, {}),
        (PRESCRIBE, {"programme": Programme(at_ms=0)}),
        (PRESCRIBE, several(PRESCRIPTIONS_MAX)),
        (PRESCRIBE, prescribed(set_count=20, repetitions=200, days_per_week=7, repetitions_limit=200)),
        (PRESCRIBE, prescribed(tempo_s=Span(least=0.3, most=60.0), reach=Span(least=0.05, most=3.0))),
        (PRESCRIBE, prescribed(reach=Span(least=1.0, most=1.0))),
        (AskAdherence(at_ms=0), {}),
        (RECORDED, {}),
        (RECORDED, {"tip": None}),
        (RECORDED, {"form": msgspec.structs.replace(FORM, within=None, reach_share=0.0)}),
    ],
)
def test_limits_are_inclusive(command: Any, fields: dict[str, Any]) -> None:
    within = msgspec.structs.replace(command, **fields)
    assert check_command(within) is within


@pytest.mark.parametrize(
    ("command", "fields", "wrong"),
    [
        (PRESCRIBE, {"device": ""}, "device"),
        (PRESCRIBE, {"programme": Programme(at_ms=-1)}, "at_ms"),
        (PRESCRIBE, {"programme": Programme(heart_rate_limit=39)}, "heart rate limit 39"),
        (PRESCRIBE, several(PRESCRIPTIONS_MAX + 1), "17 prescriptions"),
        (PRESCRIBE, {"programme": Programme(prescriptions=(CURLS, CURLS))}, "two prescriptions of one"),
        (PRESCRIBE, prescribed(exercise="<b>"), "exercise"),
        (PRESCRIBE, prescribed(set_count=0), "sets 0"),
        (PRESCRIBE, prescribed(repetitions=201), "repetitions 201"),
        (PRESCRIBE, prescribed(days_per_week=8), "days a week 8"),
        (PRESCRIBE, prescribed(repetitions_limit=9), "a limit of 9 repetitions"),
        (PRESCRIBE, prescribed(tempo_s=Span(least=0.0)), "tempo in seconds 0"),
        (PRESCRIBE, prescribed(reach=Span(most=math.nan)), "reach nan"),
        (PRESCRIBE, prescribed(reach=Span(least=1.1, most=0.9)), "from 1.1 to 0.9"),
        (AskAdherence(at_ms=0), {"at_ms": -1}, "at_ms"),
        (RECORDED, {"form": msgspec.structs.replace(FORM, end_ms=1000)}, "a set of 0 ms"),
        (RECORDED, {"form": msgspec.structs.replace(FORM, within=11)}, "11 repetitions within"),
        (RECORDED, {"form": msgspec.structs.replace(FORM, tempo_s=math.inf)}, "tempo in seconds inf"),
        (RECORDED, {"form": msgspec.structs.replace(FORM, reach=-1.0)}, "reach -1"),
        (RECORDED, {"form": msgspec.structs.replace(FORM, reach_share=math.nan)}, "reach as a share"),
        (RECORDED, {"tip": msgspec.structs.replace(TIP, kind="magic")}, "a tip of kind 'magic'"),
        (RECORDED, {"tip": msgspec.structs.replace(TIP, text="")}, "a tip of 0 characters"),
        (RECORDED, {"tip": msgspec.structs.replace(TIP, figure=math.nan)}, "figure"),
        (RECORDED, {"tip": msgspec.structs.replace(TIP, exercise="")}, "exercise"),
    ],
)
def test_a_broken_limit_is_named(command: Any, fields: dict[str, Any], wrong: str) -> None:
    with pytest.raises(InvalidInput, match=wrong):
        check_command(msgspec.structs.replace(command, **fields))


@given(st.permutations(range(1, 6)))
def test_the_latest_programme_holds_however_they_arrive(times: list[int]) -> None:
    care = Care()
    for at_ms in times:
        command = SetProgramme(device=DeviceId("practice"), programme=Programme(at_ms=at_ms))
        happened = decide_care(care, command)
        for event in happened:
            care = cared(care, event, offset_min=0)
        assert decide_care(care, command) == (), "sent again it leads to nothing"
    assert care.programme.at_ms == 5
    assert decide_care(care, AskAdherence(at_ms=9)) == ()


def test_the_best_form_of_so_many_exercises_is_kept() -> None:
    care = Care()
    for number in range(FORMS_KEPT_MAX + 3):
        form = msgspec.structs.replace(FORM, exercise=f"e{number}")
        measured = SetMeasured(session=NAME, command_nr=None, form=form, kept=KEPT)
        care = cared(care, measured, offset_min=0)
    assert len(care.forms) == FORMS_KEPT_MAX
    assert "e2" not in care.forms
    assert care.progress == Progress(), "nothing is prescribed"


def heard(start_ms: int, minutes: int = 1) -> list[Any]:
    """What is told of one set: recognised, measured, confirmed."""
    span = {"start_ms": start_ms, "end_ms": start_ms + minutes * 60_000}
    found = SetRecognised(
        session=NAME,
        command_nr=None,
        **span,
        exercise="curl",
        confidence=1.0,
        repetitions=11,
        model_id="m",
    )
    form = msgspec.structs.replace(FORM, **span, repetitions=11, within=10, reach_share=0.9)
    confirmed = LabelConfirmed(
        session=NAME,
        command_nr=1,
        start_ms=start_ms - 500,
        end_ms=start_ms + 30_000,
        exercise="curl",
        repetitions=10,
        weight_kg=5.0,
    )
    return [found, SetMeasured(session=NAME, command_nr=None, form=form), confirmed]


@given(st.permutations(range(9)))
def test_a_set_counts_once_in_whatever_order_it_is_heard_of(order: list[int]) -> None:
    events = [event for day in range(3) for event in heard(DAY_MS * (20_000 + day))]
    care = Care(programme=PROGRAMME)
    for number in order:
        care = cared(care, events[number], offset_min=0)
    assert [
        (each.repetitions, each.is_confirmed, each.within, each.reach_share) for each in care.progress.sets
    ] == [(10, True, 10, 0.9)] * 3
    again = care
    for event in events:
        again = cared(again, event, offset_min=0)
    assert again == care


def test_what_the_user_says_was_something_else_does_not_count() -> None:
    found, _, confirmed = heard(DAY_MS)
    care = cared(Care(programme=PROGRAMME), found, offset_min=0)
    other = msgspec.structs.replace(confirmed, exercise="press")
    assert cared(care, other, offset_min=0).progress.sets == ()


def test_what_the_user_withdraws_does_not_count() -> None:
    care = Care(programme=PROGRAMME)
    for event in heard(DAY_MS):
        care = cared(care, event, offset_min=0)
    withdrawn = LabelWithdrawn(
        session=NAME, command_nr=2, start_ms=DAY_MS, end_ms=DAY_MS + 60_000, said_ms=DAY_MS + 90_000
    )
    assert cared(care, withdrawn, offset_min=0).progress.sets == ()


def test_a_set_that_two_devices_saw_counts_once() -> None:
    care = Care(programme=PROGRAMME)
    for session, late_ms in (("watch", 0), ("phone", 4000)):
        found = msgspec.structs.replace(heard(DAY_MS + late_ms)[0], session=SessionId(session))
        care = cared(care, found, offset_min=0)
    assert len(care.progress.sets) == 1


@given(st.lists(st.integers(0, 400), min_size=1, max_size=150, unique=True), st.integers(-720, 720))
def test_nothing_is_lost_when_weeks_are_summed_up(hours: list[int], offset_min: int) -> None:
    progress = Progress()
    for hour in hours:
        fresh = DoneSet(
            session="s",
            start_ms=hour * 3_600_000,
            end_ms=hour * 3_600_000 + 1,
            exercise="curl",
            repetitions=7,
        )
        progress = done(progress, PROGRAMME, fresh, offset_min=offset_min)
    assert len(progress.sets) <= SETS_KEPT_MAX
    weeks = [*progress.weeks, *weeks_of(progress.sets, PROGRAMME, offset_min=offset_min)]
    assert sum(week.set_count for week in weeks) == len(hours)
    assert sum(week.repetitions for week in weeks) == 7 * len(hours)
    assert all(week.day_count <= 7 and week.prescribed == 6 for week in weeks)


def test_earlier_weeks_keep_what_was_prescribed_then() -> None:
    week_ms = 7 * DAY_MS
    care = Care(programme=PROGRAMME)
    for week in range(2):
        care = cared(care, heard(week * week_ms)[0], offset_min=0)
    more = msgspec.structs.replace(CURLS, days_per_week=5)
    changed = Programme(at_ms=week_ms, prescriptions=(more,))
    care = cared(care, ProgrammeSet(device=DeviceId("practice"), programme=changed), offset_min=0)
    assert [week.prescribed for week in care.progress.weeks] == [6]
    assert len(care.progress.sets) == 1


def test_weeks_are_bounded() -> None:
    progress = Progress()
    for week in range(WEEKS_KEPT_MAX + SETS_KEPT_MAX + 10):
        at_ms = week * 7 * DAY_MS
        fresh = DoneSet(session="s", start_ms=at_ms, end_ms=at_ms + 1, exercise="curl", repetitions=None)
        progress = done(progress, PROGRAMME, fresh, offset_min=0)
    assert len(progress.weeks) == WEEKS_KEPT_MAX


@given(st.integers(0, 4_000_000_000_000), st.integers(-960, 960))
def test_a_week_begins_on_the_monday_before(at_ms: int, offset_min: int) -> None:
    start_ms = week_start_ms(week_of(at_ms, offset_min), offset_min)
    assert 0 <= at_ms - start_ms < 7 * DAY_MS
    assert (day_of(start_ms, offset_min) + 3) % 7 == 0, "1970-01-01 was a Thursday"
