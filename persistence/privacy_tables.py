"""Tables of erasures, which name nobody once they are complete, and of who looked at whose data."""

from __future__ import annotations

from typing import Any, NamedTuple

from persistence.schema import KEYS, MAIN, Table, Timestamp


class ErasureRow(NamedTuple):
    digest: str
    begun_at: Timestamp
    finished_at: Timestamp | None
    receipt: str | None


ERASURE = Table(
    name="erasure",
    keyspace=KEYS,
    row=ErasureRow,
    partition=("digest",),
    comment="Users that were erased, by a keyed hash of their name, for ever: nothing is taken of them again",
)


class ErasingRow(NamedTuple):
    queue: str
    user_id: str
    digest: str
    asked_at: Timestamp
    models: str | None


ERASING = Table(
    name="erasing",
    keyspace=KEYS,
    row=ErasingRow,
    partition=("queue",),
    clustering=("user_id",),
    comment="Erasures that are not over, by name; models (JSON) learned from the user, None until planned",
)


class ErasingSessionRow(NamedTuple):
    digest: str
    session_id: str
    streams: str


ERASING_SESSION = Table(
    name="erasing_session",
    keyspace=KEYS,
    row=ErasingSessionRow,
    partition=("digest",),
    clustering=("session_id",),
    comment="Sessions of a user that is being erased, written down before the key goes that tells them",
)


class LetGoRow(NamedTuple):
    digest: str
    member_id: str
    let_go_at: Timestamp


LET_GO = Table(
    name="let_go",
    keyspace=KEYS,
    row=LetGoRow,
    partition=("digest",),
    clustering=("member_id",),
    comment="Shard hosts that have nothing of a user that is being erased, and take nothing any more",
)


class AccessRow(NamedTuple):
    user_id: str
    accessed_at: Timestamp
    access_id: str
    who: str
    scope: str
    what: str
    why: str


ACCESS = Table(
    name="access",
    keyspace=MAIN,
    row=AccessRow,
    partition=("user_id",),
    clustering=("accessed_at", "access_id"),
    descending=True,
    comment="Who else looked at a user's data, under what right; rows are added, never changed",
)

PRIVACY_TABLES: tuple[Table[Any], ...] = (ERASURE, ERASING, ERASING_SESSION, LET_GO, ACCESS)
