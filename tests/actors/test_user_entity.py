"""One user's entity: commands in; events, rows, windows and replies out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actors.effects import Classified, Effects
from actors.groups import GroupShelf
from actors.recognition import classify
from actors.recovery import recover
from actors.user_entity import UserEntity
from domain.commands import AcceptFrame, CloseSession, Command, ConfirmLabel, OpenSession, RecordSet, Stream
from domain.errors import NotOwner
from domain.identifiers import DeviceId, ModelId, SessionId, StreamId, UserId
from domain.replies import (
    Acknowledged,
    ExerciseAdvised,
    ExerciseRecognised,
    Refused,
    Reply,
    RestBegan,
    SessionEnded,
    SetFound,
)
from domain.user import SESSIONS_KEPT_MAX
from persistence.batch_tables import ARRIVAL
from persistence.ports import Insert
from persistence.sqlite import SqliteStore
from tests.actors.driving import stores_of
from tests.actors.stub_models import T0_MS, StubShelf, heart_frame, stub_model

ALICE = UserId("alice")


class Entity:
    """Drives an entity as its shard host does."""

    def __init__(
        self, store: SqliteStore, shelf: StubShelf, *, epoch: int = 0, groups: GroupShelf | None = None
    ) -> None:
        self._store = store
        fitting: Any = shelf
        stores = stores_of(store)
        if groups is not None:
            stores = replace(stores, groups=groups)
        entity = recover({ALICE: epoch}, stores, fitting)[ALICE]
        assert isinstance(entity, UserEntity)
        self.entity = entity

    def take(self, *commands: Command, connection: int = 1) -> list[tuple[int | None, Reply]]:
        return self.take_all([(connection, command) for command in commands])

    def take_all(self, commands: list[tuple[int, Command]]) -> list[tuple[int | None, Reply]]:
        effects = self.entity.take(commands, T0_MS)
        later = Effects()
        if effects.more:
            answers = classify([(request.model, request.windows) for request in effects.requests])
            later = self.entity.classified(Classified(answers))
        self._store.write([*effects.writes, *later.writes])
        return effects.replies + later.replies


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    for connection in store._connections:
        connection.execute("PRAGMA synchronous=OFF")
    yield store
    store.close()


@pytest.fixture
def shelf() -> StubShelf:
    return StubShelf(stub_model())


def opened(session: str = "s", recogniser: Any = "server") -> OpenSession:
    return OpenSession(
        session=SessionId(session),
        command_nr=0,
        at_ms=T0_MS,
        device=DeviceId("watch"),
        recogniser=recogniser,
        streams=(Stream(stream=StreamId("h"), sensor="h", location="chest"),),
    )


def frames(first: int, count: int, beats: float, session: str = "s") -> list[Command]:
    return [AcceptFrame(frame=heart_frame(session, nr, beats)) for nr in range(first, first + count)]


def label(number: int, exercise: str = "curl", session: str = "s") -> ConfirmLabel:
    return ConfirmLabel(
        session=SessionId(session),
        command_nr=number,
        start_ms=T0_MS + 1000 * number,
        end_ms=T0_MS + 1000 * number + 900,
        exercise=exercise,
        repetitions=8,
        weight_kg=20.0,
    )


def closed(number: int, session: str = "s") -> CloseSession:
    return CloseSession(session=SessionId(session), command_nr=number, at_ms=T0_MS + 100_000)


def of(kind: type, replies: list[tuple[int | None, Reply]]) -> list[Any]:
    return [reply for _, reply in replies if isinstance(reply, kind)]


def test_an_owner_under_an_older_epoch_is_refused(store: SqliteStore, shelf: StubShelf) -> None:
    """Its events would not count: it is stale, or muvr_keys was restored from before the journal."""
    Entity(store, shelf, epoch=7).take(opened(), label(1))
    fitting: Any = shelf
    refused = recover({ALICE: 6}, stores_of(store), fitting)[ALICE]
    assert isinstance(refused, NotOwner)
    assert "epoch 7" in str(refused)
    assert "restore both" in str(refused)
    assert Entity(store, shelf, epoch=8).take(label(2))


def test_what_comes_on_a_day_is_noted_once_and_again_if_it_was_not_acknowledged(
    store: SqliteStore, shelf: StubShelf
) -> None:
    entity = Entity(store, shelf)
    entity.take(opened())
    assert not list(store.scan(ARRIVAL))

    def written(*commands: Command, after_ms: int = 0) -> list[Any]:
        effects = entity.entity.take([(1, command) for command in commands], T0_MS + after_ms)
        store.write(effects.writes)
        return [each.row for each in effects.writes if isinstance(each, Insert) and each.table is ARRIVAL]

    (row,) = written(*frames(0, 3, 60), label(1))
    assert (row.user_id, row.session_id, row.streams) == (ALICE, "s", "h")
    assert not written(*frames(3, 3, 60))
    (later,) = written(label(2), after_ms=86_400_000)
    assert later.day > row.day
    entity = Entity(store, shelf)  # its node died before it acknowledged, so the device sends again
    assert written(*frames(3, 3, 60)) == [row]


def test_a_set_that_the_server_finds_is_told_and_followed_by_advice(
    store: SqliteStore, shelf: StubShelf
) -> None:
    entity = Entity(store, shelf)
    entity.take(opened(), label(1))
    during = entity.take(*frames(0, 20, 60), *frames(20, 30, 150))
    assert of(ExerciseRecognised, during)
    assert not of(SetFound, during)
    after = entity.take(*frames(50, 20, 60))
    (found,) = of(SetFound, after)
    assert (found.exercise, found.model_id) == ("curl", ModelId("stub"))
    (advice,) = of(ExerciseAdvised, after)
    assert (advice.exercise, advice.at_ms, advice.weight_kg) == ("curl", found.end_ms, 20.0)
    assert of(RestBegan, after)
    assert {origin for origin, reply in after if not isinstance(reply, Acknowledged)} == {None}


def test_without_history_there_is_no_advice(store: SqliteStore, shelf: StubShelf) -> None:
    entity = Entity(store, shelf)
    entity.take(opened(), *frames(0, 20, 60), *frames(20, 30, 150))
    replies = entity.take(*frames(50, 20, 60))
    assert len(of(SetFound, replies)) == 1
    assert of(ExerciseAdvised, replies) == []


def test_a_set_that_the_device_found_is_told_and_followed_by_advice(
    store: SqliteStore, shelf: StubShelf
) -> None:
    entity = Entity(store, shelf)
    entity.take(opened(recogniser="device"), label(1))
    record = RecordSet(
        session=SessionId("s"),
        command_nr=2,
        start_ms=T0_MS,
        end_ms=T0_MS + 20_000,
        exercise="curl",
        confidence=0.9,
        repetitions=8,
        model_id="watch-model",
    )
    replies = entity.take(record, *frames(0, 60, 150))
    (found,) = of(SetFound, replies)
    assert found.model_id == "watch-model"
    assert len(of(ExerciseAdvised, replies)) == 1
    assert of(ExerciseRecognised, replies) == [], "the server does not listen as well"
    assert of(SetFound, entity.take(record)) == [], "it was taken before"


def test_closing_a_session_ends_its_open_set(store: SqliteStore, shelf: StubShelf) -> None:
    entity = Entity(store, shelf)
    entity.take(opened(), label(1), *frames(0, 20, 60), *frames(20, 30, 150))
    replies = entity.take(closed(2))
    assert len(of(SetFound, replies)) == 1
    assert len(of(SessionEnded, replies)) == 1
    assert of(ExerciseAdvised, replies) == [], "nothing follows in a session that is closed"
    assert of(SetFound, entity.take(closed(2), *frames(50, 5, 60))) == []


def test_a_model_that_comes_later_is_for_new_sessions(store: SqliteStore) -> None:
    shelf = StubShelf(None)
    entity = Entity(store, shelf)
    entity.take(opened("early"))
    shelf.model = stub_model("first")
    entity.take(opened("middle"))
    shelf.model = stub_model("second")
    entity.take(opened("late"))
    models = {}
    for session in ("early", "middle", "late"):
        work = [*frames(0, 20, 60, session), *frames(20, 30, 150, session), *frames(50, 20, 60, session)]
        models[session] = [found.model_id for found in of(SetFound, entity.take(*work))]
    assert models == {"early": [], "middle": ["first"], "late": ["second"]}


def test_acknowledgements_are_cumulative_one_per_stream_and_connection(
    store: SqliteStore, shelf: StubShelf
) -> None:
    entity = Entity(store, shelf)
    commands = [(1, opened()), *((1, f) for f in frames(0, 3, 60)), *((2, f) for f in frames(0, 5, 60))]
    replies = entity.take_all([*commands, (2, label(1)), (1, label(1))])
    found = [(origin, r.stream, r.next_nr) for origin, r in replies if isinstance(r, Acknowledged)]
    assert sorted(found, key=str) == [(1, "", 2), (1, "h", 5), (2, "", 2), (2, "h", 5)]


def test_what_comes_too_early_is_refused_with_the_number_to_send(
    store: SqliteStore, shelf: StubShelf
) -> None:
    entity = Entity(store, shelf)
    replies = entity.take(opened(), *frames(2, 1, 60), label(5))
    refused = [(r.stream, r.sequence_nr, r.expected_nr, r.retry) for r in of(Refused, replies)]
    assert refused == [("h", 2, 0, True), ("", 5, 1, True)]


def test_a_session_that_is_crowded_out_in_mid_set_harms_nobody(store: SqliteStore, shelf: StubShelf) -> None:
    entity = Entity(store, shelf)
    entity.take(opened("first"), *frames(0, 20, 60, "first"), *frames(20, 30, 150, "first"))
    others = [opened(f"other-{number}") for number in range(SESSIONS_KEPT_MAX)]
    replies = entity.take(*frames(50, 20, 60, "first"), *others)
    assert of(Refused, replies) == []
    (refused,) = of(Refused, entity.take(*frames(70, 1, 60, "first")))
    assert not refused.retry


def test_a_forgotten_session_that_is_opened_again_is_acknowledged(
    store: SqliteStore, shelf: StubShelf
) -> None:
    entity = Entity(store, shelf)
    entity.take(opened("first"), closed(1, "first"))
    for number in range(SESSIONS_KEPT_MAX):
        entity.take(opened(f"other-{number}"))
    assert of(Acknowledged, entity.take(opened("first"))) == [
        Acknowledged(session=SessionId("first"), stream=StreamId(""), next_nr=1)
    ]


def test_without_a_recogniser_nothing_waits_for_answers(store: SqliteStore, shelf: StubShelf) -> None:
    entity = Entity(store, shelf)
    entity.take(opened(), *frames(0, 20, 60), closed(1))
    effects = entity.entity.take([(1, frame) for frame in frames(20, 20, 150)], T0_MS)
    assert not effects.more
