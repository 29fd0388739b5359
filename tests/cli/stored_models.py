"""Models of a store with known figures, and what commands tell of them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from domain.identifiers import ModelId
from domain.sensors import SensorSet
from edge.artefact import Artefact, digest, encode
from persistence.models import EVERYONE, ModelStore, evaluation_row
from persistence.schema import Timestamp
from persistence.sqlite import SqliteStore
from persistence.tables import ModelRow

SET = SensorSet.parse("a@50")


def saved(
    store: SqliteStore,
    artefact: Artefact,
    name: str,
    created: int,
    *,
    f1: float,
    learned: list[str],
    scope: str = EVERYONE,
) -> None:
    data = encode(dataclasses.replace(artefact, model_id=ModelId(name)))
    lineage = json.dumps({"subjects": ["ann"], "sessions": learned, "windows_by_data_set": {"store": 7}})
    classes = json.dumps(artefact.classes)
    row = ModelRow(
        scope, str(SET), Timestamp(created), name, digest(data), classes, 1, len(data), 1.0, lineage
    )
    metrics = {"accuracy": f1, "precision": f1, "recall": f1, "f1_macro": f1}
    ModelStore(store).save(row, data, evaluation_row(name, created, "validation", metrics))
    ModelStore(store).promote(row, f1)


def mistaken(artefact: Artefact, *, classes: int) -> Artefact:
    """A model that takes so many classes for each other."""
    names = artefact.classes
    return dataclasses.replace(artefact, classes=(*names[1:classes], names[0], *names[classes:]))


def told(capsys: pytest.CaptureFixture[str], node: Path, *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    json_option = ["--json", "-"] if arguments[0] == "evaluate" else ["--json"]
    assert main([*arguments, "--data", str(node), *json_option]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def served(models: ModelStore) -> str:
    current = models.current(EVERYONE, SET)
    assert current is not None
    return current.model_id
