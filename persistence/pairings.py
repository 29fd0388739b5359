"""Short codes by which a device is let in: read from a screen, typed into it, good for minutes and once.

The first half of a code finds it, the other half is compared; each wrong one costs one of a few tries.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from domain.errors import NotAuthorised, StoreError
from domain.identifiers import UserId
from persistence.api_tables import PAIRING, PairingRow
from persistence.ports import Delete, Store
from persistence.schema import Timestamp

CODE_MS = 10 * 60_000
TRIES_MAX = 5
HALF = 4  # symbols, of 5 bits each
SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: nothing that looks like another
_LOOKS_LIKE = str.maketrans("ILO", "110")
_TRIES_TO_NAME = 8


class PairingStore:
    def __init__(self, store: Store) -> None:
        self._store = store

    def offer(self, user: UserId, scope: str, now_ms: int) -> tuple[str, int]:
        """A code by which something is let in for `user`, and until when, ms since 1970."""
        until_ms = now_ms + CODE_MS
        for _ in range(_TRIES_TO_NAME):
            name, secret = (_symbols() for _ in range(2))
            row = PairingRow(name, user, scope, _digest(name, secret), Timestamp(until_ms), TRIES_MAX)
            if all(self._store.insert_if_absent(PAIRING, [row])):
                return f"{name}-{secret}", until_ms
        raise StoreError("no code is free", remedy="try again in some minutes")

    def take(self, code: str, now_ms: int) -> PairingRow:
        """What was offered with `code`, which is good no more. Raises NotAuthorised, whatever is wrong."""
        plain = code.upper().translate(_LOOKS_LIKE).replace("-", "").replace(" ", "")
        name, secret = plain[:HALF], plain[HALF:]
        if len(plain) == 2 * HALF and set(plain) <= set(SYMBOLS):
            while (row := next(self._store.read(PAIRING, (name,)), None)) is not None:
                if row.tries_left < 1 or row.expires_at <= now_ms:
                    break
                is_right = hmac.compare_digest(row.digest, _digest(name, secret))
                left = 0 if is_right else row.tries_left - 1
                if self._store.compare_and_set(PAIRING, row, row._replace(tries_left=left)):
                    if is_right:
                        return row
                    break
        raise NotAuthorised(
            "the code is not valid",
            expected="a code of the last minutes that was not used",
            remedy="ask for a new one",
        )

    def purge(self, now_ms: int) -> None:
        """Forget codes that are over."""
        for row in list(self._store.scan(PAIRING)):
            if row.expires_at <= now_ms:
                self._store.write([Delete(PAIRING, (row.name,))])


def _symbols() -> str:
    return "".join(secrets.choice(SYMBOLS) for _ in range(HALF))


def _digest(name: str, secret: str) -> str:
    return hashlib.sha256(f"{name}-{secret}".encode()).hexdigest()
