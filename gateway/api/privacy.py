"""What the API does about users' data as such: who looks is written down, users are exported and erased."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from actors.erasing import Fence
from domain.errors import Erased
from domain.identifiers import UserId
from gateway.api.gate import Viewer
from persistence.access import EVERYONE, AccessStore
from persistence.erasure import Eraser, ErasureStore, Secrets
from persistence.export import Exporter
from persistence.keys import Cipher, DataKeyStore
from persistence.ports import Store
from persistence.receipts import Receipt

CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Keys:
    """What a node's API needs of the secrets; they stay in its process."""

    master_key: bytes
    secrets: Secrets


class Privacy:
    """Blocks; used from threads. Without `keys` nobody can be exported or erased."""

    def __init__(self, store: Store, keys: Keys | None, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._keys = keys
        self._now_ms = now_ms
        self._accesses = AccessStore(store)
        self._erasures = ErasureStore(store)

    @property
    def can_erase(self) -> bool:
        return self._keys is not None

    def attend(self, user: UserId | None, viewer: Viewer, what: str, why: str) -> None:
        """Before `viewer` is shown something of `user`, or of everyone: another's is written down.

        Raises Erased if the user was erased: what a backup may have brought back is shown to nobody.
        """
        if user is not None and self._keys is not None:
            digest = self._data_keys(self._keys).digest_of(user)
            if self._erasures.found(digest) is not None:
                raise Erased(f"all about user {user!r} was erased", remedy="forget the user")
        claims = viewer.claims
        if claims is not None and claims.user != user:
            whom = EVERYONE if user is None else user
            self._accesses.record(whom, claims.user, claims.scope, what, why, self._now_ms())

    def cipher_of(self, user: UserId) -> Cipher | None:
        """What opens the user's journal; None without keys, or for who has none."""
        return None if self._keys is None else self._data_keys(self._keys).known_cipher(user)

    def exported(self, user: UserId) -> IO[bytes]:
        """The archive in a nameless file, from its beginning; the caller closes it."""
        assert self._keys is not None, "asked for `can_erase` first"
        file = tempfile.TemporaryFile()  # noqa: SIM115 (the caller closes it)
        try:
            keys, key = self._data_keys(self._keys), self._keys.secrets.pseudonym_key
            Exporter(self._store, keys, key, self._now_ms).export(user, file)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return file

    def erase(self, user: UserId) -> Receipt:
        """Waits until every shard host has let go."""
        assert self._keys is not None, "asked for `can_erase` first"
        fence = Fence(self._store)
        keys = self._data_keys(self._keys)
        return Eraser(self._store, keys, self._keys.secrets, self._now_ms, fence=fence).erase(user)

    def _data_keys(self, keys: Keys) -> DataKeyStore:
        return DataKeyStore(self._store, keys.master_key)


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    """All of `file`, which is closed at the end."""
    with file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
