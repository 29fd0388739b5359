"""Who may prescribe and ask for adherence, and what a programme looks like on the wire."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.care_commands import AskAdherence, SetProgramme
from domain.identifiers import DeviceId, UserId
from domain.programme import Prescription, Programme, Span
from domain.replies import AdherenceTold, ProgrammeHeld, WeekAdhered
from edge import protocol as edge_protocol
from gateway.auth import ANY_USER, Scope
from gateway.devices import protocol
from gateway.devices.connection import Connection
from gateway.devices.connection_output import CLOSE_POLICY, Wish, not_theirs
from gateway.devices.offers import Offers
from gateway.devices.replies import message_of
from persistence.models import user_scope
from persistence.sqlite import SqliteStore
from tests.gateway.device_example import (
    CARE_MESSAGES,
    MESSAGES,
    START_MS,
    error_of,
    hello,
    make_tokens,
    message,
    offers_of,
    serve_model,
    token,
    welcomed,
)

BEN = UserId("ben")

PROGRAMME = Programme(
    at_ms=START_MS,
    prescriptions=(
        Prescription(
            exercise="squat", set_count=3, repetitions=10, days_per_week=2, reach=Span(least=0.8, most=None)
        ),
    ),
    heart_rate_limit=140,
)


def test_what_a_coach_wants_is_asked_for_and_not_done_yet(offers: Offers) -> None:
    connection = welcomed(offers, token("anna", "coach"))
    output = connection.receive(message("prescribe"))
    programme = SetProgramme(device=DeviceId("watch-1"), programme=PROGRAMME)
    assert not output.forward
    assert output.wishes == [
        Wish(user=BEN, coach=UserId("anna"), what="message prescribe", command=programme)
    ]
    (asked,) = connection.receive(message("get_adherence")).wishes
    assert (asked.user, asked.command) == ("ben", AskAdherence(at_ms=START_MS))
    assert not connection.users, "a coach sees no live messages"


def test_what_is_permitted_is_forwarded_and_what_is_not_is_told(offers: Offers) -> None:
    connection = welcomed(offers, token("anna", "coach"))
    (first,), (second,) = (connection.receive(message("prescribe")).wishes for _ in range(2))
    permitted = connection.permitted(first)
    assert (permitted.forward, permitted.joined) == ([(BEN, first.command)], [])
    denied = connection.denied(second, not_theirs(BEN))
    error = error_of(denied)
    assert (error.code, error.user, error.retry) == ("not_authorised", "ben", False)
    assert (denied.forward, denied.close_code) == ([], None)
    connection.answered(BEN, 1)
    assert (connection._unanswered_count, connection._unanswered) == (0, {})


def test_a_coach_is_told_where_a_patient_is_served(offers: Offers) -> None:
    hello_there = hello(token("anna", "coach"))
    connection = Connection(make_tokens(), offers, lambda user: "ws://b.example/")
    assert isinstance(connection.receive(hello_there).send[0], protocol.Welcome)
    (wish,) = connection.receive(message("prescribe")).wishes
    output = connection.permitted(wish)
    assert output.send == [protocol.Redirect(url="ws://b.example/", user="ben")]
    assert (output.forward, output.close_code, connection._unanswered_count) == ([], None, 0)


def test_a_coach_who_names_no_patient_or_has_no_name_gets_nothing(offers: Offers) -> None:
    connection = welcomed(offers, token("anna", "coach"))
    output = connection.receive(message("prescribe", user=None))
    assert ("no user" in error_of(output).wrong, output.wishes) == (True, [])
    output = Connection(make_tokens(), offers).receive(hello(token(ANY_USER, "coach")))
    assert (error_of(output).code, output.close_code) == ("not_authorised", CLOSE_POLICY)


def test_a_coach_is_offered_the_models_of_everyone_alone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    serve_model(store)
    serve_model(store, b"of anna", "own", scope=user_scope("anna"))
    output = Connection(make_tokens(), offers_of(store)).receive(hello(token("anna", "coach")))
    (welcome,) = output.send
    assert isinstance(welcome, protocol.Welcome)
    assert [offer.user for offer in welcome.models] == [None]


@pytest.mark.parametrize("kind", MESSAGES)
def test_who_prescribes_does_nothing_else(offers: Offers, kind: str) -> None:
    output = welcomed(offers, token("ann", "coach")).receive(message(kind))
    assert (error_of(output).code, output.close_code) == ("not_authorised", CLOSE_POLICY)


@pytest.mark.parametrize("scope", ["device", "user"])
@pytest.mark.parametrize("kind", CARE_MESSAGES)
def test_nobody_else_prescribes_or_asks(offers: Offers, kind: str, scope: Scope) -> None:
    output = welcomed(offers, token("ann", scope)).receive(message(kind))
    assert (error_of(output).code, output.close_code) == ("not_authorised", CLOSE_POLICY)


def test_a_broken_limit_is_told_without_a_session(offers: Offers) -> None:
    connection = welcomed(offers, token("ann", "coach"))
    error = error_of(connection.receive(message("prescribe", heart_rate_limit=900)))
    assert (error.code, error.user, error.session, error.nr) == ("invalid_input", "ben", None, None)
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
