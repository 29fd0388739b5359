"""Who may prescribe and ask for adherence, and what a programme looks like on the wire."""

from __future__ import annotations

import pytest

from domain.care_commands import AskAdherence, SetProgramme
from domain.identifiers import DeviceId
from domain.programme import Prescription, Programme, Span
from domain.replies import AdherenceTold, ProgrammeHeld, WeekAdhered
from edge import protocol as edge_protocol
from gateway import protocol
from gateway.auth import ANY_USER, Scope
from gateway.connection import CLOSE_POLICY
from gateway.offers import Offers
from gateway.replies import message_of
from tests.gateway.device_example import CARE_MESSAGES, MESSAGES, START_MS, error_of, message, token, welcomed

PROGRAMME = Programme(
    at_ms=START_MS,
    prescriptions=(
        Prescription(
            exercise="squat", set_count=3, repetitions=10, days_per_week=2, reach=Span(least=0.8, most=None)
        ),
    ),
    heart_rate_limit=140,
)


def test_who_looks_after_a_user_prescribes_and_asks(offers: Offers) -> None:
    connection = welcomed(offers, token("ann", "coach"))
    ((user, command),) = connection.receive(message("prescribe")).forward
    assert (user, command) == ("ann", SetProgramme(device=DeviceId("watch-1"), programme=PROGRAMME))
    ((user, command),) = connection.receive(message("get_adherence")).forward
    assert (user, command) == ("ann", AskAdherence(at_ms=START_MS))


def test_a_practice_names_the_user_of_each_message(offers: Offers) -> None:
    connection = welcomed(offers, token(ANY_USER, "coach"))
    ((user, _),) = connection.receive(message("prescribe", user="ben")).forward
    assert user == "ben"
    assert "no user" in error_of(connection.receive(message("prescribe"))).wrong


@pytest.mark.parametrize("kind", MESSAGES)
def test_who_prescribes_does_nothing_else(offers: Offers, kind: str) -> None:
    output = welcomed(offers, token("ann", "coach")).receive(message(kind))
    assert (error_of(output).code, output.close_code) == ("not_authorised", CLOSE_POLICY)


@pytest.mark.parametrize("scope", ["device", "user"])
@pytest.mark.parametrize("kind", CARE_MESSAGES)
def test_nobody_else_prescribes_or_asks(offers: Offers, kind: str, scope: Scope) -> None:
    output = welcomed(offers, token("ann", scope)).receive(message(kind))
    assert (error_of(output).code, output.close_code) == ("not_authorised", CLOSE_POLICY)


def test_another_users_programme_is_not_set(offers: Offers) -> None:
    output = welcomed(offers, token("ann", "coach")).receive(message("prescribe", user="ben"))
    assert error_of(output).code == "not_authorised"


def test_a_broken_limit_is_told_without_a_session(offers: Offers) -> None:
    connection = welcomed(offers, token("ann", "coach"))
    error = error_of(connection.receive(message("prescribe", heart_rate_limit=900)))
    assert (error.code, error.user, error.session, error.nr) == ("invalid_input", "ann", None, None)
    assert "heart rate limit 900" in error.wrong


def test_a_programme_comes_back_as_it_was_sent_and_a_device_reads_it() -> None:
    told = message_of("ann", ProgrammeHeld(programme=PROGRAMME))
    read = edge_protocol.decode(protocol.encode(told))
    assert read is not None
    assert read["prescriptions"] == [
        {
            "exercise": "squat",
            "sets": 3,
            "repetitions": 10,
            "days_per_week": 2,
            "tempo_s": {"least": None, "most": None},
            "reach": {"least": 0.8, "most": None},
            "repetitions_limit": None,
        }
    ]
    assert (read["at_ms"], read["heart_rate_limit"], read["user"]) == (START_MS, 140, "ann")


def test_adherence_is_read_by_a_device() -> None:
    week = WeekAdhered(
        week_ms=0,
        exercise="squat",
        prescribed=6,
        done=4,
        days=2,
        repetitions=40,
        measured=30,
        within=25,
        reach_share=None,
    )
    told = message_of("ann", AdherenceTold(at_ms=5, weeks=(week,)))
    read = edge_protocol.decode(protocol.encode(told))
    assert read is not None
    assert read["weeks"][0]["done"] == 4
