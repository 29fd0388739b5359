"""Erases users, in steps each of which may be done again, so that what was cut off anywhere is begun again.

 1. It is written down that the user is being erased: from then on no actor of the user wakes.
 2. Whoever holds the user in memory lets go (`fence`).
 3. The user's sessions are written down, which nobody could tell once the journal cannot be read.
 4. The data key is destroyed: journal, snapshots and all copies of them cannot be read any more.
 5. What `persistence/footprint.py` says is deleted, and looked for again.
 6. The receipt is signed and stored. It names nobody; the notes of the steps before are deleted.

A node that was taken for dead may write late what it had in hand. So the notes stay for a second sweep, see
`resume`, unless everyone had said that they let go.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from domain.errors import StoreUnavailable
from domain.identifiers import UserId, pseudonym_of
from persistence.footprint import HELD, Footprint, Streams, find_footprint, slices
from persistence.keys import DataKeyStore
from persistence.models import user_scope
from persistence.ports import Delete, Insert, Slice, Store, Then
from persistence.privacy_tables import (
    ERASING,
    ERASING_SESSION,
    ERASURE,
    LET_GO,
    ErasingRow,
    ErasingSessionRow,
    ErasureRow,
    LetGoRow,
)
from persistence.receipts import NamedModel, Receipt, decode, encode, signed
from persistence.schema import Table, Timestamp
from persistence.tables import DATA_KEY, MODEL, ModelRow

QUEUE = "erasing"  # the one partition of ERASING
TOGETHER_MAX = 100  # slices per question and per write
SWEEPS_MAX = 3  # a host that dies while it lets go may leave something once, hardly ever twice

Fence = Callable[[UserId, str], bool]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """`signing_key` is the Ed25519 seed of receipts, `pseudonym_key` that of training's pseudonyms."""

    pseudonym_key: bytes
    signing_key: bytes


class ErasureStore:
    """What is known of erasures, for those who are to let go and for those who ask."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def pending(self) -> list[ErasingRow]:
        """Erasures that are not over."""
        return list(self._store.read(ERASING, (QUEUE,)))

    def let_go(self, digest: str, member_id: str, now_ms: int) -> None:
        """Note that a shard host has nothing of the user, neither in memory nor on its way.

        That holds for whatever process the member is later: the user wakes in none any more.
        """
        self._store.write([Insert(LET_GO, LetGoRow(digest, member_id, Timestamp(now_ms)))])

    def who_let_go(self, digest: str) -> set[str]:
        """Members."""
        return {row.member_id for row in self._store.read(LET_GO, (digest,))}

    def found(self, digest: str) -> ErasureRow | None:
        return next(self._store.read(ERASURE, (digest,)), None)

    def all(self) -> list[ErasureRow]:
        return list(self._store.scan(ERASURE))

    def remember(self, receipt: Receipt) -> None:
        """That a user was erased, as a verified receipt says."""
        self.copy(receipt.digest, receipt.begun_ms, receipt.finished_ms, encode(receipt))

    def copy(self, digest: str, begun_ms: int, finished_ms: int | None, receipt: str | None) -> None:
        """That a user was erased, as another store has it; what is known already stays."""
        if self.found(digest) is None:
            finished = None if finished_ms is None else Timestamp(finished_ms)
            self._store.write([Insert(ERASURE, ErasureRow(digest, Timestamp(begun_ms), finished, receipt))])


class Eraser:
    """`fence` waits until nobody holds the user; True if everyone said so, False if some seem to be gone."""

    def __init__(
        self,
        store: Store,
        keys: DataKeyStore,
        secrets: Secrets,
        now_ms: Callable[[], int],
        *,
        fence: Fence = lambda user, digest: True,
        progress: Progress = lambda stage, done, total: None,
    ) -> None:
        self._store = store
        self._keys = keys
        self._secrets = secrets
        self._now_ms = now_ms
        self._fence = fence
        self._progress = progress
        self._erasures = ErasureStore(store)

    def erase(self, user: UserId) -> Receipt:
        """Erase `user`, or go on with it; an erasure that was complete is swept again. Raises StoreError."""
        digest = self._keys.digest_of(user)
        begun = self._begin(user, digest)
        is_fenced = self._fence(user, digest)
        footprint, models = self._planned(user, digest)
        self._keys.destroy(user)
        receipt = self._finish(user, begun, self._sweep(footprint), models)
        if is_fenced:
            self._forget(user, digest)
        return receipt

    def resume(self) -> Iterator[Receipt]:
        """Go on with every erasure that is not over, and sweep again those that are due for it."""
        for row in self._erasures.pending():
            receipt = self.erase(UserId(row.user_id))
            self._forget(UserId(row.user_id), row.digest)
            yield receipt

    def again(self, users: Iterable[UserId]) -> Iterator[UserId]:
        """Erase those of `users` that were erased before: what a restored backup brought back."""
        erased = {row.digest for row in self._erasures.all()}
        for user in users:
            if self._keys.digest_of(user) in erased:
                self.erase(user)
                yield user

    def _begin(self, user: UserId, digest: str) -> ErasureRow:
        found = self._erasures.found(digest)
        row = found or ErasureRow(digest, Timestamp(self._now_ms()), None, None)
        known = next(self._store.read(ERASING, (QUEUE,), lower=(user,), upper=(user,)), None)
        if known is None:
            asked = ErasingRow(QUEUE, user, digest, Timestamp(self._now_ms()), None)
            # Whoever looks for what to let go of must find that nobody may wake the user again.
            self._store.write([Insert(ERASURE, row), Then(), Insert(ERASING, asked)])
        return row

    def _planned(self, user: UserId, digest: str) -> tuple[Footprint, list[NamedModel]]:
        """The user's sessions, and the models to name, written down before anything of them is lost."""
        asked = next(self._store.read(ERASING, (QUEUE,), lower=(user,), upper=(user,)))
        if asked.models is not None:
            return self._noted(user, digest), msgspec.json.decode(asked.models, type=list[NamedModel])
        cipher = self._keys.known_cipher(user)
        footprint = find_footprint(self._store, user, cipher, self._secrets.pseudonym_key)
        rows = [
            Insert(ERASING_SESSION, ErasingSessionRow(digest, session, json.dumps(sorted(streams))))
            for session, streams in footprint.sessions.items()
        ]
        for some in _chunks(rows):
            self._store.write(some)
        models = list(_learned_from(self._store, user, footprint.subject))
        self._store.write([Insert(ERASING, asked._replace(models=msgspec.json.encode(models).decode()))])
        return footprint, models

    def _noted(self, user: UserId, digest: str) -> Footprint:
        sessions: Mapping[str, Streams] = {
            row.session_id: frozenset(json.loads(row.streams))
            for row in self._store.read(ERASING_SESSION, (digest,))
        }
        subject = pseudonym_of(user, self._secrets.pseudonym_key)
        return Footprint(user=user, subject=subject, sessions=sessions)

    def _sweep(self, footprint: Footprint) -> dict[str, int]:
        """Delete all there is, until nothing is found; how many slices of each table had rows."""
        parts: dict[str, int] = {}
        for _ in range(SWEEPS_MAX):
            found = dict(self._delete(footprint))
            parts = {name: parts.get(name, 0) + found.get(name, 0) for name in {**parts, **found}}
            if not found:
                return parts
        raise StoreUnavailable(
            f"rows of user {footprint.user!r} come as they are deleted: {', '.join(sorted(found))}",
            remedy="see which program writes them; then erase the user again",
        )

    def _delete(self, footprint: Footprint) -> Iterator[tuple[str, int]]:
        for number, table in enumerate(HELD):
            self._progress(f"erase {table.name}", number, len(HELD))
            count = 0
            for some in _chunks(slices(self._store, footprint, table)):
                with_rows = self._with_rows(table, some)
                self._store.write([Delete(table, each.partition, each.lower, each.upper) for each in some])
                count += with_rows
            if count:
                yield table.name, count
        self._progress("erased", len(HELD), len(HELD))

    def _with_rows(self, table: Table[Any], some: list[Slice]) -> int:
        return sum(map(bool, self._store.read_many(table, some, limit=1)))

    def _finish(
        self, user: UserId, begun: ErasureRow, parts: dict[str, int], models: list[NamedModel]
    ) -> Receipt:
        """The receipt: the one that was given before, if nothing was found since."""
        before = decode(begun.receipt) if begun.receipt is not None else None
        if before is not None and not parts:
            return before
        counts = before.parts if before is not None else {}
        named = {each.model_id: each for each in (*(before.models if before else ()), *models)}
        receipt = Receipt(
            digest=begun.digest,
            begun_ms=begun.begun_at,
            finished_ms=self._now_ms(),
            key_destroyed=next(self._store.read(DATA_KEY, (user,)), None) is None,
            parts={name: counts.get(name, 0) + parts.get(name, 0) for name in sorted({**counts, **parts})},
            models=list(named.values()),
            public_key="",
        )
        receipt = signed(receipt, self._secrets.signing_key)
        row = begun._replace(finished_at=Timestamp(receipt.finished_ms), receipt=encode(receipt))
        self._store.write([Insert(ERASURE, row)])
        return receipt

    def _forget(self, user: UserId, digest: str) -> None:
        """Delete the notes, those that name the user last."""
        notes = [Delete(ERASING_SESSION, (digest,)), Delete(LET_GO, (digest,))]
        self._store.write([*notes, Then(), Delete(ERASING, (QUEUE,), (user,), (user,))])


class _Lineage(msgspec.Struct):
    subjects: list[str] = []


def _learned_from(store: Store, user: UserId, subject: str) -> Iterator[NamedModel]:
    """The user's own models, and those whose lineage names the user's pseudonym."""
    for row in store.scan(MODEL):
        if row.scope == user_scope(user) or subject in _subjects(row):
            yield NamedModel(
                model_id=row.model_id,
                scope="user" if row.scope == user_scope(user) else row.scope,
                sensor_set=row.sensor_set,
                is_deleted=row.scope == user_scope(user),
            )


def _subjects(row: ModelRow) -> list[str]:
    try:
        return msgspec.json.decode(row.lineage, type=_Lineage).subjects
    except msgspec.DecodeError:
        return []


def _chunks(items: Iterable[Any]) -> Iterator[list[Any]]:
    remaining = iter(items)
    while some := list(itertools.islice(remaining, TOGETHER_MAX)):
        yield some
