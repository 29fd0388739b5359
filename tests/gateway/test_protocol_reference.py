"""The reference of docs/protocol.md has the messages, fields, types, defaults and limits of the code."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Any, get_args

import msgpack
import pytest

from domain.errors import MuvrError
from gateway.access import OPEN, ROUTES
from gateway.api.resources.accounts import TokenPair
from gateway.auth import ACCESS_SECONDS
from gateway.devices import connection, protocol, server
from gateway.devices.connection import Connection
from gateway.devices.limits import Limits
from gateway.devices.offers import Offers
from persistence.logins import LOST_ANSWER_MS, REFRESH_MS
from tests.gateway.device_example import (
    CARE_MESSAGES,
    CONSENT,
    MESSAGES,
    START_MS,
    hello,
    make_tokens,
    token,
    welcomed,
)
from tests.gateway.protocol_reference import MAPS, PAGE, REQUIRED, Field, described, title_of, written

DEVICE, SERVER = get_args(protocol.DeviceMessage), get_args(protocol.ServerMessage)
KINDS = {title_of(kind, "device"): kind for kind in DEVICE}
KINDS |= {title_of(kind, "server"): kind for kind in SERVER}
KINDS |= {f"map {name}": kind for name, kind in MAPS.items()}
TOLD = described()
RANGE = re.compile(r"^(above )?(-?[\d.]+) to (-?[\d.]+)(?= |$)")
WORDS = re.compile(r"^one of (.+)$")
IDENTIFIER = "identifier"
NO_IDENTIFIERS = ("", "a b", "-a", "x" * 65)


def test_the_page_has_the_messages_and_maps_of_the_code_and_no_others() -> None:
    assert sorted(TOLD) == sorted(KINDS)


@pytest.mark.parametrize("title", KINDS)
def test_a_message_has_the_fields_of_the_code_with_their_types_and_defaults(title: str) -> None:
    told = {
        name: (field.kind, REQUIRED[0] if field.default in REQUIRED else field.default)
        for name, field in TOLD[title].items()
    }
    assert told == written(KINDS[title])


# Where maps stand in a message, and one that is right.
EXERCISE = {"exercise": "squat", "set_count": 3, "repetitions": 5}
PRESCRIPTION = {"exercise": "squat", "sets": 3, "repetitions": 10, "days_per_week": 2}
INSIDE: dict[str, tuple[str, dict[str, Any], Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "map place": ("training", {"name": "home"}, lambda place: {"place": place}),
    "map planned session": (
        "plan",
        {"name": "legs", "exercises": [EXERCISE]},
        lambda session: {"sessions": [session]},
    ),
    "map planned exercise": (
        "plan",
        EXERCISE,
        lambda exercise: {"sessions": [{"name": "legs", "exercises": [exercise]}]},
    ),
    "map prescription": ("prescribe", PRESCRIPTION, lambda each: {"prescriptions": [each]}),
}


def limits() -> Iterator[Any]:
    for title, fields in TOLD.items():
        if title in INSIDE or (title.startswith("device") and "hello" not in title):
            for name, field in fields.items():
                is_probed = RANGE.match(field.limit) or WORDS.match(field.limit) or field.limit == IDENTIFIER
                if is_probed and name != "user" and field.kind != "map bounds":
                    yield pytest.param(title, name, field, id=f"{title}.{name}")


@pytest.mark.parametrize(("title", "name", "field"), list(limits()))
def test_a_limit_of_the_page_is_where_the_code_has_it(
    offers: Offers, title: str, name: str, field: Field
) -> None:
    inside, outside = probes(field)
    for value in inside:
        assert is_taken(offers, title, name, value), f"{name}={value!r} is refused"
    for value in outside:
        assert not is_taken(offers, title, name, value), f"{name}={value!r} is taken"


def probes(field: Field) -> tuple[list[Any], list[Any]]:
    """Values that are just inside a limit, and just outside."""
    if (words := WORDS.match(field.limit)) is not None:
        return re.findall(r"`([\w-]+)`", words[1]), ["", "nonsense"]
    if field.limit == IDENTIFIER:
        return ["a", "x" * 64, "0_.:@-"], list(NO_IDENTIFIERS)
    found = RANGE.match(field.limit)
    assert found is not None
    low, high = float(found[2]), float(found[3])
    if field.limit.endswith("after `start_ms`"):
        low, high = START_MS + low, START_MS + high
    if field.kind == "bin":
        return [bytes(int(low)), bytes(int(high))], [bytes(int(low) - 2), bytes(int(high) + 2)]
    if field.kind.startswith("int"):
        return [int(low), int(high)], [int(low) - 1, int(high) + 1]
    step = 1e-2
    return [low + step if found[1] else low, high], [low if found[1] else low - step, high + step]


def is_taken(offers: Offers, title: str, name: str, value: object) -> bool:
    """Whether the server takes a message of that kind that is otherwise right."""
    if title in INSIDE:
        kind, right, put = INSIDE[title]
        name, value = next(iter(put(right | {name: value}).items()))
    else:
        kind = title.split("`")[1]
    fields = dict((MESSAGES | CARE_MESSAGES | {"consent": CONSENT})[kind])
    if kind == "frame":
        fields |= {"samples": bytes(6), "sensor": "h"} if name == "samples" else {"samples": bytes(6)}
    if name == "start_ms" and "end_ms" in fields and isinstance(value, int):
        fields["end_ms"] = value + 1
    if name == "repetitions":
        fields |= {"within": None} if kind == "form" else {}
    device = welcomed(offers, token("ann", "coach") if kind in CARE_MESSAGES else None)
    output = device.receive(msgpack.packb(fields | {name: value}))
    return bool(output.forward or output.wishes)


def test_every_error_code_of_the_table_is_one_of_the_code() -> None:
    codes = {kind.code for kind in _subclasses(MuvrError) if kind.__module__ == "domain.errors"}
    table = PAGE[PAGE.index("| code | what happened") : PAGE.index("| close code |")]
    firsts = {code for row in table.splitlines() for code in re.findall(r"`(\w+)`", row.split(" | ")[0])}
    assert firsts - {"session", "digest", "retry", "user"} <= codes
    assert {"too_slow", "too_often", "not_owner", "out_of_order", "rejected"} <= firsts


def test_what_is_said_of_tokens_is_so() -> None:
    tokens = PAGE[PAGE.index("## Tokens") : PAGE.index("## Beginning")]
    assert ACCESS_SECONDS["device"] == 3600, "an hour, and four fifths of it are 48 minutes"
    assert f"for {REFRESH_MS // 86_400_000} days" in tokens
    assert f"within {LOST_ANSWER_MS // 1000} s" in tokens
    for field in dataclasses.fields(TokenPair):
        assert f"`{field.name}`" in tokens
    for method, path in re.findall(r"`(POST) (/v1/[^`]+)`", tokens):
        assert ROUTES[f"{method} {path}"] is OPEN


def test_the_limits_of_the_server_are_told() -> None:
    limits_of_page = PAGE[PAGE.index("## Limits") : PAGE.index("## Live messages")]
    default = Limits()
    for value in (
        default.connections_max,
        default.strangers_max,
        int(default.user_messages_per_second),
        int(default.user_messages_per_second * default.burst_seconds),
        int(default.gateway_messages_per_second),
        int(default.gateway_messages_per_second * default.burst_seconds),
        int(default.strikes_per_second),
        default.strikes_at_once,
        protocol.MESSAGE_BYTES_MAX,
        connection.UNANSWERED_MAX,
        connection.INVALID_MAX,
    ):
        assert f"{value:,}" in limits_of_page, value
    for seconds in (
        default.hello_seconds,
        default.ping_seconds,
        default.slow_seconds,
        default.goodbye_seconds,
    ):
        assert f"{seconds:g} s" in limits_of_page
    assert default.outgoing_bytes_max == 1 << 20
    assert f"{connection.GATEWAY_CREDIT:,}" in PAGE
    assert server.LEAD_MS + server.SPREAD_MS_MAX <= 60_000


def test_a_hello_of_the_page_is_answered(offers: Offers) -> None:
    device = Connection(make_tokens(), offers)
    assert device.receive(hello()).send
    for name in NO_IDENTIFIERS:
        assert not Connection(make_tokens(), offers).receive(hello(device=name)).joined


def _subclasses(kind: type[MuvrError]) -> list[type[MuvrError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in _subclasses(child))]
