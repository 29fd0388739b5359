"""What a user says through the API, of no device's stream: known by its time, and never twice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.care_commands import SetProgramme
from domain.command_checks import check_command
from domain.commands import (
    NO_SESSION,
    Command,
    ConfirmLabel,
    ContributeExercise,
    OpenSession,
    Replace,
    SetPlan,
    SetTraining,
    WithdrawLabel,
)
from domain.contributed import Contributed
from domain.errors import InvalidInput, Overtaken, Rejected
from domain.identifiers import DeviceId, SessionId
from domain.plans import PlannedExercise, PlanSession, TrainingPlan
from domain.profile_commands import SetProfile
from domain.programme import Programme
from domain.sets import HISTORY_MAX
from domain.training import Training
from domain.user import User, decide, evolve

S = SessionId("s")
T0_MS = 1_700_000_000_000
OPENED = OpenSession(
    session=S, command_nr=0, at_ms=T0_MS, device=DeviceId("watch"), recogniser="device", streams=()
)
SAID = ConfirmLabel(
    session=S,
    command_nr=None,
    start_ms=T0_MS,
    end_ms=T0_MS + 30_000,
    exercise="squat",
    repetitions=8,
    weight_kg=60.0,
    said_ms=T0_MS + 40_000,
)
PLAN = TrainingPlan(
    at_ms=T0_MS,
    author="alice",
    sessions=(
        PlanSession(name="legs", exercises=(PlannedExercise(exercise="squat", set_count=3, repetitions=5),)),
    ),
)
SLED = Contributed(name="sled-push", at_ms=T0_MS, primary=("quadriceps",), movement="carry")
PROFILE = SetProfile(
    at_ms=T0_MS, birth_year=1985, sex=None, height_cm=None, experience=None, in_statistics=False
)
SESSIONLESS: list[Command] = [
    SetTraining(session=NO_SESSION, command_nr=None, training=Training(at_ms=T0_MS, goal="strength")),
    SetPlan(session=NO_SESSION, command_nr=None, plan=PLAN),
    ContributeExercise(session=NO_SESSION, command_nr=None, exercise=SLED),
    PROFILE,
]


def after(*commands: Command, user: User | None = None) -> User:
    user = user or User()
    for command in commands:
        for event in decide(user, check_command(command)):
            user = evolve(user, event)
    return user


def exercises(user: User) -> list[str]:
    return [past.exercise for past in user.history]


@pytest.mark.parametrize("command", SESSIONLESS)
def test_what_is_of_no_session_is_taken_once(command: Command) -> None:
    user = after(command)
    assert user != User()
    assert decide(user, command) == ()


def test_it_holds() -> None:
    user = after(*SESSIONLESS)
    assert (user.training.goal, user.plan, user.own_exercises) == ("strength", PLAN, (SLED,))


@given(st.permutations([1, 2, 3]))
def test_the_latest_wishes_hold_in_whatever_order_they_come(order: list[int]) -> None:
    said = [
        SetTraining(session=NO_SESSION, command_nr=None, training=Training(at_ms=T0_MS + n, utc_offset_min=n))
        for n in order
    ]
    assert after(*said).training.utc_offset_min == 3


def test_a_correction_counts_and_leaves_the_devices_numbers_alone() -> None:
    label = replace(SAID, command_nr=1, exercise="curl", said_ms=None)
    user = after(OPENED, label, SAID)
    assert exercises(user) == ["squat"]
    assert user.sessions[S].next_nrs == after(OPENED, label).sessions[S].next_nrs
    assert decide(user, SAID) == ()


def test_a_withdrawal_may_be_taken_back() -> None:
    withdrawn = WithdrawLabel(
        session=S, command_nr=None, start_ms=T0_MS, end_ms=T0_MS + 30_000, said_ms=T0_MS + 50_000
    )
    user = after(OPENED, SAID, withdrawn)
    assert exercises(user) == []
    assert decide(user, withdrawn) == ()
    assert exercises(after(replace(SAID, said_ms=T0_MS + 60_000), user=user)) == ["squat"]


def test_two_different_statements_of_one_moment_are_refused() -> None:
    user = after(OPENED, SAID)
    with pytest.raises(Rejected, match="same millisecond"):
        decide(user, replace(SAID, exercise="curl"))


def test_a_session_that_nobody_knows_is_refused() -> None:
    with pytest.raises(Rejected, match="not known"):
        decide(User(), SAID)


def test_a_set_too_long_ago_is_refused() -> None:
    label = replace(SAID, command_nr=1, said_ms=None)
    step_ms = 60_000
    labels = [
        replace(
            label,
            command_nr=nr,
            start_ms=label.start_ms + nr * step_ms,
            end_ms=label.end_ms + nr * step_ms,
        )
        for nr in range(1, HISTORY_MAX + 2)
    ]
    with pytest.raises(Rejected, match="too long ago"):
        decide(after(OPENED, *labels), SAID)


@pytest.mark.parametrize(
    ("now", "later"),
    [
        (PROFILE, replace(PROFILE, at_ms=T0_MS + 1)),
        (SESSIONLESS[0], replace(SESSIONLESS[0], training=Training(at_ms=T0_MS + 1))),
        (SESSIONLESS[1], replace(SESSIONLESS[1], plan=replace(PLAN, at_ms=T0_MS + 1))),
        (
            SetProgramme(device=DeviceId("api"), programme=Programme(at_ms=T0_MS)),
            SetProgramme(device=DeviceId("api"), programme=Programme(at_ms=T0_MS + 1)),
        ),
    ],
)
def test_what_is_replaced_must_be_what_was_seen(now: Any, later: Any) -> None:
    user = after(Replace(command=now, seen_ms=0))
    assert decide(user, Replace(command=now, seen_ms=0)) == (), "said again it is no conflict"
    with pytest.raises(Overtaken):
        decide(user, Replace(command=later, seen_ms=0))
    replaced = after(Replace(command=later, seen_ms=T0_MS), user=user)
    assert replaced != user
    with pytest.raises(Overtaken):
        decide(replaced, Replace(command=now, seen_ms=T0_MS))


@pytest.mark.parametrize(
    ("now", "other"),
    [
        (PROFILE, replace(PROFILE, height_cm=150.0)),
        (SESSIONLESS[0], replace(SESSIONLESS[0], training=Training(at_ms=T0_MS, utc_offset_min=60))),
        (SESSIONLESS[1], replace(SESSIONLESS[1], plan=replace(PLAN, author="another"))),
        (
            SetProgramme(device=DeviceId("api"), programme=Programme(at_ms=T0_MS)),
            SetProgramme(device=DeviceId("api"), programme=Programme(at_ms=T0_MS, heart_rate_limit=120)),
        ),
    ],
)
@pytest.mark.parametrize("seen_ms", [0, T0_MS])
def test_of_two_in_the_same_millisecond_the_second_is_told_that_it_was_late(
    now: Any, other: Any, seen_ms: int
) -> None:
    user = after(Replace(command=now, seen_ms=0))
    with pytest.raises(Overtaken):
        decide(user, Replace(command=other, seen_ms=seen_ms))


@pytest.mark.parametrize(
    "wrong",
    [
        replace(SAID, said_ms=None),
        replace(SAID, session=NO_SESSION),
        replace(SAID, end_ms=T0_MS),
        Replace(command=replace(PROFILE, birth_year=1), seen_ms=0),
        Replace(command=PROFILE, seen_ms=-1),
        SetTraining(session=NO_SESSION, command_nr=1, training=Training()),
    ],
)
def test_what_breaks_a_limit_is_refused(wrong: Command) -> None:
    with pytest.raises(InvalidInput):
        check_command(wrong)
