"""The device's side of the protocol of `docs/protocol.md`, written with msgpack alone.

It shares no code with the server's side, so that each checks the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgpack

from domain.errors import InvalidInput

VERSION = 1

Message = dict[str, Any]

_FLOAT = (float, int)  # what is a float may be written as an integer

# What a message of each type must hold, by field; the device relies on these.
_FIELDS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "welcome": {"version": int, "credit": int, "models": (list, tuple)},
    "redirect": {"url": str},
    "leaving": {"wait_ms": int},
    "model": {"model": str, "sensor_set": str, "digest": str, "bytes": int},
    "model_part": {"digest": str, "offset": int, "total": int, "data": bytes},
    "ack": {"session": str, "stream": str, "next": int},
    "recognised": {"session": str, "at_ms": int, "exercise": str, "confidence": float, "repetitions": int},
    "set": {"session": str, "start_ms": int, "end_ms": int, "exercise": str, "repetitions": int},
    "rest": {"session": str, "since_ms": int},
    "setting_up": {"session": str, "since_ms": int},
    "suggestion": {"session": str, "exercise": str, "repetitions": int, "reason": str},
    "plan": {"session": str, "at_ms": int, "sets": (list, tuple), "week": (list, tuple)},
    "tip": {
        "session": str,
        "at_ms": int,
        "exercise": str,
        "kind": str,
        "text": str,
        "figure": _FLOAT,
        "stop": bool,
    },
    "programme": {"at_ms": int, "prescriptions": (list, tuple)},
    "consent": {"at_ms": int, "recognition": bool, "statistics": bool, "training": bool},
    "adherence": {"at_ms": int, "weeks": (list, tuple)},
    "record": {"session": str, "at_ms": int, "exercise": str, "kind": str, "value": _FLOAT},
    "summary": {"session": str, "at_ms": int, "set_count": int, "volume_kg": _FLOAT, "streak_weeks": int},
    "overridden": {"session": str, "at_ms": int, "what": str, "by_session": str, "by_device": str},
    "ended": {"session": str, "at_ms": int},
    "error": {"code": str, "wrong": str, "retry": bool},
}

_PLANNED_SET: dict[str, type | tuple[type, ...]] = {
    "exercise": str,
    "weight_kg": (*_FLOAT, type(None)),
    "repetitions": int,
    "rest_s": int,
}

_PRESCRIPTION: dict[str, type | tuple[type, ...]] = {
    "exercise": str,
    "sets": int,
    "repetitions": int,
    "days_per_week": int,
    "tempo_s": dict,
    "reach": dict,
    "repetitions_limit": (int, type(None)),
}
_BOUND: tuple[type, ...] = (*_FLOAT, type(None))

# What an error may hold, and which type it then has.
_ERROR_OPTIONS: dict[str, type] = {
    "expected": str,
    "remedy": str,
    "session": str,
    "stream": str,
    "nr": int,
    "expected_nr": int,
    "digest": str,
}


def encode(message: Mapping[str, Any]) -> bytes:
    data: bytes = msgpack.packb(message)
    return data


def decode(data: bytes) -> Message | None:
    """A message of the server, or None for a type of a newer server; raises InvalidInput."""
    try:
        message = msgpack.unpackb(data)
    except Exception as error:  # msgpack raises many kinds, ValueError and its own among them
        raise _invalid(f"a message that is not MessagePack ({error})") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise _invalid("a message without a type")
    fields = _FIELDS.get(message["type"])
    if fields is None:
        return None
    check_fields(message, fields)
    if message["type"] == "welcome":
        for offer in message["models"]:
            check_fields(offer, _FIELDS["model"])
    elif message["type"] == "plan":
        for planned in message["sets"]:
            check_fields(planned, _PLANNED_SET)
        for planned in message["week"]:
            check_fields(planned, {"at_ms": int, "exercises": (list, tuple)})
    elif message["type"] == "redirect" and message.get("wait_ms") is not None:
        check_fields(message, {"wait_ms": int})
    elif message["type"] == "programme":
        _check_programme(message)
    elif message["type"] == "error":
        held = {name: kind for name, kind in _ERROR_OPTIONS.items() if message.get(name) is not None}
        check_fields(message, held)
    return message


def _check_programme(message: Message) -> None:
    check_fields(message, {"heart_rate_limit": (int, type(None))})
    for each in message["prescriptions"]:
        check_fields(each, _PRESCRIPTION)
        for bounds in (each["tempo_s"], each["reach"]):
            check_fields(bounds, {"least": _BOUND, "most": _BOUND})


def check_fields(message: object, fields: Mapping[str, type | tuple[type, ...]]) -> None:
    """Raise InvalidInput unless `message` is a map whose `fields` have their types."""
    if not isinstance(message, dict):
        raise _invalid("a value that is not a map")
    for name, kind in fields.items():
        value = message.get(name)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise _invalid(f"a {message.get('type', 'nested')} message whose {name!r} is wrong or missing")


def _invalid(wrong: str) -> InvalidInput:
    return InvalidInput(
        f"the server sent {wrong}", expected="a message of docs/protocol.md", remedy="update device or server"
    )
