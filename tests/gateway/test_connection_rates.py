"""How much one connection, and each of a gateway's users, may send: the credit and the rates."""

from __future__ import annotations

import pytest

from domain.identifiers import UserId
from gateway.devices import protocol
from gateway.devices.connection import CREDIT, GATEWAY_CREDIT, UNANSWERED_MAX, Connection
from gateway.devices.limits import Limits
from gateway.devices.offers import Offers
from tests.gateway.device_example import (
    error_of,
    gateway_token,
    hello,
    make_tokens,
    message,
)


def of_a_gateway(offers: Offers, now_s: list[float], **limits: float) -> Connection:
    connection = Connection(make_tokens(), offers, limits=Limits(**limits), now_s=lambda: now_s[0])
    (welcome,) = connection.receive(hello(gateway_token())).send
    assert isinstance(welcome, protocol.Welcome)
    assert (welcome.credit, welcome.user_credit) == (GATEWAY_CREDIT, CREDIT)
    return connection


def test_of_a_gateways_user_who_ignores_the_credit_no_more_is_taken_and_the_others_are_served(
    offers: Offers,
) -> None:
    connection = of_a_gateway(offers, [0.0])
    for nr in range(UNANSWERED_MAX):
        assert connection.receive(message("frame", user="ann", nr=nr)).forward
    refused = connection.receive(message("frame", user="ann", nr=UNANSWERED_MAX))
    error = error_of(refused)
    assert (error.code, error.retry, error.user, error.stream) == ("too_often", True, "ann", "a")
    assert (error.nr, refused.close_code) == (UNANSWERED_MAX, None)
    assert connection.receive(message("open", user="ben")).forward
    connection.answered(UserId("ann"), 1)
    assert connection.receive(message("frame", user="ann", nr=UNANSWERED_MAX)).forward


def test_a_gateways_user_has_a_rate_and_so_has_the_gateway(offers: Offers) -> None:
    now_s = [0.0]
    rates = {"user_messages_per_second": 10.0, "gateway_messages_per_second": 100.0, "burst_seconds": 1.0}
    connection = of_a_gateway(offers, now_s, **rates)
    outputs = [connection.receive(message("open", user="ann")) for _ in range(50)]
    taken = sum(len(output.forward) for output in outputs)
    assert 10 <= taken <= 12
    assert {output.send[0].code for output in outputs if output.send} == {"too_often"}  # type: ignore[union-attr]
    assert connection.receive(message("open", user="ben")).forward
    assert not any(output.pause_s for output in outputs)
    assert any(connection.receive(message("open", user=f"u{nr}")).pause_s > 0 for nr in range(60))
    now_s[0] += 1.0
    assert connection.receive(message("open", user="ann")).forward


def test_a_device_beyond_its_rate_is_to_be_read_later(offers: Offers) -> None:
    now_s, limits = [0.0], Limits(user_messages_per_second=10.0, burst_seconds=1.0)
    connection = Connection(make_tokens(), offers, limits=limits, now_s=lambda: now_s[0])
    connection.receive(hello())
    pauses_s = [connection.receive(message("frame", nr=nr)).pause_s for nr in range(20)]
    assert pauses_s[:9] == [0.0] * 9
    assert pauses_s[-1] == pytest.approx(1.1)
    now_s[0] += 5.0
    assert connection.receive(message("frame", nr=20)).pause_s == 0
