"""Shard hosts let go of a user that is being erased, and whoever erases waits; no device brings one back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.erasing import ErasureThread, Fence
from actors.lease import fenced
from domain.errors import StoreError, StoreUnavailable
from domain.identifiers import UserId, pseudonym_of
from persistence.erasure import Eraser, ErasureStore, Secrets
from persistence.keys import DataKeyStore
from persistence.ports import Insert
from persistence.schema import Timestamp
from persistence.sqlite import SqliteStore
from persistence.tables import MEMBER, TABLES, MemberRow
from tests.actors.driving import MASTER_KEY, DrivenHost
from tests.actors.faulty_store import FaultyStore
from tests.actors.helpers import eventually
from tests.actors.stub_models import T0_MS, StubShelf, stub_model
from tests.actors.test_shard_host import ALICE, BOB, frame, opened, refusals, session_frames

SECRETS = Secrets(pseudonym_key=b"p" * 32, signing_key=b"s" * 32)
HOST = "node/shard-host-0"
SEEDS = 30


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    for connection in store._connections:
        connection.execute("PRAGMA synchronous=OFF")
    yield store
    store.close()


def host_of(store: SqliteStore | FaultyStore) -> DrivenHost:
    return DrivenHost(store, StubShelf(stub_model()), lambda: T0_MS)


def eraser(store: SqliteStore | FaultyStore, fence: Any = lambda user, digest: True) -> Eraser:
    keys = DataKeyStore(store, MASTER_KEY)
    return Eraser(store, keys, SECRETS, lambda: T0_MS, fence=fence)


def named(store: SqliteStore, user: UserId) -> list[object]:
    names = {user, pseudonym_of(user, SECRETS.pseudonym_key)}
    return [row for table in TABLES for row in store.scan(table) if names & set(map(str, row))]


def test_a_live_user_is_let_go_of_and_nothing_that_a_device_sends_is_taken(store: SqliteStore) -> None:
    driven = host_of(store)
    for user in (ALICE, BOB):
        driven.process([opened(user), *session_frames(user)])

    def fence(user: UserId, digest: str) -> bool:
        driven.host.evict([user])
        return driven.host.has_let_go(user)

    eraser(store, fence).erase(ALICE)
    assert not named(store, ALICE)
    replies = driven.process([opened(ALICE), frame(ALICE, 0), frame(BOB, 70)])
    assert {(user, told.code, told.retry) for user, told in refusals(replies)} == {(ALICE, "erased", False)}
    driven.passivate(0)
    assert not named(store, ALICE)
    assert named(store, BOB)


def test_a_host_with_a_write_in_flight_has_not_let_go(store: SqliteStore) -> None:
    faulty = FaultyStore(store, random.Random(0), 0.0)
    driven = host_of(faulty)
    driven.host.submit(1, [opened(ALICE)])
    driven.host.advance()
    driven.host.evict([ALICE])
    assert faulty.in_flight
    assert not driven.host.has_let_go(ALICE)
    faulty.finish_one()
    driven.host.advance()
    assert driven.host.has_let_go(ALICE)
    driven.host.submit(2, [opened(BOB)])
    driven.host.advance()
    driven.host.evict([])
    faulty.finish_one()
    driven.host.advance()
    assert not driven.host.has_let_go(BOB), "the others stay awake"


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_device_that_sends_all_the_while_brings_nothing_back(store: SqliteStore, seed: int) -> None:
    """The eraser fails and begins again, the host fails and recovers, the device sends on."""
    rng = random.Random(seed)
    driven = host_of(store)
    driven.process([opened(ALICE), opened(BOB)])
    number = {ALICE: 0, BOB: 0}

    def send() -> None:
        for user in (ALICE, BOB):
            driven.process([opened(user), frame(user, number[user])])
            number[user] += 1

    def fence(user: UserId, digest: str) -> bool:
        if rng.random() < 0.3:
            send()
        driven.host.evict([user])
        send()
        if rng.random() < 0.3:
            raise StoreUnavailable("who erases was ended")
        return driven.host.has_let_go(user)

    faulty = FaultyStore(store, rng, 0.03)
    for _ in range(200):
        send()
        try:
            eraser(faulty, fence).erase(ALICE)
            break
        except StoreError:
            continue
    else:
        pytest.fail(f"seed {seed}: never erased")
    send()
    driven.passivate(0)
    assert not named(store, ALICE), seed
    assert named(store, BOB)


class Clock:
    """Seconds that pass only as someone waits, and what happens meanwhile."""

    def __init__(self, store: SqliteStore) -> None:
        self.now_s = 0.0
        self.store = store
        self.alive: list[MemberRow] = []
        self.lets_go_at_s: float | None = None

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self.alive = [row._replace(renewal_nr=row.renewal_nr + 1) for row in self.alive]
        self.store.write([Insert(MEMBER, row) for row in self.alive])
        if self.lets_go_at_s is not None and self.now_s >= self.lets_go_at_s:
            ErasureStore(self.store).let_go("d", HOST, 1)

    def fence(self) -> Fence:
        return Fence(self.store, clock_s=lambda: self.now_s, wait=self.wait)


def member(name: str = HOST) -> MemberRow:
    return MemberRow(name, "i", 1, 1, "ws://h", Timestamp(5))


@pytest.fixture
def clock(store: SqliteStore) -> Clock:
    return Clock(store)


def test_whoever_erases_waits_until_every_host_has_let_go(store: SqliteStore, clock: Clock) -> None:
    store.insert_if_absent(MEMBER, [fenced(member("left"), "i")])
    clock.alive = [member()]
    store.insert_if_absent(MEMBER, clock.alive)
    clock.lets_go_at_s = 5.0
    assert clock.fence()(ALICE, "d")
    assert clock.now_s >= 5.0


def test_a_host_that_is_seen_no_more_is_not_waited_for_for_ever(store: SqliteStore, clock: Clock) -> None:
    store.insert_if_absent(MEMBER, [member()])
    assert not clock.fence()(ALICE, "d"), "so the notes stay for a second sweep"
    assert 30 <= clock.now_s < 40


def test_a_host_that_lives_and_does_not_let_go_is_an_error(store: SqliteStore, clock: Clock) -> None:
    clock.alive = [member()]
    store.insert_if_absent(MEMBER, clock.alive)
    with pytest.raises(StoreUnavailable, match=HOST):
        clock.fence()(ALICE, "d")


def test_nobody_is_waited_for_where_there_is_nobody(store: SqliteStore, clock: Clock) -> None:
    assert clock.fence()(ALICE, "d")
    assert clock.now_s == 0


def test_a_hosts_thread_asks_to_let_go_and_says_when_that_was_done(store: SqliteStore) -> None:
    erasures, asked = ErasureStore(store), list[list[UserId]]()
    thread = ErasureThread(erasures, HOST, asked.append)
    thread.start()
    digest = DataKeyStore(store, MASTER_KEY).digest_of(ALICE)

    def fence(user: UserId, digest: str) -> bool:
        eventually(lambda: [ALICE] in asked, "the host is asked")
        assert thread.waited_for == [ALICE]
        assert not erasures.who_let_go(digest)
        thread.let_go(user)
        eventually(lambda: HOST in erasures.who_let_go(digest), "the host has said it")
        return True

    try:
        eraser(store, fence).erase(ALICE)
        eventually(lambda: asked and asked[-1] == [], "the host hears that it is over")
    finally:
        thread.stop(5.0)
    assert not erasures.who_let_go(digest)
