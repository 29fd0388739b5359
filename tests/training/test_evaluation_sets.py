"""Names of sets, separation from rest, plots and checkpoints."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigurationError, InvalidInput
from training.checkpoint import Checkpoint, TrainingState, discard
from training.evaluation import set_name
from training.plots import CurvePoint, confusion_svg, curves_svg
from training.unknown import separation

CLASSES = ("curl", "press", "rest", "row")


def test_a_set_has_the_name_with_the_greatest_mean_of_the_windows_that_are_no_rest() -> None:
    resting = [0.3, 0.0, 0.7, 0.0]
    pressing = [0.2, 0.6, 0.1, 0.1]
    assert set_name(np.array([resting] * 5 + [pressing] * 2), CLASSES) == "press"
    assert set_name(np.array([resting] * 5), CLASSES) == "curl"
    assert set_name(np.array([[0.34, 0.33, 0.0, 0.33]] * 3), CLASSES) == "unknown"


scores = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), min_size=1, max_size=30)


@given(exercises=scores, others=scores)
def test_separation_is_what_its_definition_says(exercises: list[float], others: list[float]) -> None:
    found = separation(np.array(exercises), np.array(others))
    assert found is not None
    pairs = [(a > b) + (a == b) / 2 for a in exercises for b in others]
    assert found.auroc == pytest.approx(sum(pairs) / len(pairs))
    thresholds = [
        at for at in set(exercises) if sum(a >= at for a in exercises) >= 0.95 * len(exercises) - 1e-9
    ]
    assert found.fpr_at_95_tpr == pytest.approx(np.mean([b >= max(thresholds) for b in others]))


def test_there_is_no_separation_from_nothing() -> None:
    assert separation(np.array([]), np.array([0.5])) is None
    assert separation(np.array([0.5]), np.array([])) is None


@given(names=st.lists(st.text("<&'\"abc é", min_size=1, max_size=9), min_size=1, max_size=5, unique=True))
def test_plots_are_well_formed_whatever_exercises_are_called(names: list[str]) -> None:
    confusion = np.arange(len(names) ** 2).reshape(len(names), -1) * 300
    drawn = ElementTree.fromstring(confusion_svg(confusion.tolist(), names, names[0]))
    texts = ["".join(each.itertext()) for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert set(names) <= set(texts)


@pytest.mark.parametrize("epochs", [0, 1, 7])
def test_learning_curves_are_drawn_of_any_length(epochs: int) -> None:
    points = [CurvePoint(epoch=n, loss=1 / n, f1=None if n == 7 else 0.5) for n in range(1, epochs + 1)]
    ElementTree.fromstring(curves_svg(points, "learning"))


def state(epoch: int) -> TrainingState:
    return TrainingState(
        phase="fit",
        epoch=epoch,
        seconds=1.5,
        arrays={"model": (np.arange(6, dtype=np.float32).reshape(2, 3), np.array(epoch)), "best": ()},
        values={"random": {"state": 2**100}, "curve": []},
    )


def test_a_checkpoint_keeps_the_latest_state(tmp_path: Path) -> None:
    path = tmp_path / "new" / "checkpoint"
    first = Checkpoint(path, "this", {"model_id": "m"})
    assert first.load() is None
    for epoch in (1, 2):
        first.save(state(epoch))
    again = Checkpoint(path, "this", {"model_id": "another"})
    found = again.load()
    assert found is not None
    assert (found.epoch, found.values) == (2, state(2).values)
    assert again.facts == {"model_id": "m"}
    for name, arrays in state(2).arrays.items():
        for kept, saved in zip(found.arrays[name], arrays, strict=True):
            np.testing.assert_array_equal(kept, saved)
    discard(path)
    discard(path)
    assert Checkpoint(path, "this").load() is None


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    Checkpoint(tmp_path / "checkpoint", "this").save(state(1))
    with pytest.raises(ConfigurationError, match="on other data or with other settings"):
        Checkpoint(tmp_path / "checkpoint", "that")


@pytest.mark.parametrize("kept", [0, 10, 300, -20])
def test_a_damaged_checkpoint_is_told(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "checkpoint"
    Checkpoint(path, "this").save(state(1))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InvalidInput, match="cannot be read"):
        Checkpoint(path, "this")
