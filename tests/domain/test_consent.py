"""What a user agreed to: the later statement holds, and unasked nobody learns."""

from __future__ import annotations

import itertools

import pytest

from domain.command_checks import check_command
from domain.consent import Consent, is_counted
from domain.errors import InvalidInput
from domain.profile_commands import SetConsent, SetProfile
from domain.user import User, decide, evolve


def said(
    at_ms: int, *, recognition: bool = True, statistics: bool = False, training: bool = False
) -> SetConsent:
    return SetConsent(at_ms=at_ms, recognition=recognition, statistics=statistics, training=training)


def profile(at_ms: int, *, in_statistics: bool) -> SetProfile:
    return SetProfile(
        at_ms=at_ms, birth_year=None, sex=None, height_cm=None, experience=None, in_statistics=in_statistics
    )


def after(*commands: SetConsent | SetProfile) -> User:
    user = User()
    for command in commands:
        for event in decide(user, command):
            user = evolve(user, event)
    return user


def test_unasked_exercises_are_named_and_nobody_learns_from_it() -> None:
    assert (User().consent.recognition, User().consent.training) == (True, False)
    assert not is_counted(User().consent, None)


def test_of_two_statements_the_later_holds_in_whatever_order_they_come() -> None:
    statements = [said(1, training=True), said(2, recognition=False), said(3, statistics=True)]
    for order in itertools.permutations(statements):
        assert after(*order).consent == Consent(at_ms=3, statistics=True)


def test_what_is_sent_again_leads_to_nothing() -> None:
    assert decide(after(said(5)), said(5, training=True)) == ()


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        ([profile(1, in_statistics=True)], True),
        ([profile(1, in_statistics=True), said(2)], False),
        ([said(2, statistics=True), profile(1, in_statistics=False)], True),
        ([said(2), profile(3, in_statistics=True)], True),
        ([said(2, statistics=True), profile(3, in_statistics=False)], False),
    ],
)
def test_a_profile_says_whether_the_user_is_counted_too(
    commands: list[SetConsent | SetProfile], expected: bool
) -> None:
    user = after(*commands)
    assert is_counted(user.consent, user.profile) == expected


@pytest.mark.parametrize("at_ms", [-1, 2**63])
def test_a_time_that_there_is_not_is_an_error(at_ms: int) -> None:
    with pytest.raises(InvalidInput, match="at_ms"):
        check_command(said(at_ms))
