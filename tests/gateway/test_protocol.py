"""What devices send and are sent: hostile bytes are answered, and both implementations say the same."""

from __future__ import annotations

import math
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.commands import Stream
from domain.errors import MuvrError, NotAuthorised
from domain.frames import SensorFrame
from domain.identifiers import SessionId, StreamId
from domain.replies import (
    Acknowledged,
    ExerciseAdvised,
    ExerciseRecognised,
    RecordBroken,
    Refused,
    Reply,
    RestBegan,
    SessionEnded,
    SessionPlanned,
    SessionSummed,
    SetFound,
    SetUpBegan,
)
from edge import protocol as edge_protocol
from edge.client import DeviceClient
from gateway.devices import coach_messages, protocol
from gateway.devices.connection import Connection
from gateway.devices.offers import Offers
from gateway.devices.replies import message_of
from tests.everything_sent import everything_sent
from tests.gateway.device_example import (
    MESSAGES,
    gateway_token,
    make_tokens,
    message,
    welcomed,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = sorted({name for fields in MESSAGES.values() for name in fields} | {"user", "digest", "offset"})


@given(st.binary(max_size=200))
def test_any_bytes_are_answered(offers: Offers, data: bytes) -> None:
    for connection in (Connection(make_tokens(), offers), welcomed(offers)):
        assert _code(connection, data) == "invalid_input"


@given(
    st.sampled_from([*MESSAGES, "hello", "get_model"]),
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=3),
    st.booleans(),
)
def test_any_value_in_any_field_is_answered_or_forwarded(
    offers: Offers, kind: str, changed: dict[str, Any], is_gateway: bool
) -> None:
    connection = welcomed(offers, gateway_token() if is_gateway else None)
    data = msgpack.packb(MESSAGES.get(kind, {"type": kind}) | changed)
    output = connection.receive(data)
    assert len(output.send) + len(output.forward) == 1
    for answer in output.send:
        assert protocol.encode(answer)


@given(st.sampled_from(sorted(MESSAGES)), st.integers(0, 10_000), st.binary(max_size=4))
def test_an_altered_message_is_answered_or_forwarded(
    offers: Offers, kind: str, place: int, other: bytes
) -> None:
    data = message(kind)
    place %= len(data)
    output = welcomed(offers).receive(data[:place] + other + data[place + 1 :])
    assert len(output.send) + len(output.forward) == 1


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x91" * 16_000, id="nested-lists"),
        pytest.param(b"\x81\xa1x" * 5_000, id="nested-maps"),
        pytest.param(b"\x81\xa4type" + b"\x91" * 16_000, id="nested-type"),
        pytest.param(b"\xdd\xff\xff\xff\xff", id="huge-list"),
        pytest.param(b"\xdf\xff\xff\xff\xff", id="huge-map"),
        pytest.param(b"\xc6\xff\xff\xff\xff", id="huge-bytes"),
        pytest.param(message("open", user="\ud800".encode("utf-8", "surrogatepass")), id="bytes-for-text"),
        pytest.param(bytes(protocol.MESSAGE_BYTES_MAX + 1), id="too-long"),
        pytest.param(b"", id="empty"),
    ],
)
def test_hostile_bytes_are_answered(offers: Offers, data: bytes) -> None:
    assert _code(welcomed(offers), data) == "invalid_input"


def _code(connection: Connection, data: bytes) -> str:
    output = connection.receive(data)
    (error,) = output.send
    assert isinstance(error, protocol.Error)
    assert not output.forward
    return error.code


TEXT = st.text(max_size=20)
NUMBERS = st.integers(0, 2**31 - 1)
TIMES = st.integers(0, 2**42)
FLOATS = st.floats(0, 1)


@given(
    TEXT, NUMBERS, TIMES, st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=4), st.binary(max_size=50), FLOATS
)
def test_the_server_reads_what_the_device_writes(
    session: str,
    number: int,
    time_ms: int,
    streams: list[tuple[str, str, str]],
    samples: bytes,
    value: float,
) -> None:
    client = DeviceClient("secret", "watch-1")
    client.receive(edge_protocol.encode({"type": "welcome", "version": 1, "credit": 9, "models": []}))
    client.open_session(session, time_ms, "device", streams)
    frame = SensorFrame(
        session=SessionId(session),
        stream=StreamId("a"),
        sequence_nr=0,
        sensor="a",
        start_ms=time_ms,
        rate_hz=value,
        scale=value,
        samples=samples,
    )
    client.frame(frame)
    client.label(session, time_ms, time_ms + 1, "squat", number, value)
    client.label(session, time_ms, time_ms + 1, "squat", None, None)
    client.record_set(session, time_ms, time_ms + 1, "squat", value, number, "m-1")
    client.training(session, time_ms, goal="muscle", place={"name": "home", "equipment": []})
    client.refuse(session, time_ms, "squat")
    client.close_session(session, time_ms)
    common: dict[str, Any] = {
        "session": session,
        "start_ms": time_ms,
        "end_ms": time_ms + 1,
        "exercise": "squat",
    }
    declared = tuple(
        Stream(stream=StreamId(s), sensor=letter, location=where) for s, letter, where in streams
    )
    assert [protocol.decode(data) for data in everything_sent(client)] == [
        protocol.Open(session=session, nr=0, at_ms=time_ms, recogniser="device", streams=declared),
        protocol.Frame(
            session=session,
            stream="a",
            nr=0,
            sensor="a",
            start_ms=time_ms,
            rate_hz=value,
            scale=value,
            samples=samples,
        ),
        protocol.Label(nr=1, repetitions=number, weight_kg=value, **common),
        protocol.Label(nr=2, **common),
        protocol.RecognisedSet(nr=3, confidence=value, repetitions=number, model="m-1", **common),
        coach_messages.TrainingWishes(
            session=session,
            nr=4,
            at_ms=time_ms,
            goal="muscle",
            place=coach_messages.PlaceOfTraining(name="home", equipment=()),
        ),
        coach_messages.Refuse(session=session, nr=5, at_ms=time_ms, exercise="squat"),
        protocol.Close(session=session, nr=6, at_ms=time_ms),
    ]
    assert protocol.decode(client.hello()) == protocol.Hello(version=1, token="secret", device="watch-1")


REPLIES: st.SearchStrategy[Reply] = st.one_of(
    *(
        st.from_type(kind)
        for kind in (
            Acknowledged,
            ExerciseRecognised,
            SetFound,
            RestBegan,
            SetUpBegan,
            ExerciseAdvised,
            SessionPlanned,
            RecordBroken,
            SessionSummed,
            SessionEnded,
        )
    ),
    st.builds(
        Refused,
        session=TEXT,
        stream=TEXT,
        sequence_nr=NUMBERS,
        expected_nr=st.none() | NUMBERS,
        retry=st.booleans(),
    ),
)


def plain(value: Any) -> Any:
    """A message as another implementation sees it."""
    return msgpack.unpackb(msgpack.packb(msgspec.to_builtins(value, builtin_types=(bytes,))))


@example(
    ExerciseRecognised(session=SessionId("s"), at_ms=0, exercise="row", confidence=math.nan, repetitions=0)
)
@given(REPLIES)
def test_the_device_reads_what_the_server_writes(reply: Reply) -> None:
    _same(message_of("ann", reply))


@given(st.binary(max_size=50), TEXT, NUMBERS)
def test_the_device_reads_models_and_welcomes(data: bytes, name: str, number: int) -> None:
    offer = protocol.Offer(model=name, sensor_set="a@50", digest=name, bytes=number)
    _same(offer)
    _same(protocol.ModelPart(digest=name, offset=number, total=number, data=data))
    _same(
        protocol.Welcome(
            version=1, credit=number, user_credit=number, message_bytes_max=number, models=(offer, offer)
        )
    )
    _same(protocol.Redirect(url=name))
    _same(protocol.Redirect(url=name, user=name))
    _same(protocol.error_message(NotAuthorised(name, expected=name, remedy=name)))


def _same(sent: protocol.ServerMessage) -> None:
    try:
        data = protocol.encode(sent)
    except (OverflowError, UnicodeEncodeError):
        return  # a value that no session actor can produce
    read = edge_protocol.decode(data)
    assert read is not None
    received = {name: plain(value) for name, value in read.items()}
    # As bytes, in which a NaN is equal to itself.
    assert msgpack.packb(sorted(received.items())) == msgpack.packb(sorted(plain(sent).items()))


def test_every_error_code_keeps_its_meaning_on_the_way() -> None:
    kinds: list[type[MuvrError]] = [MuvrError]
    codes: dict[str, type[MuvrError]] = {}
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        codes.setdefault(kind.code, kind)
    for code, kind in codes.items():
        error = kind.__new__(kind)
        MuvrError.__init__(error, "wrong", expected="right", remedy="mend")
        read = edge_protocol.decode(protocol.encode(protocol.error_message(error)))
        assert read == {
            "type": "error",
            "code": code,
            "wrong": "wrong",
            "expected": "right",
            "remedy": "mend",
            "retry": kind.retry,
        }
