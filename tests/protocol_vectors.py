"""Makes docs/protocol-vectors.json, the messages of docs/protocol.md byte by byte:

    python -m tests.protocol_vectors

`messages` are right ones: who sends it, its fields, and how the sender of this project writes it; bytes stand
as {"hex": ...}. `refused` are messages to the server with the code of the error that answers them, and the
close code if that ends the connection, after the hello of who `before` names.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import msgpack
import msgspec

from gateway.devices import protocol
from tests.edge.test_device_protocol import MESSAGES as FROM_SERVER
from tests.gateway.device_example import CARE_MESSAGES, CONSENT, MESSAGES

PATH = Path(__file__).parents[1] / "docs" / "protocol-vectors.json"
HELLO = {"type": "hello", "version": 1, "token": "TOKEN", "device": "watch-1"}
GET_MODEL = {"type": "get_model", "digest": "ab" * 32, "offset": 8192}


def messages() -> list[dict[str, Any]]:
    """Every message of a device as MessagePack libraries write it, and every one of the server."""
    from_devices = [HELLO, *MESSAGES.values(), *CARE_MESSAGES.values(), CONSENT, GET_MODEL]
    from_devices += [{**MESSAGES["frame"], "user": "ann"}, {**MESSAGES["open"], "coach": "device"}]
    found = [_vector("device", fields, msgpack.packb(fields)) for fields in from_devices]
    for kind in get_args(protocol.ServerMessage):
        for value in _examples(kind):
            data = protocol.encode(value)
            found.append(_vector("server", msgpack.unpackb(data), data))
    return found


def refused() -> list[dict[str, Any]]:
    """What is answered with an error, by the error."""
    frame, opened, label = MESSAGES["frame"], MESSAGES["open"], MESSAGES["label"]
    nameless = _without(CARE_MESSAGES["prescribe"], "user")
    cases: list[tuple[str, str, Any, str, int | None]] = [
        ("a message before hello", "nothing", opened, "not_authorised", 1008),
        ("another version", "nothing", {**HELLO, "version": 2}, "not_authorised", 1008),
        ("a token that nobody signed", "nothing", HELLO, "not_authorised", 1008),
        ("a second hello", "one user", HELLO, "invalid_input", None),
        ("no MessagePack", "one user", b"\xc1", "invalid_input", None),
        ("nothing", "one user", b"", "invalid_input", None),
        ("a list", "one user", [1, 2], "invalid_input", None),
        ("no type", "one user", {"session": "s"}, "invalid_input", None),
        ("an unknown type", "one user", {"type": "nonsense"}, "invalid_input", None),
        ("a field that is missing", "one user", _without(frame, "nr"), "invalid_input", None),
        ("a field of a wrong type", "one user", {**frame, "nr": "0"}, "invalid_input", None),
        ("half a message", "one user", msgpack.packb(frame)[:40], "invalid_input", None),
        ("a broken session name", "one user", {**opened, "session": "a b"}, "invalid_input", None),
        ("an open that is not command 0", "one user", {**opened, "nr": 1}, "invalid_input", None),
        ("an unknown sensor", "one user", {**frame, "sensor": "z"}, "invalid_frame", None),
        ("half a sample", "one user", {**frame, "samples": bytes(5)}, "invalid_frame", None),
        ("no samples", "one user", {**frame, "samples": b""}, "invalid_frame", None),
        ("a rate of nought", "one user", {**frame, "rate_hz": 0.0}, "invalid_frame", None),
        ("a number beyond the last", "one user", {**frame, "nr": 2**31}, "invalid_frame", None),
        ("a set that ends before it begins", "one user", {**label, "end_ms": 1}, "invalid_input", None),
        ("another user", "one user", {**opened, "user": "ben"}, "not_authorised", 1008),
        ("a model that is not offered", "one user", GET_MODEL, "invalid_input", None),
        ("no user in a gateway's message", "many users", opened, "invalid_input", None),
        ("a device that prescribes", "one user", CARE_MESSAGES["prescribe"], "not_authorised", 1008),
        ("no user in a coach's message", "a coach", nameless, "invalid_input", None),
        ("a coach that sends frames", "a coach", frame, "not_authorised", 1008),
    ]
    return [
        {
            "what": what,
            "before": before,
            "hex": (sent if isinstance(sent, bytes) else msgpack.packb(sent)).hex(),
            "code": code,
            "close": close,
        }
        for what, before, sent, code, close in cases
    ]


def plain(value: Any) -> Any:
    """As JSON can say it."""
    match value:
        case bytes():
            return {"hex": value.hex()}
        case dict():
            return {name: plain(each) for name, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
        case _:
            return value


def text() -> str:
    made = {"version": protocol.VERSION, "messages": messages(), "refused": refused()}
    return json.dumps(made, indent=1) + "\n"


def _vector(sender: str, fields: dict[str, Any], data: bytes) -> dict[str, Any]:
    return {"from": sender, "type": fields["type"], "fields": plain(fields), "hex": data.hex()}


def _examples(kind: Any) -> list[Any]:
    """Of each type of the server: what a device's tests know of it, filled up."""
    tag = msgspec.inspect.type_info(kind).tag  # type: ignore[union-attr]
    known = [fields for fields in [*FROM_SERVER, *_MORE] if fields["type"] == tag]
    filled = [_FILL.get(str(tag), {}) | {"user": "ann"} | fields for fields in known]
    return [msgspec.convert(fields, kind) for fields in filled]


def _without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {each: value for each, value in fields.items() if each != name}


# What a device does not rely on, and so its tests leave out.
_FILL: dict[str, dict[str, Any]] = {
    "welcome": {"user_credit": 32},
    "set": {"confidence": 0.75, "model": "m-1"},
    "suggestion": {"at_ms": 1, "weight_kg": 60.0, "rest_s": 90},
    "error": {"expected": "", "remedy": ""},
    "redirect": {},
}
_MORE: list[dict[str, Any]] = [
    {"type": "redirect", "url": "ws://b.example:8081/"},
    {"type": "redirect", "url": "ws://b.example:8081/", "wait_ms": 730, "user": "ann"},
    {"type": "leaving", "wait_ms": 4200},
    {"type": "setting_up", "session": "s", "since_ms": 1},
    {
        "type": "error",
        "code": "out_of_order",
        "wrong": "frame 7 of stream 'a' came too early",
        "retry": True,
        "session": "s",
        "stream": "a",
        "nr": 7,
        "expected_nr": 3,
    },
]

if __name__ == "__main__":
    PATH.write_text(text())
