"""Without the user's consent to recognition everything is stored and nothing classified."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.messages import Addressed
from domain.profile_commands import SetConsent
from domain.replies import Acknowledged, ConsentHeld, Refused, SetFound
from persistence.profile_tables import PROFILE
from persistence.sqlite import SqliteStore
from persistence.tables import SENSOR, SET_BY_SESSION
from tests.actors.driving import DrivenHost
from tests.actors.stub_models import T0_MS, StubShelf, stub_model
from tests.actors.test_shard_host import ALICE, BOB, envelope, opened, session_frames


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    for connection in store._connections:
        connection.execute("PRAGMA synchronous=OFF")
    yield store
    store.close()


def host_of(store: SqliteStore) -> tuple[DrivenHost, StubShelf]:
    shelf = StubShelf(stub_model())
    return DrivenHost(store, shelf, lambda: T0_MS), shelf


def said(at_ms: int, *, recognition: bool) -> SetConsent:
    return SetConsent(at_ms=at_ms, recognition=recognition, statistics=False, training=False)


def held(replies: list[Addressed]) -> list[tuple[int | None, bool]]:
    return [
        (each.connection, each.reply.recognition) for each in replies if isinstance(each.reply, ConsentHeld)
    ]


def windows_classified(shelf: StubShelf) -> int:
    assert shelf.model is not None
    return sum(shelf.model.network.sizes)  # type: ignore[attr-defined]


def test_who_withdrew_it_has_frames_stored_and_nothing_classified(store: SqliteStore) -> None:
    driven, shelf = host_of(store)
    driven.process([envelope(ALICE, said(1, recognition=False))])
    frames = session_frames(ALICE)
    replies = driven.process([opened(ALICE), *frames])
    assert windows_classified(shelf) == 0
    assert not [each for each in replies if isinstance(each.reply, SetFound | Refused)]
    assert [each.reply.next_nr for each in replies if isinstance(each.reply, Acknowledged)] == [
        1,
        len(frames),
    ]
    assert len(list(store.scan(SENSOR))) == len(frames)
    assert not list(store.scan(SET_BY_SESSION))
    driven.process([opened(BOB), *session_frames(BOB)])
    assert windows_classified(shelf), "bob has said nothing"


def test_it_is_withdrawn_and_given_again_in_the_middle_of_a_session(store: SqliteStore) -> None:
    driven, shelf = host_of(store)
    frames = session_frames(ALICE)
    driven.process([opened(ALICE), *frames[:10]])
    heard = windows_classified(shelf)
    assert heard
    driven.process([*frames[10:12], envelope(ALICE, said(1, recognition=False)), *frames[12:30]])
    assert windows_classified(shelf) == heard
    driven.process([envelope(ALICE, said(2, recognition=True)), *frames[30:]])
    assert windows_classified(shelf) > heard
    assert len(list(store.scan(SENSOR))) == len(frames)


def test_a_recovery_keeps_it(store: SqliteStore) -> None:
    host_of(store)[0].process([envelope(ALICE, said(1, recognition=False)), opened(ALICE)])
    driven, shelf = host_of(store)
    driven.process(session_frames(ALICE))
    assert windows_classified(shelf) == 0


def test_it_is_answered_with_what_holds_and_told_to_all_devices_when_it_changes(store: SqliteStore) -> None:
    driven, _ = host_of(store)
    assert held(driven.process([envelope(ALICE, said(5, recognition=False))])) == [(None, False)]
    assert held(driven.process([envelope(ALICE, said(5, recognition=False))])) == [(1, False)]
    assert held(driven.process([envelope(ALICE, said(4, recognition=True))])) == [(1, False)]
    (row,) = store.scan(PROFILE)
    assert (row.is_recognised, row.in_training, row.in_statistics) == (False, False, False)
