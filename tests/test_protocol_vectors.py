"""docs/protocol-vectors.json is what both ends write, read and refuse today."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import msgpack
import msgspec
import pytest

from edge import protocol as edge_protocol
from gateway.devices import protocol
from gateway.devices.connection import Connection
from gateway.devices.offers import Offers
from persistence.sqlite import SqliteStore
from tests import protocol_vectors
from tests.gateway.device_example import gateway_token, hello, make_tokens, offers_of, token

VECTORS: dict[str, Any] = json.loads(protocol_vectors.PATH.read_text())
SENT = [pytest.param(each, id=f"{each['from']}-{each['type']}") for each in VECTORS["messages"]]
REFUSED = [pytest.param(each, id=each["what"].replace(" ", "-")) for each in VECTORS["refused"]]
BEFORE = {
    "nothing": None,
    "one user": hello(),
    "many users": hello(gateway_token()),
    "a coach": hello(token("ann", "coach")),
}


def test_the_file_is_what_the_command_makes() -> None:
    assert protocol_vectors.PATH.read_text() == protocol_vectors.text(), "python -m tests.protocol_vectors"


def test_every_message_has_a_vector() -> None:
    for sender, kinds in (("device", protocol.DeviceMessage), ("server", protocol.ServerMessage)):
        tags = {str(msgspec.inspect.type_info(kind).tag) for kind in get_args(kinds)}  # type: ignore[union-attr]
        assert {each["type"] for each in VECTORS["messages"] if each["from"] == sender} == tags


@pytest.mark.parametrize("vector", SENT)
def test_both_ends_write_and_read_a_message_as_it_stands_there(vector: dict[str, Any]) -> None:
    data, fields = bytes.fromhex(vector["hex"]), bytes_of(vector["fields"])
    assert msgpack.unpackb(data) == fields
    if vector["from"] == "device":
        assert edge_protocol.encode(fields).hex() == vector["hex"]
        read = msgspec.to_builtins(protocol.decode(data), builtin_types=(bytes,))
        assert contains(read, fields)
    else:
        assert edge_protocol.decode(data) == fields
        kind: Any = protocol.ServerMessage
        assert protocol.encode(msgspec.convert(fields, kind)).hex() == vector["hex"]


@pytest.mark.parametrize("vector", REFUSED)
def test_what_is_refused_is_answered_with_the_error_that_stands_there(
    vector: dict[str, Any], tmp_path: Path
) -> None:
    offers: Offers = offers_of(SqliteStore(tmp_path))
    device = Connection(make_tokens(), offers)
    if (greeting := BEFORE[vector["before"]]) is not None:
        device.receive(greeting)
    output = device.receive(bytes.fromhex(vector["hex"]))
    (error,) = output.send
    assert isinstance(error, protocol.Error)
    assert (error.code, output.close_code) == (vector["code"], vector["close"])
    assert edge_protocol.decode(protocol.encode(error)) is not None


def bytes_of(value: Any) -> Any:
    match value:
        case {"hex": digits} if len(value) == 1:
            return bytes.fromhex(digits)
        case dict():
            return {name: bytes_of(each) for name, each in value.items()}
        case list():
            return [bytes_of(each) for each in value]
        case _:
            return value


def contains(read: Any, sent: Any) -> bool:
    """Whether all that was sent is in what was read, which may have defaults beside it."""
    match sent:
        case dict():
            return all(name in read and contains(read[name], each) for name, each in sent.items())
        case list():
            return len(read) == len(sent) and all(map(contains, read, sent))
        case _:
            return bool(read == sent)
