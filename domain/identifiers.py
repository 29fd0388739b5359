"""Names of users, devices, sessions, streams and models, pseudonyms, and the shard that a user lives in."""

from __future__ import annotations

import hashlib
import hmac
import re
import zlib
from typing import NewType

from domain.errors import InvalidInput

UserId = NewType("UserId", str)
DeviceId = NewType("DeviceId", str)
SessionId = NewType("SessionId", str)
StreamId = NewType("StreamId", str)
ModelId = NewType("ModelId", str)
ShardNr = NewType("ShardNr", int)

SHARD_COUNT = 256  # fixed for ever: it is part of where rows live
PSEUDONYM_HEX_DIGITS = 16

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@-]{0,63}\Z")


def check_identifier(kind: str, value: str) -> str:
    """Return `value` if it may name a `kind`, else raise InvalidInput."""
    if not _IDENTIFIER.match(value):
        raise InvalidInput(
            f"{kind} {value[:80]!r} is not a valid identifier",
            expected="1 to 64 letters, digits or _ . : @ -, beginning with a letter or digit",
            remedy="rename it",
        )
    return value


def shard_of(user: UserId) -> ShardNr:
    """The shard of a user: CRC-32 of the UTF-8 identifier modulo SHARD_COUNT, the same in every language."""
    return ShardNr(zlib.crc32(user.encode()) % SHARD_COUNT)


def pseudonym_of(user: str, key: bytes) -> str:
    """The name under which training knows a user: HMAC-SHA256 under `key`, the first 16 hex digits."""
    return hmac.digest(key, user.encode(), hashlib.sha256).hex()[:PSEUDONYM_HEX_DIGITS]
