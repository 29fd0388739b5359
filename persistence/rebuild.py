"""Checks and rebuilds read models: every user's rows against their journal, many users together.

A node may be running. So a user is read again whose journal moved while the rows were read; a difference
counts once it was seen twice, SETTLE_SECONDS apart, as the rows of one commit may become visible one after
the other; and who was mended is compared again.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from domain.errors import MuvrError, StoredValueCorrupt
from domain.identifiers import UserId, shard_of
from domain.user import User
from persistence.comparison import (
    BY_SESSION,
    BY_USER,
    Difference,
    Expected,
    Outcome,
    Rows,
    check_follows,
    compare,
    keys_of,
    projected,
)
from persistence.journal import Journal, Tail
from persistence.keys import Cipher, DataKeyStore
from persistence.ports import Slice, Store
from persistence.schema import Table
from persistence.snapshots import Snapshot, SnapshotStore
from persistence.tables import DATA_KEY, JOURNAL, SESSION_BY_USER, USER_BY_SHARD, JournalRow

TOGETHER_MAX = 128  # users per round of questions
ROWS_TOGETHER_MAX = 20_000  # rows that are compared together, unless they are one user's
SETTLE_SECONDS = 5.0  # longer than the rows of one commit take to become visible
UNSETTLED_MAX = 100_000  # differences that wait for their second look
ATTEMPTS_MAX = 5
ROWS_PER_WRITE = 500
SCAN_RANGES = 1024  # bounds how many names a scan holds, and how long it is under way


class _Unsettled(NamedTuple):
    """Users whose differences were seen once, and what was mended of them before."""

    at_s: float
    marks: dict[UserId, frozenset[int]]
    mended: dict[UserId, tuple[Difference, ...]]
    attempt: int


def users_of(store: Store, listed: Callable[[float], None] = lambda share: None) -> Iterator[UserId]:
    """Every user with a journal, once. `listed` is told which share of the journal was gone through."""
    ranges = store.token_ranges(JOURNAL, SCAN_RANGES)
    for done, tokens in enumerate(ranges, start=1):
        # Taken as a whole: a scan that waits would keep the store from tidying up behind a running node.
        yield from list(dict.fromkeys(_first_partitions(store, store.scan(JOURNAL, tokens))))
        listed(done / len(ranges))


def _first_partitions(store: Store, rows: Iterator[JournalRow]) -> Iterator[UserId]:
    for (user, partition_nr), _ in itertools.groupby(
        rows, lambda row: (row.persistence_id, row.partition_nr)
    ):
        before = (next(store.read(JOURNAL, (user, number), limit=1), None) for number in range(partition_nr))
        if not any(before):
            yield UserId(user)


class ReadModels:
    """Compares the read models of users with their journals. `now_s` is monotonic."""

    def __init__(
        self,
        store: Store,
        keys: DataKeyStore,
        *,
        now_s: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._keys = keys
        self._journal = Journal(store)
        self._snapshots = SnapshotStore(store)
        self._now_s = now_s
        self._wait = wait

    def outcomes(self, users: Iterable[UserId], *, mend: bool) -> Iterator[Outcome]:
        """What is wrong with each user's rows, in no certain order; with `mend` it is put right."""
        remaining = iter(users)
        unsettled: deque[_Unsettled] = deque()
        while chunk := list(itertools.islice(remaining, TOGETHER_MAX)):
            marks: dict[UserId, frozenset[int]] = {}
            for outcome in self._compared(chunk):
                if outcome.differences:
                    marks[outcome.user] = _marks(outcome)
                else:
                    yield outcome
            if marks:
                unsettled.append(_Unsettled(self._now_s(), marks, {}, 1))
            while unsettled and (_count(unsettled) > UNSETTLED_MAX or self._left_s(unsettled[0]) <= 0):
                yield from self._settle(unsettled, mend=mend)
        while unsettled:
            yield from self._settle(unsettled, mend=mend)

    def _left_s(self, unsettled: _Unsettled) -> float:
        return unsettled.at_s + SETTLE_SECONDS - self._now_s()

    def _settle(self, unsettled: deque[_Unsettled], *, mend: bool) -> Iterator[Outcome]:
        """Look again at those who wait the longest."""
        first = unsettled.popleft()
        self._wait(max(0.0, self._left_s(first)))
        wrong: dict[UserId, Outcome] = {}
        unmended: list[Difference] = []  # of several users, which cost one write
        for outcome in self._compared(list(first.marks)):
            seen = first.marks[outcome.user]
            confirmed = tuple(each for each in outcome.differences if each.mark in seen)
            before = first.mended.get(outcome.user, ())
            if confirmed and mend and outcome.problem is None:
                unmended += confirmed
                if len(unmended) >= ROWS_PER_WRITE:
                    self._mend(unmended)
                    unmended = []
                wrong[outcome.user] = replace(outcome, differences=before + confirmed, is_mended=True)
            else:
                yield replace(outcome, differences=before + confirmed, is_mended=bool(before))
        self._mend(unmended)
        marks: dict[UserId, frozenset[int]] = {}
        for again in self._compared(list(wrong)):
            if again.differences and first.attempt < ATTEMPTS_MAX:
                marks[again.user] = _marks(again)
            elif again.differences or again.problem:
                yield replace(wrong[again.user], problem=again.problem or _restless(again.user))
            else:
                yield wrong[again.user]
        if marks:
            mended = {user: wrong[user].differences for user in marks}
            unsettled.append(_Unsettled(self._now_s(), marks, mended, first.attempt + 1))

    def _mend(self, differences: Sequence[Difference]) -> None:
        for start in range(0, len(differences), ROWS_PER_WRITE):
            self._store.write([each.mutation for each in differences[start : start + ROWS_PER_WRITE]])

    def _compared(self, users: Sequence[UserId]) -> Iterator[Outcome]:
        """Each user as of one moment of the journal."""
        remaining = list(users)
        for _ in range(ATTEMPTS_MAX):
            moved: list[UserId] = []
            for user, outcome in self._looked(remaining):
                if outcome is None:
                    moved.append(user)
                else:
                    yield outcome
            remaining = moved
        for user in remaining:
            yield Outcome(user=user, problem=_restless(user))

    def _looked(self, users: Sequence[UserId]) -> Iterator[tuple[UserId, Outcome | None]]:
        """Each user's outcome, or None if the journal moved meanwhile."""
        try:
            yield from list(self._looked_together(users))
        except StoredValueCorrupt as error:  # the backend cannot read a row: whose, shows when asked alone
            if len(users) == 1:
                yield users[0], Outcome(user=users[0], problem=error)
                return
            for user in users:
                yield from self._looked([user])

    def _looked_together(self, users: Sequence[UserId]) -> Iterator[tuple[UserId, Outcome | None]]:
        ciphers: dict[UserId, Cipher] = {}
        for user, cipher in self._ciphers(users).items():
            if isinstance(cipher, MuvrError):
                yield user, Outcome(user=user, problem=cipher)
            else:
                ciphers[user] = cipher
        tails = self._journal.tails({user: (cipher, 0) for user, cipher in ciphers.items()})
        group: list[Expected] = []
        for user, tail in tails.items():
            try:
                group.append(self._expected(user, ciphers[user], tail))
            except StoredValueCorrupt as error:
                yield user, Outcome(user=user, problem=error)
            if sum(len(each.rows) for each in group) > ROWS_TOGETHER_MAX:
                yield from self._against_stored(group)
                group = []
        yield from self._against_stored(group)

    def _ciphers(self, users: Sequence[UserId]) -> Mapping[UserId, Cipher | MuvrError]:
        """As DataKeyStore's, which would make a new key for a user who has none."""
        found = self._store.read_many(DATA_KEY, [Slice((user,)) for user in users])
        ciphers: dict[UserId, Cipher | MuvrError] = {
            user: lost_key(user) for user, rows in zip(users, found, strict=True) if not rows
        }
        return ciphers | self._keys.ciphers_of([user for user in users if user not in ciphers])

    def _expected(self, user: UserId, cipher: Cipher, tail: Tail) -> Expected:
        first = next(tail.events, None)
        if first is not None and first[0].sequence_nr == 1:
            return projected(user, cipher, (0, User()), None, itertools.chain([first], tail.events))
        deleted_nr = self._journal.deleted_nr(user)
        if first is not None:
            check_follows(user, deleted_nr, first[0].sequence_nr)
        elif deleted_nr == 0:
            raise StoredValueCorrupt(
                f"user {user!r} has no events", remedy="restore the journal from a backup, if there was one"
            )
        snapshot = self._oldest_snapshot(user, cipher, deleted_nr)
        tail = self._journal.tails({user: (cipher, snapshot[0])})[user]
        return projected(user, cipher, snapshot, tail.anchor, tail.events)

    def _oldest_snapshot(self, user: UserId, cipher: Cipher, at_least: int) -> Snapshot:
        """The earliest state after which all events are there."""
        found: Snapshot | None = None
        older = self._snapshots.newest(user, cipher)
        while older is not None and older[0] >= at_least:
            found = older
            older = self._snapshots.newest(user, cipher, at_most=older[0] - 1)
        if found is None:
            raise StoredValueCorrupt(
                f"events 1 to {at_least} of user {user!r} were deleted, and no snapshot has what they led to",
                remedy="restore the user's snapshots, or the deleted events, from a backup",
            )
        return found

    def _against_stored(self, group: Sequence[Expected]) -> Iterator[tuple[UserId, Outcome | None]]:
        stored = self._stored(group)
        again = self._journal.tails({each.user: (each.cipher, each.last_nr) for each in group})
        for expected, rows in zip(group, stored, strict=True):
            is_same = _is_same(expected, again[expected.user])
            yield expected.user, compare(expected, rows) if is_same else None

    def _stored(self, group: Sequence[Expected]) -> list[Rows]:
        users = [each.user for each in group]
        found: list[Rows] = [{} for _ in group]

        def take(table: Table[Any], owners: Iterable[int], slices: Sequence[Slice]) -> None:
            for owner, rows in zip(owners, self._store.read_many(table, slices), strict=True):
                found[owner].update({keys_of(table, row)[0]: (table, row) for row in rows})

        take(USER_BY_SHARD, range(len(users)), [Slice((shard_of(user),), (user,), (user,)) for user in users])
        for table in BY_USER:
            take(table, range(len(users)), [Slice((user,)) for user in users])
        sessions = [
            (owner, session)
            for owner, each in enumerate(group)
            for session in sorted(each.sessions | _sessions_of(found[owner]))
        ]
        slices = [Slice((users[owner], session)) for owner, session in sessions]
        for table in BY_SESSION:
            take(table, (owner for owner, _ in sessions), slices)
        return found


def lost_key(user: UserId) -> StoredValueCorrupt:
    return StoredValueCorrupt(
        f"user {user!r} has a journal and no data key",
        remedy="restore the user's row of data_key from a backup; if the user was erased on purpose,"
        " delete the rows of the journal",
    )


def _is_same(expected: Expected, tail: Tail) -> bool:
    """The journal ends where it did."""
    epoch = tail.anchor.writer_epoch if tail.anchor is not None else None
    try:
        return epoch == expected.last_epoch and next(tail.events, None) is None
    except StoredValueCorrupt:
        return False


def _sessions_of(rows: Rows) -> set[str]:
    return {row.session_id for table, row in rows.values() if table is SESSION_BY_USER}  # type: ignore[attr-defined]


def _restless(user: UserId) -> MuvrError:
    return MuvrError(
        f"user {user!r} changed {ATTEMPTS_MAX} times while being compared",
        remedy=f"try again with --user {user} when it is quiet",
    )


def _marks(outcome: Outcome) -> frozenset[int]:
    return frozenset(each.mark for each in outcome.differences)


def _count(unsettled: Iterable[_Unsettled]) -> int:
    return sum(len(marks) for each in unsettled for marks in each.marks.values())
