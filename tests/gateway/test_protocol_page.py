"""docs/protocol.md says what both ends do: its examples to the byte, its codes, limits and fields by name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from domain import commands, frames, sensors
from domain.commands import Stream
from domain.errors import MuvrError
from domain.frames import SensorFrame
from domain.identifiers import SessionId, StreamId
from edge import addresses, artefact
from edge import protocol as edge_protocol
from edge.client import DeviceClient
from gateway.devices import connection, connection_output, protocol
from tests.everything_sent import everything_sent

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
EXAMPLES = {
    name: bytes.fromhex(digits) for name, digits in re.findall(r"```hex (\w+)\n([0-9a-f\n]+)```", PAGE)
}
START_MS = 1_700_000_000_000
MESSAGES: dict[str, protocol.DeviceMessage] = {
    "hello": protocol.Hello(version=1, token="TOKEN", device="watch-1"),
    "open": protocol.Open(
        session="s-1",
        nr=0,
        at_ms=START_MS,
        recogniser="server",
        streams=(Stream(stream=StreamId("a"), sensor="a", location="wrist"),),
    ),
    "frame": protocol.Frame(
        session="s-1",
        stream="a",
        nr=0,
        sensor="a",
        start_ms=START_MS,
        rate_hz=50.0,
        scale=0.001,
        samples=b"\x01\x00\x02\x00\xff\xff",
    ),
    "label": protocol.Label(
        session="s-1",
        nr=1,
        start_ms=START_MS,
        end_ms=START_MS + 30_000,
        exercise="squat",
        repetitions=8,
        weight_kg=60.0,
    ),
    "close": protocol.Close(session="s-1", nr=2, at_ms=START_MS + 40_000),
}


def written_by_a_device() -> dict[str, bytes]:
    client = DeviceClient("TOKEN", "watch-1")
    messages = [client.hello()]
    client.receive(edge_protocol.encode({"type": "welcome", "version": 1, "credit": 9, "models": []}))
    client.open_session("s-1", START_MS, "server", [("a", "a", "wrist")])
    frame = SensorFrame(
        session=SessionId("s-1"),
        stream=StreamId("a"),
        sequence_nr=0,
        sensor="a",
        start_ms=START_MS,
        rate_hz=50.0,
        scale=0.001,
        samples=b"\x01\x00\x02\x00\xff\xff",
    )
    client.frame(frame)
    client.label("s-1", START_MS, START_MS + 30_000, "squat", 8, 60.0)
    client.close_session("s-1", START_MS + 40_000)
    return dict(zip(MESSAGES, messages + everything_sent(client), strict=True))


@pytest.mark.parametrize("name", MESSAGES)
def test_an_example_is_what_a_device_writes_and_the_server_reads(name: str) -> None:
    assert EXAMPLES[name].hex() == written_by_a_device()[name].hex()
    assert protocol.decode(EXAMPLES[name]) == MESSAGES[name]
    assert protocol.decode(protocol.encode(MESSAGES[name])) == MESSAGES[name]


def test_the_example_of_an_ack_is_what_the_server_writes_and_a_device_reads() -> None:
    ack = protocol.Ack(user="ann", session="s-1", stream="a", next=1)
    assert EXAMPLES["ack"].hex() == protocol.encode(ack).hex()
    assert edge_protocol.decode(EXAMPLES["ack"]) == {"type": "ack", **msgspec.structs.asdict(ack)}


def test_the_example_of_a_redirect_is_what_the_server_writes_and_a_device_reads() -> None:
    redirect = protocol.Redirect(url="ws://b.example:8081/")
    assert EXAMPLES["redirect"].hex() == protocol.encode(redirect).hex()
    assert edge_protocol.decode(EXAMPLES["redirect"]) == {"type": "redirect", "url": redirect.url}


def subclasses(kind: type[MuvrError]) -> list[type[MuvrError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in subclasses(child))]


def test_every_error_code_is_explained() -> None:
    codes = {kind.code for kind in subclasses(MuvrError) if kind.__module__ == "domain.errors"}
    assert {code for code in codes if f"`{code}`" not in PAGE} == set()


@pytest.mark.parametrize("kind", [*get_args(protocol.DeviceMessage), *get_args(protocol.ServerMessage)])
def test_every_message_and_field_is_described(kind: Any) -> None:
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    names = [str(info.tag), *(field.encode_name for field in info.fields)]
    assert [name for name in names if f"`{name}`" not in PAGE] == []


@pytest.mark.parametrize(
    "limit",
    [
        protocol.MESSAGE_BYTES_MAX,
        protocol.MODEL_PART_BYTES,
        connection.CREDIT,
        connection_output.CLOSE_POLICY,
        connection_output.CLOSE_MOVED,
        addresses.REDIRECTS_MAX,
        frames.FRAME_SAMPLES_MAX,
        frames.EPOCH_MS_MAX,
        commands.REPETITIONS_MAX,
        commands.STREAMS_MAX,
        artefact.FILE_BYTES_MAX,
        artefact.HEADER_BYTES_MAX,
        2**31 - 1,
    ],
)
def test_every_limit_is_told(limit: int) -> None:
    assert re.search(rf"\b({limit}|{limit:,})\b", PAGE)


def test_every_sensor_is_listed_with_its_unit_and_full_scale() -> None:
    for sensor in sensors.SENSORS.values():
        axes = " ".join(sensor.axes) if len(sensor.axes) > 1 else "1"
        row = f"| `{sensor.letter}` | {sensor.name} | {axes} | {sensor.unit} | {sensor.full_scale:g} |"
        assert row in PAGE
