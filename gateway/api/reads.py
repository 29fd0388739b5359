"""What the API reads from the store; plain functions that block, run in `Reads`' threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import ParamSpec, TypeVar

from actors.night_record import NightRecord, find_night, read_nights
from domain.errors import ConfigurationError
from domain.identifiers import SHARD_COUNT, UserId, check_identifier, shard_of
from gateway.api.cursors import bad_cursor
from gateway.api.models import (
    ConfirmedSet,
    NightItem,
    NightList,
    RecognisedSet,
    SessionDetail,
    SessionItem,
    SessionPage,
    StepItem,
    SuggestedSet,
    UserItem,
    UserPage,
)
from gateway.api.problems import NotFound, TooBusy
from persistence.jobs import NIGHTS_KEPT
from persistence.ports import Store
from persistence.tables import (
    CURRENT_MODEL,
    LABEL,
    SESSION_BY_USER,
    SET_BY_SESSION,
    SUGGESTION_BY_SESSION,
    USER_BY_SHARD,
    LabelRow,
    SessionRow,
    UserRow,
)

THREAD_COUNT = 4
WAITING_MAX = 64  # reads that wait for a thread; beyond, the answer is "too busy"

P = ParamSpec("P")
ResultT = TypeVar("ResultT")


class Reads:
    """Runs blocking reads in a few threads that stay.

    A backend may keep a connection for each thread it meets, so threads must not come and go as those of
    the web framework's pool do.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREAD_COUNT, "api-read")
        self._pending = 0

    async def __call__(self, read: Callable[P, ResultT], /, *arguments: P.args, **named: P.kwargs) -> ResultT:
        """The result of `read(...)`; raises TooBusy when too many wait. From one event loop only."""
        if self._pending >= THREAD_COUNT + WAITING_MAX:
            raise TooBusy(f"{WAITING_MAX} requests wait already", remedy="try again in a few seconds")
        self._pending += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, lambda: read(*arguments, **named))
        finally:
            self._pending -= 1

    def close(self) -> None:
        """Stop; reads that have not begun are dropped, those that run are not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def check_ready(store: Store) -> None:
    """Raise StoreError unless the store answers."""
    next(store.read(CURRENT_MODEL, ("", ""), limit=1), None)


def users(store: Store, cursor: str | None, limit: int) -> UserPage:
    """Users in order of shard and name, from `cursor` on."""
    shard_nr, name = _pair(cursor) if cursor else (0, "")
    if not 0 <= shard_nr < SHARD_COUNT:
        raise bad_cursor(cursor)
    rows = list(islice(_users_from(store, shard_nr, name, limit + 1), limit + 1))
    return UserPage(
        items=[_user_item(row) for row in rows[:limit]],
        next_cursor=f"{rows[limit].shard_nr}~{rows[limit].user_id}" if len(rows) > limit else None,
    )


def user(store: Store, name: UserId) -> UserPage:
    """The page of one user alone, empty if they never opened a session."""
    rows = store.read(USER_BY_SHARD, (shard_of(name),), lower=(name,), upper=(name,))
    return UserPage(items=[_user_item(row) for row in rows], next_cursor=None)


def sessions(store: Store, name: str, cursor: str | None, limit: int) -> SessionPage:
    """A user's sessions, newest first, from `cursor` on; raises NotFound for a user without any."""
    # The cursor is the key of the first row of its page, so that what is added or erased meanwhile neither
    # repeats a session nor skips one. Clustering is newest first: "from there on" is an upper bound by value.
    upper = _pair(cursor) if cursor else ()
    rows = list(store.read(SESSION_BY_USER, (name,), upper=upper, limit=limit + 1))
    if not rows and not cursor:
        raise _no_user(name)
    following = rows[limit] if len(rows) > limit else None
    return SessionPage(
        items=[_session_item(row) for row in rows[:limit]],
        next_cursor=f"{following.started_at}~{following.session_id}" if following else None,
    )


def session(store: Store, name: str, session_id: str) -> SessionDetail:
    """A session with its sets; raises NotFound."""
    found = next((row for row in store.read(SESSION_BY_USER, (name,)) if row.session_id == session_id), None)
    if found is None:
        raise NotFound(f"{name} has no session {session_id}", remedy="list the user's sessions")
    key = (name, session_id)
    return SessionDetail(
        user=name,
        session=session_id,
        device=found.device_id,
        started_ms=found.started_at,
        ended_ms=found.ended_at,
        recognised=_recognised(store, key),
        confirmed=_confirmed(store, key),
        suggested=_suggested(store, key),
    )


def confirmed_set(store: Store, name: str, session_id: str, start_ms: int) -> ConfirmedSet:
    """What counts of the set that began then; raises NotFound if nothing does."""
    rows = store.read(LABEL, (name, session_id), lower=(start_ms,), upper=(start_ms,))
    found = next((_confirmed_set(row) for row in rows), None)
    if found is None:
        raise NotFound("what was said of the set does not count", remedy="look at the session's sets")
    return found


def end_of_set(store: Store, name: str, session_id: str, start_ms: int) -> int:
    """When the confirmed or recognised set ended that began then; raises NotFound."""
    key, bound = (name, session_id), (start_ms,)
    for label in store.read(LABEL, key, lower=bound, upper=bound):
        return label.end_at
    for found in store.read(SET_BY_SESSION, key, lower=bound, upper=bound):
        return found.end_at
    raise NotFound(f"no set of {session_id} began at {start_ms}", remedy="look at the session's sets")


def nights(store: Store, cursor: str | None, limit: int) -> NightList:
    """The newest nights with their steps, from the one that `cursor` names on."""
    found = read_nights(store, 2 * NIGHTS_KEPT)
    if cursor:
        names = [each.night_id for each in found]
        if cursor not in names:
            raise bad_cursor(cursor)
        found = found[names.index(cursor) :]
    following = found[limit].night_id if len(found) > limit else None
    return NightList(items=[_night_item(each) for each in found[:limit]], next_cursor=following)


def night(store: Store, night_id: str) -> NightItem:
    """Raises NotFound."""
    try:
        return _night_item(find_night(store, night_id))
    except ConfigurationError as error:
        raise NotFound(error.wrong, remedy="list the nights") from error


def _users_from(store: Store, shard_nr: int, name: str, limit: int) -> Iterator[UserRow]:
    yield from store.read(USER_BY_SHARD, (shard_nr,), lower=(name,), limit=limit)
    for following_nr in range(shard_nr + 1, SHARD_COUNT):
        yield from store.read(USER_BY_SHARD, (following_nr,), limit=limit)


def _night_item(night: NightRecord) -> NightItem:
    return NightItem(
        night=night.night_id,
        state=night.state,
        due_ms=night.due_ms,
        asked=night.is_asked,
        started_ms=night.started_ms,
        finished_ms=night.finished_ms,
        steps=[
            StepItem(
                name=step.name,
                state=step.state,
                progress=step.progress,
                message=step.message,
                attempt=step.attempt,
                run_id=step.run_id,
                started_ms=step.started_ms,
                finished_ms=step.finished_ms,
                retry_ms=step.retry_ms,
                log_tail=step.log,
            )
            for step in night.steps
        ],
    )


def _user_item(row: UserRow) -> UserItem:
    return UserItem(user=row.user_id, last_session_ms=row.last_session_at)


def _session_item(row: SessionRow) -> SessionItem:
    return SessionItem(
        session=row.session_id, device=row.device_id, started_ms=row.started_at, ended_ms=row.ended_at
    )


def _recognised(store: Store, key: tuple[str, str]) -> list[RecognisedSet]:
    return [
        RecognisedSet(
            start_ms=row.start_at,
            end_ms=row.end_at,
            exercise=row.exercise,
            confidence=row.confidence,
            repetitions=row.repetitions,
            source=row.source,
            model_id=row.model_id,
        )
        for row in store.read(SET_BY_SESSION, key)
    ]


def _confirmed(store: Store, key: tuple[str, str]) -> list[ConfirmedSet]:
    return [_confirmed_set(row) for row in store.read(LABEL, key)]


def _confirmed_set(row: LabelRow) -> ConfirmedSet:
    return ConfirmedSet(
        start_ms=row.start_at,
        end_ms=row.end_at,
        exercise=row.exercise,
        repetitions=row.repetitions,
        weight_kg=row.weight_kg,
    )


def _suggested(store: Store, key: tuple[str, str]) -> list[SuggestedSet]:
    return [
        SuggestedSet(
            suggested_ms=row.suggested_at,
            exercise=row.exercise,
            weight_kg=row.weight_kg,
            repetitions=row.repetitions,
            reason=row.reason,
            taken=row.taken,
        )
        for row in store.read(SUGGESTION_BY_SESSION, key)
    ]


def _pair(cursor: str) -> tuple[int, str]:
    """The number and the name of `number~name`."""
    number, tilde, name = cursor.partition("~")
    if not (tilde and number.isascii() and number.isdigit() and len(number) <= 15):
        raise bad_cursor(cursor)
    return int(number), check_identifier("cursor", name)


def _no_user(name: str) -> NotFound:
    return NotFound(f"there is no user {name} with a session", remedy="list the users")
