"""Which tokens were revoked, as it stood a moment ago: a process reads it every second or so."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Mapping

from domain.errors import MuvrError
from gateway.auth import Claims, Tokens
from persistence.ports import Store
from persistence.revocations import LOGIN, TOKEN, USER, RevocationStore

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
POLLS_PER_LOOK = 10


class Revocations:
    """`refresh` blocks and may be called in any thread; `include` is asked for every token."""

    def __init__(self, store: Store) -> None:
        self._store = RevocationStore(store)
        self._revoked_ms: Mapping[str, int] = {}

    def refresh(self) -> bool:
        """Read them; whether there are others than before. Raises StoreError; what was read before holds."""
        known, self._revoked_ms = self._revoked_ms, self._store.all()
        return known != self._revoked_ms

    def include(self, claims: Claims) -> bool:
        revoked_ms = self._revoked_ms
        if not revoked_ms:
            return False
        if f"{TOKEN}:{claims.token_id}" in revoked_ms or f"{LOGIN}:{claims.login}" in revoked_ms:
            return True
        return revoked_ms.get(f"{USER}:{claims.user}", -1) >= claims.issued_s * 1000


class RevocationThread:
    """Reads `revocations`, and the keys of `tokens`, again and again.

    `look` is called in its thread when there are others, and now and then as tokens expire.
    """

    def __init__(self, revocations: Revocations, tokens: Tokens, look: Callable[[], None]) -> None:
        self._revocations = revocations
        self._tokens = tokens
        self._look = look
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="revocations", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Does not wait for a read that is under way."""
        self._stopped.set()

    def _run(self) -> None:
        polls = itertools.count(1)
        while not self._stopped.wait(POLL_SECONDS):
            try:
                self._tokens.read_keys()
                if self._revocations.refresh() or next(polls) % POLLS_PER_LOOK == 0:
                    self._look()
            except MuvrError as error:
                log.warning("revoked tokens were not read: %s", error)
