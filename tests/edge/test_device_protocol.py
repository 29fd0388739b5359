"""What the device makes of the server's bytes: a message, nothing, or InvalidInput."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput, MuvrError
from edge import protocol
from edge.client import DeviceClient
from edge.protocol import decode

OFFER = {"model": "m-1", "sensor_set": "a@50", "digest": "d", "bytes": 9}
MESSAGES: list[dict[str, Any]] = [
    {"type": "welcome", "version": 1, "credit": 32, "message_bytes_max": 16384, "models": [OFFER]},
    {"type": "model", **OFFER},
    {"type": "model_part", "digest": "d", "offset": 0, "total": 9, "data": b"123456789"},
    {"type": "ack", "user": "ann", "session": "s", "stream": "a", "next": 3},
    {
        "type": "recognised",
        "session": "s",
        "at_ms": 1,
        "exercise": "squat",
        "confidence": 0.5,
        "repetitions": 3,
    },
    {"type": "set", "session": "s", "start_ms": 1, "end_ms": 2, "exercise": "squat", "repetitions": 3},
    {"type": "rest", "session": "s", "since_ms": 1},
    {"type": "suggestion", "session": "s", "exercise": "squat", "repetitions": 3, "reason": "habit"},
    {
        "type": "tip",
        "session": "s",
        "at_ms": 9,
        "exercise": "squat",
        "kind": "stuck",
        "text": "Repetition 3 stood still for 1.2 s on its way.",
        "figure": 1.2,
        "stop": False,
    },
    {
        "type": "programme",
        "at_ms": 9,
        "heart_rate_limit": None,
        "prescriptions": [
            {
                "exercise": "squat",
                "sets": 3,
                "repetitions": 8,
                "days_per_week": 2,
                "tempo_s": {"least": None, "most": 4.0},
                "reach": {"least": 0.8, "most": None},
                "repetitions_limit": 12,
            }
        ],
    },
    {"type": "adherence", "at_ms": 9, "weeks": []},
    {"type": "consent", "at_ms": 9, "recognition": True, "statistics": False, "training": True},
    {
        "type": "plan",
        "session": "s",
        "at_ms": 1,
        "sets": [{"exercise": "squat", "weight_kg": None, "repetitions": 3, "rest_s": 60}],
        "week": [{"at_ms": 2, "exercises": ["squat"]}],
    },
    {"type": "record", "session": "s", "at_ms": 1, "exercise": "squat", "kind": "weight", "value": 80.0},
    {
        "type": "summary",
        "session": "s",
        "at_ms": 1,
        "set_count": 3,
        "volume_kg": 80.0,
        "streak_weeks": 2,
    },
    {
        "type": "overridden",
        "session": "s",
        "at_ms": 1,
        "what": "label",
        "by_session": "t",
        "by_device": "phone",
    },
    {"type": "ended", "session": "s", "at_ms": 1},
    {"type": "error", "code": "store", "wrong": "disk", "retry": True},
    {
        "type": "error",
        "code": "out_of_order",
        "wrong": "early",
        "expected": "3",
        "remedy": "again",
        "retry": True,
        "session": "s",
        "stream": "a",
        "nr": 5,
        "expected_nr": 3,
        "digest": "d",
    },
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = sorted({name for each in MESSAGES for name in each})


def is_answered(data: bytes) -> None:
    """Neither the decoder nor a client in the midst of a session raises anything but MuvrError."""
    try:
        message = decode(data)
    except InvalidInput:
        message = None
    assert message is None or isinstance(message["type"], str)
    client = DeviceClient("token", "watch-1", verify_key=bytes(32))
    client.receive(protocol.encode(MESSAGES[0]))
    client.open_session("s", 0, "server", [("a", "a", "wrist")])
    client.close_session("s", 1)
    client.to_send()
    try:
        client.receive(data)
        client.to_send()
    except MuvrError:
        pass
    assert len(client.outbox) <= 2


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message["type"])
def test_a_message_is_taken_as_it_is(message: dict[str, Any]) -> None:
    data = protocol.encode(message | {"of a newer server": [1]})
    assert decode(data) == message | {"of a newer server": [1]}
    is_answered(data)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message["type"])
def test_each_field_must_be_there_with_its_type(message: dict[str, Any]) -> None:
    for name in protocol._FIELDS[message["type"]]:
        for wrong in (None, {}, object):
            changed = {key: value for key, value in message.items() if key != name}
            with pytest.raises(InvalidInput, match=name):
                decode(protocol.encode(changed if wrong is object else changed | {name: wrong}))


@pytest.mark.parametrize("field", ["session", "stream", "nr", "expected_nr", "digest", "expected", "remedy"])
def test_what_an_error_may_hold_has_its_type_too(field: str) -> None:
    for wrong in ([], {}, 1.5, True, "3" if field.endswith("nr") else 3):
        with pytest.raises(InvalidInput, match=field):
            decode(protocol.encode(MESSAGES[-1] | {field: wrong}))


def test_true_is_no_number() -> None:
    with pytest.raises(InvalidInput, match="next"):
        decode(protocol.encode(MESSAGES[3] | {"next": True}))


def test_a_type_of_a_newer_server_is_passed_over() -> None:
    assert decode(protocol.encode({"type": "of_tomorrow"})) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x80",
        b"\x93" * 100_000,
        b"\x81\xa4type" * 50_000,
        b"\xdf\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        msgpack.packb({"type": ["ack"]}),
        msgpack.packb({1: 2}),
        msgpack.packb([]),
        b"\x81\xa4type\xa2\xff\xff",
        msgpack.packb({"type": "welcome", "version": 1, "credit": 1, "models": [[OFFER]]}),
        msgpack.packb({"type": "welcome", "version": 1, "credit": 1, "models": [OFFER | {"digest": []}]}),
        msgpack.packb({"type": "welcome", "version": 1, "credit": float("nan"), "models": []}),
    ],
)
def test_hostile_bytes_are_refused_in_words(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="the server sent"):
        decode(data)
    is_answered(data)


@given(st.binary(max_size=100))
def test_any_bytes_are_answered(data: bytes) -> None:
    is_answered(data)


@given(st.sampled_from(MESSAGES), st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3))
def test_any_value_in_any_field_is_answered(message: dict[str, Any], changed: dict[str, Any]) -> None:
    is_answered(protocol.encode(message | changed))


@given(st.sampled_from(MESSAGES), st.integers(0, 10_000), st.binary(max_size=4))
def test_an_altered_message_is_answered(message: dict[str, Any], place: int, other: bytes) -> None:
    data = protocol.encode(message)
    place %= len(data)
    is_answered(data[:place] + other + data[place + 1 :])
