"""Single values as the native protocol writes them.

A value is a big-endian 32-bit length, -1 for null, and as many bytes (native protocol v4, section 3).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from persistence.schema import Samples, Timestamp

KEY_BYTES_MAX = 65535  # of a partition key, and of each clustering column
NULL = struct.pack(">i", -1)
LENGTH = struct.Struct(">i")
_SAMPLE_BYTES = 6  # of one smallint in a list: its length, 2, and its value
_SAMPLE_TEMPLATE = b"\x00\x00\x00\x02\x00\x00" * 4096
MISFITS = (TypeError, AttributeError, ValueError, KeyError, struct.error)


@dataclass(frozen=True)
class Kind:
    """How a type is written; `letter` is of `struct`, if all its values are 8 bytes wide."""

    name: str
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    letter: str = ""


def encode_samples(samples: bytes) -> bytes:
    """Little-endian int16 values as `list<smallint>`."""
    count, odd = divmod(len(samples), 2)
    if odd:
        raise ValueError(f"{len(samples)} bytes are no int16 values")
    size = count * _SAMPLE_BYTES
    if size <= len(_SAMPLE_TEMPLATE):
        encoded = bytearray(_SAMPLE_TEMPLATE[:size])
    else:
        encoded = bytearray(b"\x00\x00\x00\x02\x00\x00" * count)
    encoded[4::_SAMPLE_BYTES] = samples[1::2]
    encoded[5::_SAMPLE_BYTES] = samples[0::2]
    return LENGTH.pack(count) + encoded


def decode_samples(encoded: bytes) -> bytes:
    """The inverse of `encode_samples`."""
    (count,) = LENGTH.unpack_from(encoded)
    if len(encoded) != LENGTH.size + count * _SAMPLE_BYTES:
        raise ValueError("not a list of so many smallints")
    samples = bytearray(2 * count)
    samples[0::2] = encoded[9::_SAMPLE_BYTES]
    samples[1::2] = encoded[8::_SAMPLE_BYTES]
    return bytes(samples)


def _encode_text(value: Any) -> bytes:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value.encode()


def _encode_blob(value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise TypeError("not bytes")
    return bytes(value)


LONG, _DOUBLE, _BOOL = struct.Struct(">q"), struct.Struct(">d"), {True: b"\x01", False: b"\x00"}
KINDS: dict[Any, Kind] = {
    str: Kind("text", _encode_text, lambda data: data.decode()),
    bytes: Kind("blob", _encode_blob, bytes),
    Samples: Kind("samples", lambda value: encode_samples(_encode_blob(value)), decode_samples),
    bool: Kind("bool", _BOOL.__getitem__, lambda data: data != b"\x00"),
    int: Kind("int", LONG.pack, lambda data: LONG.unpack(data)[0], "q"),
    Timestamp: Kind("timestamp", LONG.pack, lambda data: LONG.unpack(data)[0], "q"),
    float: Kind("double", _DOUBLE.pack, lambda data: _DOUBLE.unpack(data)[0], "d"),
}


def encode_int(value: int) -> bytes:
    """A CQL `int`, as LIMIT takes."""
    return LENGTH.pack(value)


def encode_list(items: Sequence[bytes]) -> bytes:
    """A CQL list of values that are encoded already, as IN takes."""
    return LENGTH.pack(len(items)) + b"".join(LENGTH.pack(len(item)) + item for item in items)


def with_length(value: bytes | None) -> bytes:
    return NULL if value is None else LENGTH.pack(len(value)) + value
