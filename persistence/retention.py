"""How long what is stored is kept, and the deletion of what is older.

Sensor rows and windows go by session: those of a closed session that was begun before the limit. A journal is
cut only up to a snapshot that has what led to it. Whoever never comes back keeps the last snapshot: erase who
is not to be kept at all.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

from domain.errors import ConfigurationError
from domain.identifiers import UserId, pseudonym_of
from persistence.access import EVERYONE, AccessStore
from persistence.footprint import Streams, journalled_sessions
from persistence.journal import Journal
from persistence.keys import Cipher, DataKeyStore
from persistence.ports import Delete, Store
from persistence.privacy_tables import ACCESS
from persistence.snapshots import SnapshotStore
from persistence.tables import SENSOR, SESSION_BY_USER, WINDOW, SessionRow
from persistence.windows import bucket_of

DAY_MS = 86_400_000
DELETES_PER_WRITE = 100


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Days after which something is deleted; None is never."""

    sensor_days: int | None = None
    window_days: int | None = None
    journal_days: int | None = None
    audit_days: int | None = None

    def __post_init__(self) -> None:
        """Raise ConfigurationError if the days contradict each other."""
        days = [getattr(self, each.name) for each in fields(self)]
        if any(each is not None and each < 1 for each in days):
            raise ConfigurationError(
                f"kept for {min(filter(None, days), default=0)} days", expected="at least 1"
            )
        if self.journal_days is not None and not 0 < (self.sensor_days or 0) <= self.journal_days:
            raise ConfigurationError(
                f"journals are kept for {self.journal_days} days and sensor rows for longer",
                expected="sensor rows for as long at most, as the journal says which there are",
                remedy="correct --keep-sensor-days or --keep-journal-days",
            )

    @property
    def is_for_ever(self) -> bool:
        return all(getattr(self, each.name) is None for each in fields(self))


KEPT_FOR_EVER = Policy()


@dataclass(frozen=True)
class Removal:
    """`count` parts of a table, of `user`: streams, sessions, events, or rows of the audit log."""

    user: UserId
    table: str
    count: int


class Retention:
    def __init__(self, store: Store, keys: DataKeyStore, pseudonym_key: bytes, policy: Policy) -> None:
        self._store = store
        self._keys = keys
        self._pseudonym_key = pseudonym_key
        self._policy = policy

    def apply(self, users: Iterable[UserId], now_ms: int, *, is_dry: bool) -> Iterator[Removal]:
        """What is deleted of each of `users`, or would be if it `is_dry`; raises StoreError."""
        if self._policy.is_for_ever:
            return
        for user in users:
            yield from self._of(user, now_ms, is_dry=is_dry)
        yield from self._audit(UserId(EVERYONE), now_ms, is_dry=is_dry)

    def _of(self, user: UserId, now_ms: int, *, is_dry: bool) -> Iterator[Removal]:
        cipher = self._keys.known_cipher(user)
        if cipher is None:
            return
        for days, old in (
            (self._policy.sensor_days, self._old_streams),
            (self._policy.window_days, self._old_windows),
        ):
            if days is not None:
                deletes = list(old(user, cipher, now_ms - days * DAY_MS))
                yield from self._removed(user, deletes, is_dry=is_dry)
        if self._policy.journal_days is not None:
            yield from self._journal(user, cipher, now_ms - self._policy.journal_days * DAY_MS, is_dry=is_dry)
        yield from self._audit(user, now_ms, is_dry=is_dry)

    def _removed(self, user: UserId, deletes: list[Delete], *, is_dry: bool) -> Iterator[Removal]:
        """Of `deletes`, all of one table, those that find something are done."""
        found = [each for each in deletes if self._finds(each)]
        if found:
            remaining = iter(() if is_dry else found)
            while some := list(itertools.islice(remaining, DELETES_PER_WRITE)):
                self._store.write(some)
            yield Removal(user, found[0].table.name, len(found))

    def _finds(self, delete: Delete) -> bool:
        rows = self._store.read(
            delete.table, delete.partition, lower=delete.lower, upper=delete.upper, limit=1
        )
        return next(rows, None) is not None

    def _old_sessions(self, user: UserId, before_ms: int) -> list[SessionRow]:
        """Those that were begun before, and are closed: who is still at it needs what was sent."""
        rows = self._store.read(SESSION_BY_USER, (user,), upper=(before_ms - 1,))
        return [row for row in rows if row.ended_at is not None]

    def _old_streams(self, user: UserId, cipher: Cipher, before_ms: int) -> Iterator[Delete]:
        old = self._old_sessions(user, before_ms)
        known = journalled_sessions(self._store, user, cipher) if old else {}
        for row in old:
            for stream in sorted(known.get(row.session_id, Streams())):
                yield Delete(SENSOR, (user, row.session_id, stream))

    def _old_windows(self, user: UserId, _: Cipher, before_ms: int) -> Iterator[Delete]:
        subject = pseudonym_of(user, self._pseudonym_key)
        old = self._old_sessions(user, before_ms)
        sets = {str(key[0]) for key in self._store.partitions(WINDOW)} if old else set()
        for row in old:
            session = f"{subject}/{row.session_id}"
            for sensor_set in sorted(sets):
                of_session = (subject, session)
                yield Delete(WINDOW, (sensor_set, bucket_of(session)), of_session, of_session)

    def _journal(self, user: UserId, cipher: Cipher, before_ms: int, *, is_dry: bool) -> Iterator[Removal]:
        journal = Journal(self._store)
        deleted = journal.deleted_nr(user)
        snapshot = SnapshotStore(self._store).newest(user, cipher, until_ms=None)
        last_nr = deleted
        for row, _ in journal.rows(user, cipher, lower=deleted + 1):
            if row.written_at >= before_ms or snapshot is None or row.sequence_nr > snapshot[0]:
                break
            last_nr = row.sequence_nr
        if last_nr > deleted:
            if not is_dry:
                journal.delete_up_to(user, last_nr)
            yield Removal(user, "journal", last_nr - deleted)

    def _audit(self, user: UserId, now_ms: int, *, is_dry: bool) -> Iterator[Removal]:
        if self._policy.audit_days is None:
            return
        delete = AccessStore.forgotten(user, now_ms - self._policy.audit_days * DAY_MS)
        count = sum(1 for _ in self._store.read(ACCESS, delete.partition, upper=delete.upper))
        if count:
            if not is_dry:
                self._store.write([delete])
            yield Removal(user, ACCESS.name, count)
