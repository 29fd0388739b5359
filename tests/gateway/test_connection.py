"""A device connection without I/O: who may say what, how much, and what every mistake is answered with."""

from __future__ import annotations

from typing import Any

import jwt
import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.care_commands import RecordForm
from domain.commands import (
    AcceptFrame,
    CloseSession,
    ConfirmLabel,
    ContributeExercise,
    OpenSession,
    RecordSet,
    RefuseSuggestion,
    SetPlan,
    SetTraining,
    SuggestHere,
    TellProfile,
    WithdrawLabel,
)
from domain.identifiers import UserId
from gateway.devices import protocol
from gateway.devices.connection import CREDIT, INVALID_MAX, UNANSWERED_MAX, Connection
from gateway.devices.connection_output import CLOSE_MOVED, CLOSE_POLICY, Output
from gateway.devices.offers import Offers
from gateway.lanes import LANE_BATCHES_MAX
from tests.gateway.device_example import (
    KEY,
    MESSAGES,
    MODEL_DIGEST,
    error_of,
    gateway_token,
    hello,
    make_tokens,
    message,
    token,
    welcomed,
)

FOREVER_S = 4_000_000_000
COMMAND_TYPES = {
    "open": OpenSession,
    "frame": AcceptFrame,
    "label": ConfirmLabel,
    "set": RecordSet,
    "form": RecordForm,
    "training": SetTraining,
    "refuse": RefuseSuggestion,
    "plan": SetPlan,
    "exercise": ContributeExercise,
    "profile": TellProfile,
    "measure": TellProfile,
    "withdraw": WithdrawLabel,
    "suggestion": SuggestHere,
    "close": CloseSession,
}


def assert_cut_off(output: Output, code: str) -> None:
    assert error_of(output).code == code
    assert output.close_code == CLOSE_POLICY
    assert output.close_reason.startswith(error_of(output).wrong)


def test_hello_is_answered_with_the_limits_and_the_models(offers: Offers) -> None:
    connection = Connection(make_tokens(), offers)
    output = connection.receive(hello())
    (welcome,) = output.send
    assert isinstance(welcome, protocol.Welcome)
    assert (welcome.version, welcome.credit, welcome.message_bytes_max) == (1, CREDIT, 16_384)
    assert [offer.digest for offer in welcome.models] == [MODEL_DIGEST]
    assert (connection.is_authenticated, connection.users, output.joined) == (True, {"ann"}, ["ann"])


@pytest.mark.parametrize("kind", MESSAGES)
def test_nothing_is_taken_before_hello(offers: Offers, kind: str) -> None:
    connection = Connection(make_tokens(), offers)
    assert_cut_off(connection.receive(message(kind)), "not_authorised")
    assert not connection.users


def test_no_model_is_given_before_hello(offers: Offers) -> None:
    asked = msgpack.packb({"type": "get_model", "digest": MODEL_DIGEST, "offset": 0})
    assert_cut_off(Connection(make_tokens(), offers).receive(asked), "not_authorised")


@pytest.mark.parametrize("version", [0, 2, -1, 2**63])
def test_another_version_is_turned_away(offers: Offers, version: int) -> None:
    assert_cut_off(Connection(make_tokens(), offers).receive(hello(version=version)), "not_authorised")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(make_tokens().issue("ann", "device", 0), id="expired"),  # type: ignore[arg-type]
        pytest.param(token("ann", "operator"), id="operator"),
        pytest.param(jwt.encode({"sub": "ann", "scope": "device", "exp": FOREVER_S}, b"w" * 32), id="forged"),
        pytest.param(
            jwt.encode({"sub": "ann", "scope": "device", "exp": FOREVER_S}, "", algorithm="none"), id="none"
        ),
        pytest.param(jwt.encode({"sub": "../x", "scope": "device", "exp": FOREVER_S}, KEY), id="no-user"),
        pytest.param("W1tb" * 3000 + ".e30.e30", id="deep"),
    ],
)
def test_a_token_that_is_not_good_for_devices_is_turned_away(offers: Offers, text: str) -> None:
    connection = Connection(make_tokens(), offers)
    assert_cut_off(connection.receive(hello(text)), "not_authorised")
    assert not connection.is_authenticated


@pytest.mark.parametrize("device", ["", "a b", "x" * 65, "../etc", "\x00", "é"])
def test_a_device_needs_a_name(offers: Offers, device: str) -> None:
    connection = Connection(make_tokens(), offers)
    assert error_of(connection.receive(hello(device=device))).code == "invalid_input"
    assert not connection.is_authenticated


def test_a_second_hello_changes_nothing(offers: Offers) -> None:
    connection = welcomed(offers)
    assert error_of(connection.receive(hello(token("ben"), device="other"))).code == "invalid_input"
    ((user, command),) = connection.receive(message("open")).forward
    assert isinstance(command, OpenSession)
    assert (user, command.device, connection.users) == ("ann", "watch-1", {"ann"})


@pytest.mark.parametrize("kind", MESSAGES)
def test_each_message_becomes_its_command_for_the_tokens_user(offers: Offers, kind: str) -> None:
    for named in ({}, {"user": "ann"}):
        ((user, command),) = welcomed(offers).receive(message(kind, **named)).forward
        assert (user, type(command)) == ("ann", COMMAND_TYPES[kind])


def test_another_users_message_ends_the_connection(offers: Offers) -> None:
    assert_cut_off(welcomed(offers).receive(message("open", user="ben")), "not_authorised")


def test_a_gateway_names_the_user_of_each_message_and_joins_each_once(offers: Offers) -> None:
    connection = welcomed(offers, gateway_token())
    assert connection.users == set()
    joined = []
    for user in ("ann", "ben", "ann"):
        output = connection.receive(message("open", user=user))
        assert [each for each, _ in output.forward] == [user]
        joined += output.joined
    assert (joined, connection.users) == (["ann", "ben"], {"ann", "ben"})


@pytest.mark.parametrize("named", [{}, {"user": None}, {"user": "a b"}, {"user": "*"}, {"user": "x" * 70}])
@pytest.mark.parametrize("kind", MESSAGES)
def test_a_gateways_message_of_nobody_is_refused_by_its_number(
    offers: Offers, kind: str, named: dict[str, Any]
) -> None:
    connection = welcomed(offers, gateway_token())
    error = error_of(connection.receive(message(kind, **named)))
    assert (error.code, error.session, error.nr) == ("invalid_input", "s", MESSAGES[kind]["nr"])
    assert error.user == (named.get("user") and named["user"][:64])
    assert not connection.users


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("open", {"session": "no session"}),
        ("open", {"recogniser": "nobody"}),
        ("open", {"nr": 1}),
        ("open", {"at_ms": -1}),
        ("open", {"streams": [["a", "x", "wrist"]]}),
        ("open", {"streams": [["a", "a", "wrist"]] * 2}),
        ("open", {"streams": [[str(nr), "a", "wrist"] for nr in range(17)]}),
        ("frame", {"nr": -1}),
        ("frame", {"nr": 2**31}),
        ("frame", {"stream": ""}),
        ("frame", {"sensor": "q"}),
        ("frame", {"samples": b""}),
        ("frame", {"samples": bytes(7)}),
        ("frame", {"samples": bytes(2 * 4097)}),
        ("frame", {"rate_hz": float("nan")}),
        ("frame", {"rate_hz": 0.0}),
        ("frame", {"scale": float("inf")}),
        ("frame", {"start_ms": 2**63}),
        ("label", {"end_ms": MESSAGES["label"]["start_ms"]}),
        ("label", {"repetitions": 10_001}),
        ("label", {"weight_kg": float("nan")}),
        ("set", {"confidence": float("nan")}),
        ("set", {"model": ""}),
        ("close", {"nr": 2**63}),
    ],
)
def test_a_broken_limit_is_answered_with_the_stream_and_number_it_concerns(
    offers: Offers, kind: str, changed: dict[str, Any]
) -> None:
    sent = MESSAGES[kind] | changed
    error = error_of(welcomed(offers).receive(message(kind, **changed)))
    assert error.code in ("invalid_input", "invalid_frame")
    assert (error.user, error.session, error.nr) == ("ann", sent["session"], sent["nr"])
    assert error.stream == (sent["stream"] if kind == "frame" else "")
    assert not error.retry
    assert error.expected_nr is None


def test_refused_messages_use_no_credit_and_do_not_end_a_connection(offers: Offers) -> None:
    connection = welcomed(offers)
    for _ in range(3 * UNANSWERED_MAX):
        assert connection.receive(message("frame", samples=b"")).close_code is None
    assert connection.receive(message("open")).forward


def test_a_device_that_ignores_its_credit_is_cut_off(offers: Offers) -> None:
    connection = welcomed(offers)
    for nr in range(UNANSWERED_MAX):
        assert connection.receive(message("frame", nr=nr)).close_code is None
    assert_cut_off(connection.receive(message("frame", nr=UNANSWERED_MAX)), "invalid_input")


def test_a_device_within_its_credit_is_not_cut_off_for_what_others_in_its_batches_wait_for(
    offers: Offers,
) -> None:
    """Acknowledged, it sends more; but a batch counts as answered when everybody in it is."""
    connection = welcomed(offers)
    for nr in range((LANE_BATCHES_MAX + 1) * CREDIT):
        assert connection.receive(message("frame", nr=nr)).close_code is None


@given(st.lists(st.integers(1, UNANSWERED_MAX), max_size=6), st.booleans())
def test_the_account_returns_to_zero_when_every_answer_came(
    offers: Offers, bursts: list[int], with_overrun: bool
) -> None:
    connection = welcomed(offers)
    if with_overrun:
        bursts = [*bursts, UNANSWERED_MAX + 1]
    for burst in bursts:
        forwarded = sum(len(connection.receive(message("frame", nr=nr)).forward) for nr in range(burst))
        connection.answered(UserId("ann"), forwarded)
    for nr in range(UNANSWERED_MAX):  # all of the credit is there again
        assert connection.receive(message("frame", nr=nr)).forward


def test_a_connection_that_cannot_be_read_is_cut_off(offers: Offers) -> None:
    connection = welcomed(offers)
    for _ in range(INVALID_MAX - 1):
        output = connection.receive(b"\xc1")
        assert (error_of(output).code, output.close_code) == ("invalid_input", None)
    assert_cut_off(connection.receive(b"\xc1"), "invalid_input")


def assert_moved(output: Output) -> None:
    """A device of one user goes where the user is; nothing is taken of it here."""
    assert output.send == [protocol.Redirect(url="ws://there")]
    assert (output.close_code, output.close_reason) == (CLOSE_MOVED, "the user is served elsewhere")
    assert not output.forward


def test_hello_of_a_user_whom_another_node_serves_is_answered_with_where(offers: Offers) -> None:
    connection = Connection(make_tokens(), offers, {"ann": "ws://there"}.get)
    output = connection.receive(hello())
    assert_moved(output)
    assert (connection.users, output.joined, output.left) == (set(), [], [])


def test_who_is_turned_away_is_not_told_where_the_user_is(offers: Offers) -> None:
    connection = Connection(make_tokens(), offers, {"ann": "ws://there"}.get)
    assert_cut_off(connection.receive(hello(token("ann", "operator"))), "not_authorised")


def test_a_user_who_moves_takes_a_device_along(offers: Offers) -> None:
    connection = welcomed(offers)
    connection.receive(message("open"))
    output = connection.redirect(UserId("ann"), "ws://there")
    assert_moved(output)
    assert (connection.users, output.left) == (set(), ["ann"])


def test_of_a_gateways_users_only_those_who_moved_are_redirected(offers: Offers) -> None:
    served: dict[str, str] = {"ben": "ws://there"}
    connection = Connection(make_tokens(), offers, served.get)
    connection.receive(hello(gateway_token()))
    for user in ("ann", "cat"):
        assert connection.receive(message("open", user=user)).forward
    for _ in range(2 * UNANSWERED_MAX):  # each message is answered, and none counts
        output = connection.receive(message("open", user="ben"))
        assert output.send == [protocol.Redirect(url="ws://there", user="ben")]
        assert (output.forward, output.joined, output.left, output.close_code) == ([], [], [], None)
    served["cat"] = "ws://there"
    output = connection.redirect(UserId("cat"), "ws://there")
    assert output.send == [protocol.Redirect(url="ws://there", user="cat")]
    assert (output.left, output.close_code, connection.users) == (["cat"], None, {"ann"})
    assert not connection.receive(message("frame", user="cat")).forward
    assert connection.receive(message("frame", user="ann")).forward


def test_a_user_who_comes_back_is_served_on_the_same_connection(offers: Offers) -> None:
    served = {"ann": "ws://there"}
    connection = Connection(make_tokens(), offers, served.get)
    connection.receive(hello(gateway_token()))
    assert not connection.receive(message("open", user="ann")).forward
    served.clear()
    output = connection.receive(message("open", user="ann"))
    assert ([user for user, _ in output.forward], output.joined) == (["ann"], ["ann"])
