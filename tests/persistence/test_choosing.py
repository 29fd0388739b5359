"""Which model is served, from what was recorded of all: the best of those that do no worse."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import StoredValueCorrupt
from domain.sensors import SensorSet
from persistence.choosing import COMPARED, choose
from persistence.models import EVERYONE, ModelStore, evaluation_row
from persistence.ports import Delete
from persistence.schema import Timestamp
from persistence.sqlite import SqliteStore
from persistence.tables import ARTEFACT, ModelRow

SET = SensorSet.parse("a@50")
ANN = "user:ann"


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path_factory.mktemp("store"))
    yield store
    store.close()


@pytest.fixture
def models(store: SqliteStore) -> ModelStore:
    return ModelStore(store)


def figures(f1: float, *compared: str) -> dict[str, object]:
    together: dict[str, object] = {COMPARED: list(compared)} if compared else {}
    return {"accuracy": f1, "precision": f1, "recall": f1, "f1_macro": f1, **together}


def trained(models: ModelStore, name: str, created: int, f1: float, scope: str = EVERYONE) -> ModelRow:
    file = name.encode()
    digest = hashlib.sha256(file).hexdigest()
    row = ModelRow(scope, str(SET), Timestamp(created), name, digest, "[]", 1, 1, 1.0, "{}")
    models.save(row, file, evaluation_row(name, created, "validation", figures(f1)))
    return row


def compared(models: ModelStore, at_ms: int, **f1: float) -> None:
    for name, value in f1.items():
        models.record(evaluation_row(name, at_ms, "new sessions", figures(value, *f1)))


def chosen(models: ModelStore, scope: str = EVERYONE, past: int = 5) -> str | None:
    found = choose(models, scope, SET, past)
    return found.model.model_id if found is not None else None


def test_the_first_is_the_best_by_its_training(models: ModelStore) -> None:
    assert chosen(models) is None
    trained(models, "one", 1, 0.8)
    trained(models, "two", 2, 0.7)
    assert chosen(models) == "one"
    assert chosen(models, past=1) == "two"


def test_what_was_never_compared_with_the_served_one_is_not_served(models: ModelStore) -> None:
    models.serve(trained(models, "old", 1, 0.5), 0.5)
    trained(models, "new", 2, 0.99)
    models.record(evaluation_row("old", 3, "all sessions", figures(0.1)))
    models.record(evaluation_row("new", 3, "all sessions", figures(0.9)))
    assert chosen(models) is None
    compared(models, 4, old=0.6, new=0.6)
    assert chosen(models) == "new"


def test_the_newest_comparison_counts(models: ModelStore) -> None:
    models.serve(trained(models, "old", 1, 0.5), 0.5)
    trained(models, "new", 2, 0.5)
    compared(models, 3, old=0.6, new=0.7)
    compared(models, 4, old=0.6, new=0.5)
    assert chosen(models) is None


def test_comparisons_on_other_windows_are_measured_by_the_lead(models: ModelStore) -> None:
    models.serve(trained(models, "old", 1, 0.5), 0.5)
    for number, name in enumerate(("easy", "hard")):
        trained(models, name, 2 + number, 0.5)
    compared(models, 5, old=0.9, easy=0.92)
    compared(models, 6, old=0.4, hard=0.6)
    assert chosen(models) == "hard"


def test_a_persons_first_model_must_beat_everyones(models: ModelStore) -> None:
    models.serve(trained(models, "all", 1, 0.5), 0.5)
    trained(models, "own", 2, 0.9, ANN)
    compared(models, 3, all=0.7, own=0.7)
    assert chosen(models, ANN) is None
    compared(models, 4, all=0.7, own=0.8)
    assert chosen(models, ANN) == "own"


def test_a_served_model_whose_file_is_lost_gives_way(models: ModelStore, store: SqliteStore) -> None:
    lost = trained(models, "lost", 1, 0.9)
    models.serve(lost, 0.9)
    trained(models, "new", 2, 0.5)
    assert chosen(models) is None
    store.write([Delete(ARTEFACT, (lost.digest,))])
    assert chosen(models) == "new"


def test_metrics_that_cannot_be_read_are_named(models: ModelStore) -> None:
    models.serve(trained(models, "old", 1, 0.5), 0.5)
    trained(models, "new", 2, 0.5)
    models.record(evaluation_row("new", 3, "x", figures(0.5))._replace(metrics="{"))
    with pytest.raises(StoredValueCorrupt, match="metrics of model new"):
        choose(models, EVERYONE, SET, 5)


@given(f1=st.lists(st.sampled_from([0.2, 0.5, 0.9]), min_size=2, max_size=5), first=st.integers(0, 4))
def test_of_models_compared_together_the_newest_of_the_best_is_served(
    tmp_path_factory: pytest.TempPathFactory, f1: list[float], first: int
) -> None:
    store = SqliteStore(tmp_path_factory.mktemp("store"))
    models = ModelStore(store)
    rows = [trained(models, f"m{number}", number, 0.5) for number in range(len(f1))]
    before = first % len(rows)
    models.serve(rows[before], 0.99)
    compared(models, 100, **{row.model_id: value for row, value in zip(rows, f1, strict=True)})
    best = max(range(len(rows)), key=lambda number: (f1[number], number))
    assert chosen(models) == (None if best == before else f"m{best}")
    store.close()
