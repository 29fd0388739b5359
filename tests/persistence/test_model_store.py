"""Models: artefacts whole or told, evaluations, and only a model as good as the one served is served."""

from __future__ import annotations

import hashlib
import math
import os

import pytest

from domain.errors import ConfigurationError, StoredValueCorrupt
from domain.sensors import SensorSet
from persistence.models import CHUNK_BYTES, EARLIER_MAX, EVERYONE, ModelStore, evaluation_row
from persistence.ports import Delete, Insert, Store
from persistence.schema import Timestamp
from persistence.tables import ARTEFACT, CURRENT_MODEL, ArtefactRow, CurrentModelRow, EvaluationRow, ModelRow

SET = SensorSet.parse("a,g@50")


def model(name: str, created: int, artefact: bytes = b"weights", scope: str = EVERYONE) -> ModelRow:
    digest = hashlib.sha256(artefact).hexdigest()
    return ModelRow(scope, str(SET), Timestamp(created), name, digest, "[]", 1, len(artefact), 1.0, "{}")


def evaluation(name: str, at_ms: int = 1) -> EvaluationRow:
    metrics = {"accuracy": 0.9, "precision": 0.8, "recall": 0.7, "f1_macro": 0.6, "worst_subject": "S1"}
    return evaluation_row(name, at_ms, "validation", metrics)


@pytest.fixture
def models(store: Store) -> ModelStore:
    return ModelStore(store)


@pytest.mark.parametrize("size", [1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 7])
def test_an_artefact_comes_back_whole(models: ModelStore, size: int) -> None:
    artefact = os.urandom(size)
    saved = model("m", 1, artefact)
    models.save(saved, artefact, evaluation("m"))
    assert models.artefact(saved.digest) == artefact
    assert list(models.models(EVERYONE, SET)) == [saved]
    assert list(models.evaluations("m")) == [evaluation("m")]
    assert models.artefact("0" * 64) is None


def test_an_artefact_that_lost_or_changed_a_chunk_is_told(models: ModelStore, store: Store) -> None:
    artefact = os.urandom(3 * CHUNK_BYTES)
    saved = model("m", 1, artefact)
    models.save(saved, artefact, evaluation("m"))
    store.write([Insert(ARTEFACT, ArtefactRow(saved.digest, 1, bytes(CHUNK_BYTES)))])
    with pytest.raises(StoredValueCorrupt, match=saved.digest):
        models.artefact(saved.digest)
    store.write([Delete(ARTEFACT, (saved.digest,), (1,), (1,))])
    with pytest.raises(StoredValueCorrupt, match=saved.digest):
        models.artefact(saved.digest)


def test_models_are_listed_newest_first(models: ModelStore) -> None:
    for name, created, scope in (("b", 2, EVERYONE), ("a", 1, EVERYONE), ("c", 3, "user:ada")):
        models.save(model(name, created, scope=scope), b"weights", evaluation(name))
    assert [row.model_id for row in models.models(EVERYONE, SET)] == ["b", "a"]
    assert [row.model_id for row in models.all_models()] == ["c", "b", "a"]
    assert list(models.models(EVERYONE, SensorSet.parse("a@50"))) == []


def test_evaluations_are_listed_newest_first(models: ModelStore) -> None:
    models.save(model("m", 1), b"weights", evaluation("m", 1))
    models.save(model("m", 1), b"weights", evaluation("m", 9))
    assert [row.evaluated_at for row in models.evaluations("m")] == [9, 1]


@pytest.mark.parametrize(
    ("now", "candidate", "served"),
    [
        (0.8, 0.9, True),
        (0.8, 0.8, True),
        (0.8, 0.79, False),
        (0.8, math.nan, False),
        (0.8, -math.inf, False),
        (0.0, 0.0, True),
    ],
)
def test_the_best_is_served_and_the_newest_on_a_tie(
    models: ModelStore, now: float, candidate: float, served: bool
) -> None:
    models.save(model("old", 1), b"weights", evaluation("old"))
    assert models.promote(model("old", 1), now)
    assert models.promote(model("new", 2), candidate) == served
    current = models.current(EVERYONE, SET)
    assert current is not None
    assert current.model_id == ("new" if served else "old")
    assert current.f1_macro == (candidate if served else now)


def test_a_better_model_whose_file_is_lost_or_damaged_gives_way(models: ModelStore, store: Store) -> None:
    assert models.promote(model("lost", 1), 0.9)
    assert models.promote(model("damaged", 2), 0.8)
    store.write([Insert(ARTEFACT, ArtefactRow(model("damaged", 2).digest, 0, b"other"))])
    assert models.promote(model("sound", 3), 0.7)


def test_a_model_without_a_figure_is_never_served(models: ModelStore) -> None:
    assert not models.promote(model("m", 1), math.nan)
    assert models.current(EVERYONE, SET) is None
    assert models.promote(model("m", 1), 0.1)


def test_scopes_and_sensor_sets_are_served_apart(models: ModelStore) -> None:
    models.promote(model("everyone", 1), 0.9)
    models.promote(model("ada", 2, scope="user:ada"), 0.1)
    models.promote(model("wrist", 2)._replace(sensor_set="a@50"), 0.2)
    assert sorted(row.model_id for row in models.current_models()) == ["ada", "everyone", "wrist"]
    found = models.current("user:ada", SET)
    assert found is not None
    assert found.model_id == "ada"
    assert models.current("user:bob", SET) is None


def served(models: ModelStore) -> str:
    current = models.current(EVERYONE, SET)
    assert current is not None
    return current.model_id


def test_on_the_same_data_the_figure_for_which_a_model_came_to_be_served_does_not_count(
    models: ModelStore,
) -> None:
    models.save(model("old", 1), b"weights", evaluation("old"))
    models.promote(model("old", 1), 0.99)
    assert not models.promote(model("new", 2), 0.7, served_f1_macro=0.71)
    assert models.promote(model("new", 2), 0.7, served_f1_macro=0.7)


def test_a_model_that_is_served_keeps_being_served_with_its_newest_figure(models: ModelStore) -> None:
    models.save(model("only", 1), b"weights", evaluation("only"))
    models.promote(model("only", 1), 0.9)
    assert models.promote(model("only", 1), 0.5)
    current = models.current(EVERYONE, SET)
    assert current is not None
    assert (current.f1_macro, models.earlier(EVERYONE, SET)) == (0.5, [])


def test_rolling_back_serves_what_was_served_before(models: ModelStore) -> None:
    for number, name in enumerate(("a", "b", "c")):
        models.save(model(name, number), b"weights", evaluation(name))
        models.serve(model(name, number), 0.5 + number / 10)
    assert [each.model_id for each in models.earlier(EVERYONE, SET)] == ["b", "a"]
    assert models.rollback(EVERYONE, SET).model_id == "b" == served(models)
    assert models.rollback(EVERYONE, SET).model_id == "a" == served(models)
    with pytest.raises(ConfigurationError, match=r"no model of a,g@50 was served to everyone before"):
        models.rollback(EVERYONE, SET)
    assert served(models) == "a"


def test_rolling_back_passes_over_a_model_whose_file_is_lost(models: ModelStore, store: Store) -> None:
    for number, name in enumerate(("a", "b", "c")):
        models.save(model(name, number, name.encode()), name.encode(), evaluation(name))
        models.serve(model(name, number, name.encode()), 0.5)
    store.write([Delete(ARTEFACT, (model("b", 1, b"b").digest,))])
    assert models.rollback(EVERYONE, SET).model_id == "a"


def test_what_was_served_is_remembered_up_to_a_bound(models: ModelStore) -> None:
    for number in range(EARLIER_MAX + 5):
        models.serve(model(f"m{number}", number), math.inf)
    earlier = models.earlier(EVERYONE, SET)
    assert len(earlier) == EARLIER_MAX
    assert earlier[0].model_id == f"m{EARLIER_MAX + 3}"


def test_rows_of_an_earlier_version_remember_nothing(models: ModelStore, store: Store) -> None:
    store.write([Insert(CURRENT_MODEL, CurrentModelRow(EVERYONE, str(SET), "old", "0" * 64, 0.4))])
    assert models.earlier(EVERYONE, SET) == []
    models.serve(model("new", 1), 0.5)
    assert [each.model_id for each in models.earlier(EVERYONE, SET)] == ["old"]


def test_a_history_that_cannot_be_read_is_told(models: ModelStore, store: Store) -> None:
    store.write([Insert(CURRENT_MODEL, CurrentModelRow(EVERYONE, str(SET), "m", "0" * 64, 0.4, "[{"))])
    with pytest.raises(StoredValueCorrupt, match="before m cannot be read"):
        models.earlier(EVERYONE, SET)


def test_a_model_is_found_by_its_identifier(models: ModelStore) -> None:
    models.save(model("m", 1, scope="user:ada"), b"weights", evaluation("m"))
    assert models.find("m").scope == "user:ada"
    with pytest.raises(ConfigurationError, match="there is no model 'n'"):
        models.find("n")
