"""Profiles and measurements: their limits, and that order and repetition of what arrives play no part."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.commands import COMMANDS, Command, TellProfile
from domain.errors import InvalidInput
from domain.profile import MEASUREMENTS_KEPT_MAX
from domain.profile_commands import MeasureBody, ProfileCommand, SetProfile, check_profile_command
from domain.user import User, decide, evolve, next_nr
from tests.domain.strategies import wild_profile_commands
from tests.domain.test_commands import OPEN, SESSION

PROFILE = SetProfile(
    at_ms=10, birth_year=1985, sex="female", height_cm=170.0, experience="novice", in_statistics=True
)
MEASURED = MeasureBody(at_ms=10, quantity="body_weight_kg", value=70.0)


def after(*commands: ProfileCommand | Command, user: User | None = None) -> User:
    user = user or User()
    for command in commands:
        for event in decide(user, command):
            user = evolve(user, event)
    return user


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        (PROFILE, {"birth_year": 1900, "height_cm": 50.0}),
        (PROFILE, {"birth_year": 2100, "height_cm": 280.0}),
        (PROFILE, {"birth_year": None, "sex": None, "height_cm": None, "experience": None}),
        (MEASURED, {"value": 20.0}),
        (MEASURED, {"quantity": "resting_heart_rate_per_minute", "value": 250.0}),
    ],
)
def test_limits_are_inclusive(command: ProfileCommand, fields: dict[str, Any]) -> None:
    within = msgspec.structs.replace(command, **fields)
    assert check_profile_command(within) is within


@pytest.mark.parametrize(
    ("command", "fields", "wrong"),
    [
        (PROFILE, {"at_ms": -1}, "at_ms"),
        (PROFILE, {"birth_year": 1899}, "birth year 1899"),
        (PROFILE, {"height_cm": float("nan")}, "height in cm nan"),
        (MEASURED, {"value": 19.9}, "body_weight_kg 19.9"),
        (MEASURED, {"value": float("inf")}, "body_weight_kg inf"),
        (MEASURED, {"quantity": "resting_heart_rate_per_minute", "value": 19.0}, "per_minute 19"),
    ],
)
def test_a_broken_limit_is_named(command: ProfileCommand, fields: dict[str, Any], wrong: str) -> None:
    with pytest.raises(InvalidInput, match=wrong):
        check_profile_command(msgspec.structs.replace(command, **fields))


@given(wild_profile_commands())
def test_whatever_is_sent_is_a_command_or_refused(command: ProfileCommand) -> None:
    with suppress(InvalidInput):
        assert check_profile_command(command) is command


def test_the_newest_profile_counts_in_whatever_order_they_arrive() -> None:
    older = msgspec.structs.replace(PROFILE, at_ms=5, in_statistics=False)
    assert after(PROFILE, older, PROFILE) == after(older, PROFILE) == after(PROFILE)


def test_consent_can_be_withdrawn() -> None:
    withdrawn = after(PROFILE, msgspec.structs.replace(PROFILE, at_ms=11, in_statistics=False))
    assert withdrawn.profile is not None
    assert not withdrawn.profile.in_statistics


def test_a_measurement_sent_again_leads_to_nothing_and_another_of_its_time_corrects_it() -> None:
    user = after(MEASURED)
    assert decide(user, MEASURED) == ()
    corrected = msgspec.structs.replace(MEASURED, value=71.0)
    assert [known.value for known in after(MEASURED, corrected).body] == [71.0]


@given(st.sets(st.integers(0, 100), max_size=30), st.randoms(use_true_random=False))
def test_measurements_are_kept_by_time_and_bounded(times_ms: set[int], shuffled: random.Random) -> None:
    commands = [msgspec.structs.replace(MEASURED, at_ms=at_ms) for at_ms in times_ms]
    shuffled.shuffle(commands)
    kept = [known.at_ms for known in after(*commands).body]
    assert kept == sorted(times_ms)[-MEASUREMENTS_KEPT_MAX:]


def test_who_the_user_is_may_be_told_in_a_session() -> None:
    heavy = MeasureBody(at_ms=5, quantity="body_weight_kg", value=80.0)
    tell = TellProfile(session=SESSION, command_nr=1, told=heavy)
    user = after(OPEN, tell, msgspec.structs.replace(tell, command_nr=2))
    assert [each.value for each in user.body] == [80.0]
    assert next_nr(user, SESSION, COMMANDS) == 3
    newer, older = (
        SetProfile(
            at_ms=at_ms,
            birth_year=birth_year,
            sex=None,
            height_cm=None,
            experience=None,
            in_statistics=False,
        )
        for at_ms, birth_year in ((9, 1990), (8, 1980))
    )
    for number, told in enumerate((newer, older), 3):
        user = after(TellProfile(session=SESSION, command_nr=number, told=told), user=user)
    assert user.profile is not None
    assert user.profile.birth_year == 1990
    assert next_nr(user, SESSION, COMMANDS) == 5
