"""Events and states as blobs: MessagePack under AES-256-GCM, with a version, upcast when read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag

from domain.errors import StoredValueCorrupt
from persistence.keys import Cipher

FORMAT_VERSION = 5  # since 5 sessions are deleted, and suggestions refused by others than devices
_VERSION_BYTE = bytes([FORMAT_VERSION])

# From a format version to the next: (value as plain lists and maps) -> value of version + 1.
Upcaster = Callable[[Any], Any]


def as_it_is(value: Any) -> Any:
    """The upcaster of a version after which fields, all with defaults, were appended, or kinds added."""
    return value


ValueT = TypeVar("ValueT")

_encode = msgspec.msgpack.Encoder().encode
_decode_any = msgspec.msgpack.Decoder().decode


class BlobCodec(Generic[ValueT]):
    """Blobs of one kind of value; `upcasters` has one per older version."""

    def __init__(self, kind: Any, upcasters: dict[int, Upcaster]) -> None:
        self._kind = kind
        self._decode: Callable[[bytes], ValueT] = msgspec.msgpack.Decoder(kind).decode
        self._upcasters = upcasters

    @staticmethod
    def seal(cipher: Cipher, value: Any, context: bytes) -> bytes:
        """`context` names the row: a blob that was moved to another does not open."""
        return _VERSION_BYTE + cipher.seal(_encode(value), context)

    def open(self, cipher: Cipher, blob: bytes, context: bytes, what: str, *of: object) -> ValueT:
        """Raises StoredValueCorrupt, in which `what` with its `%` filled from `of` names the row."""
        if not blob or blob[0] > FORMAT_VERSION:
            raise StoredValueCorrupt(
                f"{what % of} has format version {blob[0] if blob else 'none'}",
                expected=f"at most {FORMAT_VERSION}",
                remedy="a newer muvr wrote it: run that version",
            )
        try:
            plain = cipher.open(blob[1:], context)
            if blob[0] == FORMAT_VERSION:
                return self._decode(plain)
            value = _decode_any(plain)
            for version in range(blob[0], FORMAT_VERSION):
                value = self._upcasters[version](value)
            return msgspec.convert(value, self._kind)  # type: ignore[no-any-return]
        except InvalidTag:
            raise StoredValueCorrupt(
                f"{what % of} was altered or sealed under another key",
                remedy="restore the row, or the user's data key, from a backup",
            ) from None
        except (msgspec.MsgspecError, LookupError, TypeError, ValueError, RecursionError) as error:
            raise StoredValueCorrupt(
                f"{what % of} cannot be decoded ({error})", remedy="restore the row from a backup"
            ) from error


def context_of(user: str, sequence_nr: int) -> bytes:
    """What binds a blob to the row of that number of a user."""
    return f"{user}/{sequence_nr}".encode()
