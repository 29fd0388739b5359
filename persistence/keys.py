"""Data keys: one AES-256 key per user, wrapped by the master key. Erasing it erases what it protects."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.errors import Erased, MuvrError, StoredValueCorrupt
from domain.identifiers import UserId
from persistence.ports import Delete, Slice, Store
from persistence.privacy_tables import ERASURE
from persistence.tables import DATA_KEY, DataKeyRow

NONCE_BYTES = 12
PREPARED_MAX = 1024  # keys that are ready for use; preparing one takes 2 µs and 2,500 bytes
_KEY_BYTES = 32

_prepared = lru_cache(maxsize=PREPARED_MAX)(AESGCM)


class Cipher:
    """AES-256-GCM under one user's data key. `context` binds a blob to its row: moved, it no longer opens."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, plain: bytes, context: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)  # a pool of them would be shared by processes that fork
        return nonce + _prepared(self._key).encrypt(nonce, plain, context)

    def open(self, blob: bytes, context: bytes) -> bytes:
        """Raises InvalidTag if the blob was altered, moved or sealed under another key."""
        if len(blob) < NONCE_BYTES:
            raise InvalidTag
        return _prepared(self._key).decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], context)


class DataKeyStore:
    def __init__(self, store: Store, master_key: bytes) -> None:
        self._store = store
        self._master_key = master_key
        self._master = Cipher(master_key)

    def digest_of(self, user: UserId) -> str:
        """What stands for an erased user: HMAC-SHA256 of the name under the master key, in hex."""
        return hmac.digest(self._master_key, b"erasure/" + user.encode(), hashlib.sha256).hex()

    def cipher_of(self, user: UserId) -> Cipher:
        """The user's cipher; its key is made when the user is new. Raises Erased and StoredValueCorrupt."""
        cipher = self.ciphers_of([user])[user]
        if isinstance(cipher, MuvrError):
            raise cipher
        return cipher

    def known_cipher(self, user: UserId) -> Cipher | None:
        """The user's cipher, None if there is no key or it does not open; never makes one."""
        row = next(self._store.read(DATA_KEY, (user,)), None)
        try:
            return None if row is None else self._unwrapped(user, row)
        except StoredValueCorrupt:
            return None

    def _made(self, users: Sequence[UserId]) -> dict[UserId, DataKeyRow]:
        """New keys, or those that somebody else has made meanwhile."""
        made = [
            DataKeyRow(user, self._master.seal(secrets.token_bytes(_KEY_BYTES), user.encode()))
            for user in users
        ]
        inserted = self._store.insert_if_absent(DATA_KEY, made)
        return {
            user: row if is_mine else next(self._store.read(DATA_KEY, (user,)))
            for user, row, is_mine in zip(users, made, inserted, strict=True)
        }

    def _unwrapped(self, user: UserId, row: DataKeyRow) -> Cipher:
        try:
            return Cipher(self._master.open(row.wrapped_key, user.encode()))
        except InvalidTag:
            raise StoredValueCorrupt(
                f"the data key of user {user!r} does not open with this node's master key",
                remedy="start the node with the master key that its store was made with",
            ) from None

    def ciphers_of(self, users: Sequence[UserId]) -> dict[UserId, Cipher | MuvrError]:
        """The cipher of each user, or why there is none: Erased or StoredValueCorrupt; new users get one."""
        erased = self._erased(users)
        ciphers: dict[UserId, Cipher | MuvrError] = {user: _refused(user) for user in erased}
        users = [user for user in users if user not in erased]
        found = self._store.read_many(DATA_KEY, [Slice((user,)) for user in users])
        rows = {user: rows[0] for user, rows in zip(users, found, strict=True) if rows}
        if new := [user for user in users if user not in rows]:
            rows |= self._made(new)
        for user, row in rows.items():
            try:
                ciphers[user] = self._unwrapped(user, row)
            except StoredValueCorrupt as error:
                ciphers[user] = error
        return ciphers

    def opens(self, row: DataKeyRow) -> bool:
        """Whether the master key is the one that this data key was wrapped with."""
        try:
            self._unwrapped(UserId(row.user_id), row)
        except StoredValueCorrupt:
            return False
        return True

    def _erased(self, users: Sequence[UserId]) -> set[UserId]:
        """Those whose erasure has begun, if not ended."""
        found = self._store.read_many(ERASURE, [Slice((self.digest_of(user),)) for user in users])
        return {user for user, rows in zip(users, found, strict=True) if rows}

    def destroy(self, user: UserId) -> None:
        """Erase the key: the user's journal and snapshots can never be read again."""
        self._store.write([Delete(DATA_KEY, (user,))])


def _refused(user: UserId) -> Erased:
    return Erased(
        f"all about user {user!r} was erased",
        expected="a user under another name",
        remedy="forget what is left for that user; begin anew under another name",
    )
