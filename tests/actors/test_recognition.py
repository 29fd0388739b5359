"""Classification of many sessions at once, and the shelf of models."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actors import recognition
from actors.recognition import WINDOWS_PER_CALL, ModelShelf, classify
from domain.errors import InvalidArtefact, StoreUnavailable
from domain.identifiers import ModelId, UserId
from domain.sensors import SensorSet
from domain.windows import Window
from persistence.models import EVERYONE, ModelStore, cluster_scope, user_scope
from persistence.ports import Insert
from persistence.sqlite import SqliteStore
from persistence.tables import ARTEFACT, CURRENT_MODEL, ArtefactRow, CurrentModelRow
from tests.actors.stub_models import CLASSES, stub_model

ALICE, BOB = UserId("alice"), UserId("bob")


def windows(count: int, beats: float) -> list[Window]:
    return [Window(1000 * number, np.full((8, 1), beats, np.float32)) for number in range(count)]


def test_windows_of_a_model_go_together_and_come_back_in_order() -> None:
    rng = random.Random(3)
    models = [stub_model("one"), stub_model("two")]
    requests = [(rng.choice(models), windows(rng.randrange(5), rng.choice([60.0, 150.0]))) for _ in range(40)]
    answers = classify(requests)
    for (_, mine), answer in zip(requests, answers, strict=True):
        assert answer.shape == (len(mine), 2)
        assert [row[1] > 0.5 for row in answer] == [bool(w.samples[0, 0] > 100) for w in mine]
    for model in models:
        network: Any = model.network
        assert len(network.sizes) == 1


def test_a_call_is_bounded() -> None:
    model = stub_model()
    (answer,) = classify([(model, windows(2 * WINDOWS_PER_CALL + 1, 150.0))])
    assert len(answer) == 2 * WINDOWS_PER_CALL + 1
    network: Any = model.network
    assert network.sizes == [WINDOWS_PER_CALL, WINDOWS_PER_CALL, 1]


def test_nothing_to_classify() -> None:
    assert classify([]) == []
    (answer,) = classify([(stub_model(), [])])
    assert answer.shape == (0, len(CLASSES))


class FakeArtefact:
    def __init__(self, data: bytes) -> None:
        if data.startswith(b"bad"):
            raise InvalidArtefact("the file is cut off")
        self.sensor_set = SensorSet.parse(data.decode())
        self.classes = CLASSES


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteStore]:
    """Artefacts are the names of their sensor sets; that real ones decode is tested with them."""
    monkeypatch.setattr(recognition, "decode", FakeArtefact)
    monkeypatch.setattr(recognition, "Int8Network", lambda artefact: artefact)
    monkeypatch.setattr(ModelStore, "artefact", lambda self, digest: _file(store, digest))
    store = SqliteStore(tmp_path)
    yield store
    store.close()


def _file(store: SqliteStore, digest: str) -> bytes | None:
    row = next(store.read(ARTEFACT, (digest,)), None)
    return row.chunk if row else None


def serve(
    store: SqliteStore, name: str, sensor_set: str, *, scope: str = EVERYONE, file: bytes = b""
) -> None:
    store.write(
        [
            Insert(ARTEFACT, ArtefactRow(name, 0, file or sensor_set.encode())),
            Insert(CURRENT_MODEL, CurrentModelRow(scope, sensor_set, name, name, 0.9)),
        ]
    )


def test_the_shelf_keeps_the_model_before_one_that_cannot_be_read(
    store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = ModelShelf(ModelStore(store))
    serve(store, "first", "a@50")
    shelf.refresh()
    serve(store, "second", "a@50", file=b"bad")
    with caplog.at_level(logging.ERROR):
        shelf.refresh()
    assert "model second is not served: the file is cut off" in caplog.text
    best = shelf.best_for(ALICE, "a")
    assert best is not None
    assert best.model_id == ModelId("first")
    serve(store, "third", "a@50")
    shelf.refresh()
    best = shelf.best_for(ALICE, "a")
    assert best is not None
    assert best.model_id == ModelId("third")


def test_a_model_that_is_served_already_is_not_loaded_again(store: SqliteStore) -> None:
    shelf = ModelShelf(ModelStore(store))
    serve(store, "first", "a@50")
    shelf.refresh()
    before = shelf.best_for(ALICE, "a")
    shelf.refresh()
    assert shelf.best_for(ALICE, "a") is before


def test_one_broken_row_keeps_no_other_model_away(
    store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = ModelShelf(ModelStore(store))
    store.write([Insert(CURRENT_MODEL, CurrentModelRow(EVERYONE, "no sensors", "odd", "odd", 0.9))])
    serve(store, "good", "a@50")
    with caplog.at_level(logging.ERROR):
        shelf.refresh()
    assert "model odd is not served" in caplog.text
    assert shelf.best_for(ALICE, "a") is not None


def test_the_model_that_uses_most_of_the_sensors_is_best(store: SqliteStore) -> None:
    shelf = ModelShelf(ModelStore(store))
    for name, sensor_set in (("one", "a@50"), ("both", "a,g@50"), ("clothes", "u,l@10")):
        serve(store, name, sensor_set)
    serve(store, "personal", "h@4", scope="user:alice")
    shelf.refresh()
    found = {letters: shelf.best_for(BOB, set(letters)) for letters in ("a", "ag", "agul", "g", "h", "")}
    names = {letters: model.model_id if model else None for letters, model in found.items()}
    assert names == {"a": "one", "ag": "both", "agul": names["agul"], "g": None, "h": None, "": None}
    assert names["agul"] in ("both", "clothes")


def test_a_users_own_model_is_for_that_user_alone(store: SqliteStore) -> None:
    shelf = ModelShelf(ModelStore(store))
    for name, sensor_set, scope in (
        ("everyone", "a,g@50", EVERYONE),
        ("own", "a@50", user_scope(ALICE)),
        ("cluster", "a,g@50", cluster_scope("1")),
    ):
        serve(store, name, sensor_set, scope=scope)
    shelf.refresh()
    found = {user: shelf.best_for(user, "ag") for user in (ALICE, BOB)}
    assert {user: model and model.model_id for user, model in found.items()} == {
        ALICE: "own",
        BOB: "everyone",
    }
    assert shelf.best_for(ALICE, "ag") is found[ALICE]


def test_a_clusters_model_is_for_its_users(store: SqliteStore, caplog: pytest.LogCaptureFixture) -> None:
    clusters: dict[UserId, str | None] = {ALICE: "1", BOB: "1"}

    def cluster_of(user: UserId) -> str | None:
        if user not in clusters:
            raise StoreUnavailable("the store is away")
        return clusters[user]

    shelf = ModelShelf(ModelStore(store), cluster_of)
    serve(store, "everyone", "a@50")
    shelf.refresh()
    carol = UserId("carol")
    assert shelf.best_for(carol, "a") is not None
    serve(store, "cluster", "a@50", scope=cluster_scope("1"))
    serve(store, "own", "a@50", scope=user_scope(ALICE))
    shelf.refresh()
    found = {user: shelf.best_for(user, "a") for user in (ALICE, BOB, carol)}
    names = {user: model and model.model_id for user, model in found.items()}
    assert names == {ALICE: "own", BOB: "cluster", carol: "everyone"}
    assert "whose cluster cannot be read" in caplog.text
    clusters[BOB] = None
    best = shelf.best_for(BOB, "a")
    assert best is not None
    assert best.model_id == "everyone"


def test_a_users_own_model_that_cannot_be_read_gives_way(store: SqliteStore) -> None:
    shelf = ModelShelf(ModelStore(store))
    serve(store, "everyone", "a@50")
    serve(store, "own", "a@50", scope=user_scope(ALICE), file=b"bad")
    shelf.refresh()
    best = shelf.best_for(ALICE, "a")
    assert best is not None
    assert best.model_id == "everyone"
