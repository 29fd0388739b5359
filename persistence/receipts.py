"""Receipts of erasures: JSON that says what was erased, signed with Ed25519 over its canonical form.

A receipt names the user by `digest`, a keyed hash, so that it may be kept for ever. Canonical is JSON with
sorted keys, no spaces and all but ASCII escaped, of everything but `signature`.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from domain.errors import InvalidArchive

RECEIPT_VERSION = 1
RECEIPT_BYTES_MAX = 1 << 20


class NamedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model that learned from the user's windows; `is_deleted` if it was the user's alone."""

    model_id: str
    scope: str
    sensor_set: str
    is_deleted: bool


class Receipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`parts` has, by table, how many slices with rows were deleted. Times are ms since 1970.

    `key_destroyed`: there is no data key any more, without which journal and snapshots cannot be read,
    neither here nor in a copy of them.
    """

    version: int = RECEIPT_VERSION
    digest: str
    begun_ms: int
    finished_ms: int
    key_destroyed: bool
    parts: dict[str, int]
    models: list[NamedModel]
    public_key: str
    signature: str = ""


def signed(receipt: Receipt, key: bytes) -> Receipt:
    """`receipt` with the public key and signature of the Ed25519 seed `key`."""
    private = Ed25519PrivateKey.from_private_bytes(key)
    public = private.public_key().public_bytes_raw().hex()
    named = msgspec.structs.replace(receipt, public_key=public, signature="")
    return msgspec.structs.replace(named, signature=private.sign(_canonical(named)).hex())


def encode(receipt: Receipt) -> str:
    """For people and programs, with a line for each field."""
    return json.dumps(msgspec.to_builtins(receipt), indent=2) + "\n"


def decode(text: str | bytes) -> Receipt:
    """Not verified yet; raises InvalidArchive."""
    try:
        if len(text) > RECEIPT_BYTES_MAX:
            raise ValueError(f"{len(text)} characters")
        return msgspec.json.decode(text, type=Receipt)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InvalidArchive(
            f"a receipt that cannot be read ({error})",
            expected=f"a receipt of version {RECEIPT_VERSION}, as `muvr users erase` writes it",
            remedy="use the file as it was written",
        ) from error


def verify(receipt: Receipt, public_key: bytes) -> None:
    """Raise InvalidArchive unless the holder of `public_key` signed exactly this."""
    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
        key.verify(bytes.fromhex(receipt.signature), _canonical(receipt))
    except (InvalidSignature, ValueError) as error:
        raise InvalidArchive(
            "the receipt's signature is wrong",
            expected=f"one by the key {public_key.hex()}",
            remedy="it was altered, or another installation signed it: see its public_key",
        ) from error


def _canonical(receipt: Receipt) -> bytes:
    fields: dict[str, Any] = msgspec.to_builtins(receipt)
    del fields["signature"]
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
