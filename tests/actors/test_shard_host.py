"""One shard host over a real store: bounds, recovery, and what one user's broken rows do to the others."""

from __future__ import annotations

import gc
import logging
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from actors.messages import Addressed, Envelope
from actors.session_actor import SessionActor
from domain.commands import AcceptFrame, CloseSession, Command, OpenSession, Stream
from domain.errors import StoredValueCorrupt, StoreFull, StoreUnavailable
from domain.identifiers import DeviceId, SessionId, StreamId, UserId
from domain.replies import Acknowledged, Refused, SetFound
from persistence.ports import Delete, Insert
from persistence.sqlite import SqliteStore
from persistence.tables import DATA_KEY, JOURNAL, SENSOR, SNAPSHOT
from tests.actors.checker import journal, sets_of_server
from tests.actors.driving import DrivenHost
from tests.actors.stub_models import T0_MS, StubShelf, heart_frame, stub_model

ALICE, BOB = UserId("alice"), UserId("bob")
REST_S, WORK_S = 20, 30


class Fails:
    """Makes `store.submit` end with `error` once."""

    def __init__(self, store: SqliteStore, error: Exception) -> None:
        self._submit = store.submit
        self._store: Any = store
        self._error = error
        self._store.submit = self

    def __call__(self, mutations: object) -> Future[None]:
        self._store.submit = self._submit
        failed: Future[None] = Future()
        failed.set_exception(self._error)
        return failed


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    for connection in store._connections:
        connection.execute("PRAGMA synchronous=OFF")
    yield store
    store.close()


def host_of(
    store: SqliteStore, sessions_max: int = 100, now_ms: Callable[[], int] = lambda: T0_MS
) -> DrivenHost:
    return DrivenHost(store, StubShelf(stub_model()), now_ms, sessions_max=sessions_max)


def opened(user: UserId) -> Envelope:
    streams = (Stream(stream=StreamId("h"), sensor="h", location="chest"),)
    return envelope(
        user,
        OpenSession(
            session=SessionId("s"),
            command_nr=0,
            at_ms=T0_MS,
            device=DeviceId("watch"),
            recogniser="server",
            streams=streams,
        ),
    )


def frame(user: UserId, number: int, beats: float = 60) -> Envelope:
    return envelope(user, AcceptFrame(frame=heart_frame("s", number, beats)))


def envelope(user: UserId, command: Command) -> Envelope:
    return Envelope(1, user, command)


def session_frames(user: UserId) -> list[Envelope]:
    """A rest, a set and a rest."""
    beats = [60.0] * REST_S + [150.0] * WORK_S + [60.0] * REST_S
    return [frame(user, number, value) for number, value in enumerate(beats)]


def refusals(replies: list[Addressed]) -> list[tuple[UserId, Refused]]:
    return [(each.user, each.reply) for each in replies if isinstance(each.reply, Refused)]


def acks(replies: list[Addressed]) -> list[tuple[UserId, str, int]]:
    return [(e.user, e.reply.stream, e.reply.next_nr) for e in replies if isinstance(e.reply, Acknowledged)]


@pytest.mark.parametrize(
    "error",
    [
        StoreUnavailable("no answer"),
        StoreFull("no room"),
        StoredValueCorrupt("a broken file"),
        ValueError("a bug"),
    ],
)
def test_a_batch_that_is_not_written_is_refused_whole_and_may_come_again(
    store: SqliteStore, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    host = host_of(store)
    host.process([opened(ALICE)])
    batch = [opened(BOB), frame(BOB, 0), frame(ALICE, 0)]
    Fails(store, error)
    replies = host.process(batch)
    assert len(refusals(replies)) == len(replies) == 3
    assert all(reply.retry for _, reply in refusals(replies))
    assert host.host.live_count == 0
    assert acks(host.process(batch)) == [(BOB, "", 1), (BOB, "h", 1), (ALICE, "h", 1)]


def test_a_crash_anywhere_in_a_set_finds_it_once(store: SqliteStore) -> None:
    """The recogniser of a recovered session hears again what it had heard."""
    found = []
    for crash_after in range(0, REST_S + WORK_S + REST_S, 3):
        user = UserId(f"user-{crash_after}")
        host = host_of(store)
        host.process([opened(user)])
        told = []
        for number, each in enumerate(session_frames(user)):
            told += [r.reply for r in host.process([each]) if isinstance(r.reply, SetFound)]
            if number == crash_after:
                host = host_of(store)
        (event,) = sets_of_server(journal(store, user))
        assert len(told) == 1
        found.append((event.start_ms, event.end_ms, event.exercise))
    assert len(set(found)) == 1
    (start_ms, end_ms, exercise) = found[0]
    assert exercise == "curl"
    assert abs(start_ms - T0_MS - 1000 * REST_S) <= 2000
    assert abs(end_ms - T0_MS - 1000 * (REST_S + WORK_S)) <= 2000


def test_frames_after_the_close_are_taken_also_by_the_next_host(store: SqliteStore) -> None:
    host = host_of(store)
    host.process([opened(ALICE), *(frame(ALICE, number) for number in range(5))])
    host.process([envelope(ALICE, CloseSession(session=SessionId("s"), command_nr=1, at_ms=T0_MS))])
    host = host_of(store)
    assert acks(host.process([frame(ALICE, 5)])) == [(ALICE, "h", 6)]
    assert len(list(store.read(SENSOR, (ALICE, "s", "h")))) == 6


def break_journal(store: SqliteStore) -> None:
    row = next(store.read(JOURNAL, (ALICE, 0)))
    store.write([Insert(JOURNAL, row._replace(event=row.event[:-1] + bytes([row.event[-1] ^ 1])))])


def break_journal_version(store: SqliteStore) -> None:
    row = next(store.read(JOURNAL, (ALICE, 0)))
    store.write([Insert(JOURNAL, row._replace(event=b"\xff" + row.event[1:]))])


def break_data_key(store: SqliteStore) -> None:
    row = next(store.read(DATA_KEY, (ALICE,)))
    store.write([Insert(DATA_KEY, row._replace(wrapped_key=b"x" * len(row.wrapped_key)))])


def lose_data_key(store: SqliteStore) -> None:
    store.write([Delete(DATA_KEY, (ALICE,))])


def lose_an_event(store: SqliteStore) -> None:
    store.write([Delete(JOURNAL, (ALICE, 0), lower=(1,), upper=(1,))])


@pytest.mark.parametrize(
    ("break_it", "wrong"),
    [
        (break_journal, "event 1 .* of user 'alice' was altered"),
        (break_journal_version, "format version 255"),
        (break_data_key, "the data key of user 'alice' does not open"),
        (lose_data_key, "was altered or sealed under another key"),
        (lose_an_event, "events 1 to 1 of user 'alice' are missing"),
    ],
)
def test_one_users_broken_rows_are_nobody_elses_matter(
    store: SqliteStore, break_it: Callable[[SqliteStore], None], wrong: str
) -> None:
    set_up = [opened(ALICE), opened(BOB)]
    close = [
        envelope(u, CloseSession(session=SessionId("s"), command_nr=1, at_ms=T0_MS)) for u in (ALICE, BOB)
    ]
    host_of(store).process(set_up + close)
    break_it(store)
    replies = host_of(store).process([frame(ALICE, 0), frame(BOB, 0)])
    ((user, reply),) = refusals(replies)
    assert user == ALICE
    assert re.search(wrong, reply.wrong)
    assert reply.retry, "the device keeps what it recorded until someone has mended it"
    assert acks(replies) == [(BOB, "h", 1)]


def test_a_broken_snapshot_only_makes_recovery_longer(store: SqliteStore) -> None:
    host = host_of(store)
    host.process([opened(ALICE), frame(ALICE, 0)])
    host.host.close()
    row = next(store.read(SNAPSHOT, (ALICE,)))
    store.write([Insert(SNAPSHOT, row._replace(state=row.state[:-1]))])
    assert acks(host_of(store).process([frame(ALICE, 1)])) == [(ALICE, "h", 2)]


def test_the_number_of_actors_is_bounded_and_answers_are_never_mixed_up(store: SqliteStore) -> None:
    gc.collect()
    before = sum(type(each) is SessionActor for each in gc.get_objects())
    host = host_of(store, sessions_max=3)
    users = [UserId(f"user-{number}") for number in range(10)]
    for round_nr in range(5):
        for user in users:
            batch = [opened(user), frame(user, round_nr)]
            assert acks(host.process(batch)) == [(user, "", 1), (user, "h", round_nr + 1)]
            assert host.host.live_count <= 3
    assert len(acks(host.process([opened(user) for user in users]))) == 10
    assert host.host.live_count == 3
    gc.collect()
    made = sum(type(each) is SessionActor for each in gc.get_objects()) - before
    assert made <= 13, "actors that were stopped are used again"


def test_the_idle_are_passivated_with_a_snapshot_those_used_longest_ago_first(store: SqliteStore) -> None:
    now_ms = [T0_MS]
    host = host_of(store, now_ms=lambda: now_ms[0])
    for user in (ALICE, BOB):
        now_ms[0] += 1000
        host.process([opened(user)])
    assert host.passivate(1500) == 0
    now_ms[0] += 1000
    assert host.passivate(1000, count_max=0) == 0
    assert host.passivate(1000, count_max=1) == 1
    assert [row.persistence_id for row in store.scan(SNAPSHOT)] == [ALICE]
    assert host.passivate(0) == 1
    assert host.host.live_count == 0


def test_close_keeps_to_its_time(store: SqliteStore) -> None:
    host = host_of(store)
    host.process([opened(ALICE), opened(BOB)])
    host.host.close(seconds_max=-1)
    assert list(store.scan(SNAPSHOT)) == []
    assert acks(host_of(store).process([frame(ALICE, 0)])) == [(ALICE, "h", 1)]
