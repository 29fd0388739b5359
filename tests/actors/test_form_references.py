"""The form references that go with a model, as its evaluations hold them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actors.form_references import references_of
from coach.form import COURSE_POINTS, learn
from domain.sensors import SensorSet
from persistence.models import ModelStore, evaluation_row
from persistence.sqlite import SqliteStore
from tests.coach.tips_example import a_set
from training.personal import as_json

A50 = SensorSet(("a",), 50)
FIGURES = {"accuracy": 0.9, "precision": 0.9, "recall": 0.9, "f1_macro": 0.9}


@pytest.fixture
def models(tmp_path: Path) -> Iterator[ModelStore]:
    store = SqliteStore(tmp_path)
    yield ModelStore(store)
    store.close()


def record(models: ModelStore, at_ms: int, **metrics: Any) -> None:
    models.record(evaluation_row("own", at_ms, "validation", FIGURES | metrics))


def test_what_training_wrote_is_read(models: ModelStore) -> None:
    reference = learn([a_set([1.0] * 8)])
    record(models, 1, form=as_json({"curl": reference}))
    record(models, 2)
    read = references_of(models, "own", A50)["curl"]
    assert read.course == pytest.approx(reference.course)
    assert (read.tempo_s, read.range, read.distance) == (
        reference.tempo_s,
        reference.range,
        reference.distance,
    )


def test_what_an_earlier_version_wrote_has_no_distance(models: ModelStore) -> None:
    form = as_json({"curl": learn([a_set([1.0] * 8)])})
    del form["curl"]["distance"]
    record(models, 1, form=form)
    assert references_of(models, "own", A50)["curl"].distance == 0.0


def test_of_a_model_for_everyone_there_are_none(models: ModelStore) -> None:
    record(models, 1)
    assert references_of(models, "own", A50) == {}
    assert references_of(models, "unknown", A50) == {}


@pytest.mark.parametrize(
    "form",
    [
        {"curl": {"course": "no"}},
        {"curl": as_json({"curl": learn([a_set([1.0] * 8)])})["curl"] | {"course": [[0.0] * 3] * 5}},
        {
            "curl": as_json({"curl": learn([a_set([1.0] * 8)])})["curl"]
            | {"course": [[0.0] * 6] * COURSE_POINTS}
        },
    ],
)
def test_what_cannot_be_read_is_left_out_and_logged(
    models: ModelStore, caplog: pytest.LogCaptureFixture, form: Any
) -> None:
    record(models, 1, form=form)
    with caplog.at_level(logging.ERROR):
        assert references_of(models, "own", A50) == {}
    assert "the form references of model own are not used" in caplog.text


def test_values_survive_json(models: ModelStore) -> None:
    reference = learn([a_set([1.0] * 8)])
    again = json.loads(json.dumps(as_json({"curl": reference})))["curl"]
    assert np.array(again["course"]) == pytest.approx(reference.course)
