"""Where what is stored of one user lies: for every declared table which slices, or why none.

A new table is declared here too, or tests/persistence/test_footprint.py fails: what is not listed would be
neither exported nor erased.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from domain.errors import StoredValueCorrupt
from domain.events import SessionOpened
from domain.identifiers import UserId, pseudonym_of, shard_of
from persistence.api_tables import (
    API_REQUEST,
    GRANT_BY_USER,
    LOGIN,
    LOGIN_BY_USER,
    PAIRING,
    PATIENT_BY_COACH,
    REVOCATION,
)
from persistence.arrivals import ARRIVAL_BUCKET_COUNT
from persistence.batch_tables import ARRIVAL, BATCH_STATE
from persistence.exercise_tables import ACCEPTED_EXERCISE, CONTRIBUTED_EXERCISE
from persistence.journal import Journal, opened_event
from persistence.keys import Cipher
from persistence.learned_tables import CLUSTER_MEMBER, LEARNED_TABLES
from persistence.models import user_scope
from persistence.night_tables import NIGHT_TABLES
from persistence.ports import Slice, Store
from persistence.privacy_tables import ACCESS, ERASING, ERASING_SESSION, ERASURE, LET_GO
from persistence.profile_tables import GOAL, MEASUREMENT_BY_USER, PROFILE
from persistence.schema import Key, Table
from persistence.tables import (
    ARTEFACT,
    CURRENT_MODEL,
    DATA_KEY,
    EVALUATION,
    JOURNAL,
    LABEL,
    MEMBER,
    MODEL,
    SENSOR,
    SESSION_BY_USER,
    SET_BY_SESSION,
    SNAPSHOT,
    SUGGESTION_BY_SESSION,
    USER_BY_SHARD,
    VIEW,
    WINDOW,
    JournalRow,
    ModelRow,
)

EMPTY_PARTITIONS = 3  # of a journal, one after the other, behind which no other is looked for

Streams = frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """`sessions` of `user` with the streams of each, as far as they are known; `subject` is the pseudonym."""

    user: UserId
    subject: str
    sessions: Mapping[str, Streams]

    def with_sessions(self, others: Mapping[str, Streams]) -> Footprint:
        return Footprint(user=self.user, subject=self.subject, sessions=_joined(self.sessions, others))


Slices = Callable[[Store, Footprint], Iterable[Slice]]


def find_footprint(store: Store, user: UserId, cipher: Cipher | None, pseudonym_key: bytes) -> Footprint:
    """What the journal and the read models say. Where a part of the journal is gone, or cannot be read (there
    is no `cipher`), all partitions of the store are looked through too.
    """
    sessions: dict[str, Streams] = {
        row.session_id: frozenset() for row in store.read(SESSION_BY_USER, (user,))
    }
    journalled, is_whole = _journalled(store, user, cipher)
    found = Footprint(user=user, subject=pseudonym_of(user, pseudonym_key), sessions=sessions)
    found = found.with_sessions(journalled)
    return found if is_whole else found.with_sessions(_looked_for(store, user))


def journalled_sessions(store: Store, user: UserId, cipher: Cipher) -> Mapping[str, Streams]:
    """The sessions that the events tell of which are left, with their streams."""
    return _journalled(store, user, cipher)[0]


def streams_of(store: Store, user: UserId, session: str, cipher: Cipher | None) -> Streams:
    """The streams of a session; all partitions of the store are looked through if no event tells."""
    journalled, is_whole = _journalled(store, user, cipher)
    if session in journalled or is_whole:
        return journalled.get(session, Streams())
    return _looked_for(store, user).get(session, Streams())


def journal_rows(store: Store, user: UserId) -> Iterator[JournalRow]:
    """All rows, whether they count or not; a partition that was lost does not hide those behind it."""
    for part in _journal(store, user):
        yield from store.read(JOURNAL, part.partition)


def own_models(store: Store, user: UserId) -> list[ModelRow]:
    """The models that are served to the user alone."""
    return [row for part in _scope_slices(MODEL, store, user) for row in store.read(MODEL, part.partition)]


def slices(store: Store, footprint: Footprint, table: Table[Any]) -> Iterable[Slice]:
    """Where rows of `table` are that are the user's, those of a journal from its end on."""
    return HELD[table](store, footprint)


def _journalled(store: Store, user: UserId, cipher: Cipher | None) -> tuple[dict[str, Streams], bool]:
    """The sessions that the journal tells of, in whatever row, and whether those are all there were."""
    if cipher is None:
        return {}, False
    found: defaultdict[str, set[str]] = defaultdict(set)
    is_whole = Journal(store).deleted_nr(user) == 0
    for row in journal_rows(store, user):
        if row.sequence_nr == 0:
            continue  # says how much was deleted
        try:
            event = opened_event(user, cipher, row)
        except StoredValueCorrupt:
            is_whole = False
            continue
        if isinstance(event, SessionOpened):
            found[event.session].update(each.stream for each in event.streams)
    return _frozen(found), is_whole


def _looked_for(store: Store, user: UserId) -> dict[str, Streams]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for owner, session, stream in store.partitions(SENSOR):
        if owner == user:
            found[str(session)].add(str(stream))
    for table in (LABEL, SET_BY_SESSION, SUGGESTION_BY_SESSION):
        for owner, session in store.partitions(table):
            if owner == user:
                found[str(session)].update()
    return _frozen(found)


def _frozen(found: Mapping[str, set[str]]) -> dict[str, Streams]:
    return {name: frozenset(streams) for name, streams in found.items()}


def _joined(one: Mapping[str, Streams], other: Mapping[str, Streams]) -> dict[str, Streams]:
    return {name: one.get(name, Streams()) | other.get(name, Streams()) for name in {**one, **other}}


def _whole(*partitions: Key) -> list[Slice]:
    return [Slice(partition) for partition in partitions]


def _by_user(_: Store, footprint: Footprint) -> Iterable[Slice]:
    return _whole((footprint.user,))


def _by_session(_: Store, footprint: Footprint) -> Iterable[Slice]:
    return _whole(*((footprint.user, session) for session in footprint.sessions))


def _by_stream(_: Store, footprint: Footprint) -> Iterable[Slice]:
    return _whole(
        *(
            (footprint.user, session, stream)
            for session, streams in footprint.sessions.items()
            for stream in sorted(streams)
        )
    )


def _journal(store: Store, user: UserId) -> list[Slice]:
    """From the end: what is deleted in that order leaves a beginning, from which the rest is found again."""
    count, empty = 0, 0
    for partition_nr in itertools.count():
        is_there = next(store.read(JOURNAL, (user, partition_nr), limit=1), None) is not None
        empty = 0 if is_there else empty + 1
        count = partition_nr + 1 if is_there else count
        if empty == EMPTY_PARTITIONS:
            return _whole(*((user, number) for number in reversed(range(count))))
    raise AssertionError("counting does not end")


def _of_user_within(partitions: Iterable[Key], name: str) -> list[Slice]:
    """Of partitions with rows of many, those clustered under `name`."""
    return [Slice(partition, (name,), (name,)) for partition in partitions]


def _arrivals(store: Store, footprint: Footprint) -> Iterable[Slice]:
    bucket = shard_of(footprint.user) % ARRIVAL_BUCKET_COUNT
    return _of_user_within((key for key in store.partitions(ARRIVAL) if key[1] == bucket), footprint.user)


def _scope_slices(table: Table[Any], store: Store, user: UserId) -> list[Slice]:
    return _whole(*(key for key in store.partitions(table) if key[0] == user_scope(user)))


def _evaluations(store: Store, footprint: Footprint) -> Iterable[Slice]:
    return _whole(*((row.model_id,) for row in own_models(store, footprint.user)))


def _artefacts(store: Store, footprint: Footprint) -> Iterable[Slice]:
    return _whole(*((row.digest,) for row in own_models(store, footprint.user)))


def _grants(store: Store, footprint: Footprint) -> Iterable[Slice]:
    """Those that the user gave, and those that others gave to the user, who may be a coach."""
    name = footprint.user
    patients = [(row.user_id,) for row in store.read(PATIENT_BY_COACH, (name,))]
    return [*_whole((name,)), *_of_user_within((key for key in patients if key != (name,)), name)]


def _patients(store: Store, footprint: Footprint) -> Iterable[Slice]:
    name = footprint.user
    coaches = (key for key in store.partitions(PATIENT_BY_COACH) if key != (name,))
    return [*_whole((name,)), *_of_user_within(coaches, name)]


def _logins(store: Store, footprint: Footprint) -> Iterable[Slice]:
    return _whole(*((row.login_id,) for row in store.read(LOGIN_BY_USER, (footprint.user,))))


def _pairings(store: Store, footprint: Footprint) -> Iterable[Slice]:
    return _whole(*((row.name,) for row in store.scan(PAIRING) if row.user_id == footprint.user))


# What depends on other rows stands before those: it is exported and erased in this order.
HELD: dict[Table[Any], Slices] = {
    EVALUATION: _evaluations,
    ARTEFACT: _artefacts,
    CURRENT_MODEL: lambda store, footprint: _scope_slices(CURRENT_MODEL, store, footprint.user),
    MODEL: lambda store, footprint: _scope_slices(MODEL, store, footprint.user),
    LOGIN: _logins,
    LOGIN_BY_USER: _by_user,
    PAIRING: _pairings,
    REVOCATION: lambda store, footprint: _of_user_within(store.partitions(REVOCATION), footprint.user),
    API_REQUEST: lambda store, footprint: _whole(
        *(key for key in store.partitions(API_REQUEST) if key[0] == footprint.user)
    ),
    GRANT_BY_USER: _grants,
    PATIENT_BY_COACH: _patients,
    SENSOR: _by_stream,
    LABEL: _by_session,
    SET_BY_SESSION: _by_session,
    SUGGESTION_BY_SESSION: _by_session,
    ARRIVAL: _arrivals,
    WINDOW: lambda store, footprint: _of_user_within(store.partitions(WINDOW), footprint.subject),
    CLUSTER_MEMBER: lambda store, footprint: _of_user_within(
        store.partitions(CLUSTER_MEMBER), footprint.subject
    ),
    PROFILE: _by_user,
    MEASUREMENT_BY_USER: _by_user,
    GOAL: _by_user,
    CONTRIBUTED_EXERCISE: _by_user,
    ACCESS: _by_user,
    SNAPSHOT: _by_user,
    JOURNAL: lambda store, footprint: _journal(store, footprint.user),
    USER_BY_SHARD: lambda _, footprint: _of_user_within([(shard_of(footprint.user),)], footprint.user),
    SESSION_BY_USER: _by_user,
    DATA_KEY: _by_user,
}

_GROUPS = "figures of groups of users, none of a few; the next night makes them without the user"
_PROGRAMS = "about programs, not about users"

NOT_HELD: dict[Table[Any], str] = {
    **{table: _GROUPS for table in LEARNED_TABLES if table is not CLUSTER_MEMBER},
    **dict.fromkeys(NIGHT_TABLES, _PROGRAMS),
    BATCH_STATE: _PROGRAMS,
    MEMBER: _PROGRAMS,
    VIEW: _PROGRAMS,
    ACCEPTED_EXERCISE: "the catalogue's since a reviewer accepted it, without who contributed it",
    ERASURE: "names nobody; has to outlast the user, so that nothing comes back",
    ERASING: "deleted at the end of the erasure",
    ERASING_SESSION: "deleted at the end of the erasure",
    LET_GO: "deleted at the end of the erasure",
}
