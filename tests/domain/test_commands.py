"""Every limit of every command; whatever a device sends is a command or a refusal."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given

from domain.command_checks import check_command
from domain.commands import (
    REPETITIONS_MAX,
    STREAMS_MAX,
    WEIGHT_KG_MAX,
    AcceptFrame,
    CloseSession,
    Command,
    ConfirmLabel,
    OpenSession,
    RecordSet,
    RefuseSuggestion,
    SetTraining,
    Stream,
    session_of,
)
from domain.errors import InvalidInput
from domain.frames import EPOCH_MS_MAX
from domain.identifiers import DeviceId, SessionId, StreamId
from domain.sets import SET_MS_MAX
from domain.training import (
    EXCLUSIONS_MAX,
    LOAD_KG_MAX,
    LOADS_MAX,
    OFFSET_MIN_MAX,
    Place,
    Training,
)
from tests.domain.strategies import wild_commands
from tests.domain.test_frames import FRAME

SESSION = SessionId("s")
STREAM = Stream(stream=StreamId("a.wrist"), sensor="a", location="wrist")
OPEN = OpenSession(
    session=SESSION, command_nr=0, at_ms=1, device=DeviceId("d"), recogniser="server", streams=(STREAM,)
)
LABEL = ConfirmLabel(
    session=SESSION,
    command_nr=1,
    start_ms=1000,
    end_ms=2000,
    exercise="squat",
    repetitions=8,
    weight_kg=20.0,
)
RECORD = RecordSet(
    session=SESSION,
    command_nr=1,
    start_ms=1000,
    end_ms=2000,
    exercise="squat",
    confidence=0.5,
    repetitions=8,
    model_id="m",
)
REFUSE = RefuseSuggestion(session=SESSION, command_nr=1, at_ms=5, exercise="squat")
TRAINING = Training(
    at_ms=5,
    goal="strength",
    excluded_exercises=("deadlift",),
    excluded_muscles=("back",),
    place=Place(name="home", equipment=("band",), plates_kg=(1.25,), dumbbells_kg=(5.0,), stacks_kg=(7.0,)),
)
WISHES = SetTraining(session=SESSION, command_nr=1, training=TRAINING)
CLOSE = CloseSession(session=SESSION, command_nr=2, at_ms=5000)
FRAMED = AcceptFrame(frame=FRAME)


def wished(**fields: Any) -> Training:
    return msgspec.structs.replace(TRAINING, **fields)


def at_a_place(**fields: Any) -> Training:
    assert TRAINING.place is not None
    return wished(place=msgspec.structs.replace(TRAINING.place, **fields))


def many_streams(count: int) -> tuple[Stream, ...]:
    return tuple(Stream(stream=StreamId(f"a{nr}"), sensor="a", location="wrist") for nr in range(count))


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        (OPEN, {}),
        (OPEN, {"at_ms": 0, "streams": ()}),
        (OPEN, {"at_ms": EPOCH_MS_MAX, "streams": many_streams(STREAMS_MAX)}),
        (LABEL, {"repetitions": None, "weight_kg": None}),
        (LABEL, {"repetitions": 0, "weight_kg": 0.0}),
        (LABEL, {"repetitions": REPETITIONS_MAX, "weight_kg": WEIGHT_KG_MAX}),
        (LABEL, {"end_ms": 1001}),
        (LABEL, {"end_ms": 1000 + SET_MS_MAX, "command_nr": 2**31 - 1}),
        (RECORD, {"confidence": 0.0, "repetitions": 0}),
        (RECORD, {"confidence": 1.0}),
        (CLOSE, {}),
        (FRAMED, {}),
        (REFUSE, {}),
        (WISHES, {}),
        (WISHES, {"training": Training()}),
        (WISHES, {"training": wished(excluded_exercises=("squat",) * (EXCLUSIONS_MAX - 1))}),
        (WISHES, {"training": wished(utc_offset_min=-OFFSET_MIN_MAX)}),
        (WISHES, {"training": at_a_place(bar_kg=0.0, plates_kg=(LOAD_KG_MAX,) * LOADS_MAX)}),
    ],
)
def test_limits_are_inclusive(command: Command, fields: dict[str, Any]) -> None:
    within = msgspec.structs.replace(command, **fields)
    assert check_command(within) is within


@pytest.mark.parametrize(
    ("command", "fields", "wrong"),
    [
        (OPEN, {"session": ""}, "session"),
        (OPEN, {"command_nr": 1}, "command 1"),
        (OPEN, {"command_nr": -1}, "command number"),
        (OPEN, {"at_ms": -1}, "at_ms"),
        (OPEN, {"at_ms": EPOCH_MS_MAX + 1}, "at_ms"),
        (OPEN, {"device": ""}, "device"),
        (OPEN, {"device": "d" * 10_000}, "device"),
        (OPEN, {"streams": many_streams(STREAMS_MAX + 1)}, "17 streams"),
        (OPEN, {"streams": (STREAM, STREAM)}, "two streams"),
        (OPEN, {"streams": (msgspec.structs.replace(STREAM, stream=StreamId("")),)}, "stream"),
        (OPEN, {"streams": (msgspec.structs.replace(STREAM, sensor="x"),)}, "sensor"),
        (OPEN, {"streams": (msgspec.structs.replace(STREAM, location="on the arm"),)}, "location"),
        (LABEL, {"command_nr": 2**31}, "command number"),
        (LABEL, {"exercise": "<b>"}, "exercise"),
        (LABEL, {"start_ms": -1}, "start_ms"),
        (LABEL, {"end_ms": EPOCH_MS_MAX + 1}, "end_ms"),
        (LABEL, {"end_ms": 1000}, "a set of 0 ms"),
        (LABEL, {"end_ms": 1001 + SET_MS_MAX}, "a set of"),
        (LABEL, {"repetitions": -1}, "repetitions"),
        (LABEL, {"repetitions": REPETITIONS_MAX + 1}, "repetitions"),
        (LABEL, {"weight_kg": -0.1}, "weight"),
        (LABEL, {"weight_kg": WEIGHT_KG_MAX + 1}, "weight"),
        (LABEL, {"weight_kg": math.nan}, "weight"),
        (RECORD, {"confidence": 1.1}, "confidence"),
        (RECORD, {"confidence": math.nan}, "confidence"),
        (RECORD, {"model_id": ""}, "model"),
        (RECORD, {"repetitions": REPETITIONS_MAX + 1}, "repetitions"),
        (CLOSE, {"at_ms": -1}, "at_ms"),
        (FRAMED, {"frame": msgspec.structs.replace(FRAME, stream=StreamId(""))}, "stream"),
        (FRAMED, {"frame": msgspec.structs.replace(FRAME, session=SessionId("a b"))}, "session"),
        (FRAMED, {"frame": msgspec.structs.replace(FRAME, rate_hz=0.0)}, "rate"),
        (REFUSE, {"exercise": "<b>"}, "exercise"),
        (REFUSE, {"at_ms": -1}, "at_ms"),
        (WISHES, {"training": wished(at_ms=-1)}, "at_ms"),
        (WISHES, {"training": wished(goal="immortality")}, "goal"),
        (WISHES, {"training": wished(excluded_exercises=("squat",) * EXCLUSIONS_MAX)}, "65 exclusions"),
        (WISHES, {"training": wished(excluded_exercises=("",))}, "exercise"),
        (WISHES, {"training": wished(excluded_muscles=("shoulder",))}, "unknown muscle 'shoulder'"),
        (WISHES, {"training": wished(utc_offset_min=OFFSET_MIN_MAX + 1)}, "utc_offset_min"),
        (WISHES, {"training": at_a_place(name="")}, "place"),
        (WISHES, {"training": at_a_place(equipment=("bar",))}, "unknown equipment"),
        (WISHES, {"training": at_a_place(equipment=("band",) * 99)}, "99 names"),
        (WISHES, {"training": at_a_place(bar_kg=math.nan)}, "a bar of nan kg"),
        (WISHES, {"training": at_a_place(plates_kg=(0.0,))}, "plates of 0.0 kg"),
        (WISHES, {"training": at_a_place(dumbbells_kg=(LOAD_KG_MAX + 1,))}, "dumbbells of"),
        (WISHES, {"training": at_a_place(stacks_kg=(5.0,) * (LOADS_MAX + 1))}, "65 stacks"),
    ],
)
def test_a_broken_limit_is_named(command: Command, fields: dict[str, Any], wrong: str) -> None:
    with pytest.raises(InvalidInput, match=wrong):
        check_command(msgspec.structs.replace(command, **fields))


@given(wild_commands())
def test_whatever_a_device_sends_is_a_command_or_refused(command: Command) -> None:
    with suppress(InvalidInput):
        assert check_command(command) is command


@pytest.mark.parametrize("command", [OPEN, LABEL, RECORD, CLOSE, FRAMED, REFUSE, WISHES])
def test_commands_survive_the_wire(command: Command) -> None:
    wire = msgspec.msgpack.encode(command)
    assert msgspec.msgpack.decode(wire, type=Command) == command
    assert session_of(command) == command.frame.session if isinstance(command, AcceptFrame) else SESSION
