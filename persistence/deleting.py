"""What rows and journal say of a session that is to be deleted, and its user's state does not.

Streams, to find the sensor rows; and the bests of sets that the state no longer has one by one, once those of
the session are gone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from domain.bests import NO_BEST, Best, best_with
from domain.commands import DeleteSession
from domain.identifiers import SessionId, StreamId, UserId
from persistence.footprint import streams_of
from persistence.keys import Cipher
from persistence.ports import Slice, Store
from persistence.tables import LABEL, SESSION_BY_USER, LabelRow

SESSIONS_TOGETHER = 128  # whose labels are read in one go


def deletion_of(
    store: Store, user: UserId, session: SessionId, cipher: Cipher | None, *, at_ms: int, settled_ms: int
) -> DeleteSession | None:
    """The command that deletes the session, given what is settled in its user's state; None if there is none.

    Without a `cipher` streams are looked for among all that is stored.
    """
    row = next((row for row in store.read(SESSION_BY_USER, (user,)) if row.session_id == session), None)
    if row is None:
        return None
    return DeleteSession(
        session=session,
        at_ms=at_ms,
        opened_ms=row.started_at,
        streams=tuple(StreamId(stream) for stream in sorted(streams_of(store, user, session, cipher))),
        settled_ms=settled_ms,
        bests=_bests_without(store, user, session, settled_ms),
    )


def _bests_without(store: Store, user: UserId, session: SessionId, settled_ms: int) -> Mapping[str, Best]:
    """By exercise that the session has settled sets of; all zeros where no other session has."""
    if not settled_ms:
        return {}
    exercises = {row.exercise for row in store.read(LABEL, (user, session), upper=(settled_ms,))}
    bests: dict[str, Best] = {}
    for row in _labels(store, user, settled_ms) if exercises else ():
        if row.exercise in exercises and row.session_id != session:
            best = best_with(bests.get(row.exercise), [(row.repetitions, row.weight_kg)])
            bests[row.exercise] = best or NO_BEST
    return {name: bests.get(name, NO_BEST) for name in sorted(exercises)}


def _labels(store: Store, user: UserId, settled_ms: int) -> Iterator[LabelRow]:
    """Of all sessions, what began up to then."""
    sessions = store.read(SESSION_BY_USER, (user,))
    while some := list(itertools.islice(sessions, SESSIONS_TOGETHER)):
        slices = [Slice((user, row.session_id), upper=(settled_ms,)) for row in some]
        for rows in store.read_many(LABEL, slices):
            yield from rows
