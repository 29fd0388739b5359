"""Figures worked out by hand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from domain.errors import InvalidInput
from training.evaluate import UNKNOWN, calibration_error, evaluate, name_indices

CLASSES = ("curl", "rest", "row")


def certain(predicted: list[int], confidence: float = 1.0) -> npt.NDArray[np.float32]:
    """Probabilities that name `predicted` with `confidence`, the rest shared."""
    others = (1 - confidence) / 2
    return np.where(np.eye(3)[predicted] == 1, confidence, others).astype(np.float32)


def test_figures_of_a_small_confusion() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 2])
    predicted = [0, 0, 1, 1, 1, 2, 2, 2, 0, 1]
    subjects = ["A"] * 5 + ["B"] * 5
    metrics = evaluate(certain(predicted), labels, subjects, CLASSES)
    assert metrics.windows == 10
    assert metrics.confusion == ((2, 1, 0), (0, 2, 0), (1, 1, 3))
    assert metrics.accuracy == pytest.approx(0.7)
    # precision: 2/3, 2/4, 3/3; recall: 2/3, 2/2, 3/5; F1: 2*2/6, 2*2/6, 2*3/8
    assert metrics.precision == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert metrics.recall == pytest.approx((2 / 3 + 1 + 3 / 5) / 3)
    assert metrics.f1_per_class == pytest.approx({"curl": 2 / 3, "rest": 2 / 3, "row": 3 / 4})
    assert metrics.f1_macro == pytest.approx((2 / 3 + 2 / 3 + 3 / 4) / 3)
    # A: curl 4/5, rest 4/5; B: row alone, 2*3/(3+5)
    assert metrics.f1_worst_subject == pytest.approx(3 / 4)
    assert metrics.majority_accuracy == pytest.approx(0.5)
    assert metrics.majority_f1_macro == pytest.approx((2 * 5 / 15) / 3)


def test_unknown_labels_are_a_class_of_their_own() -> None:
    labels = np.array([0, 0, UNKNOWN, UNKNOWN, UNKNOWN])
    probabilities = np.concatenate([certain([0, 0, 0, 1]), np.array([[0.5, 0.01, 0.49]], np.float32)])
    metrics = evaluate(probabilities, labels, ["A"] * 5, CLASSES)
    assert metrics.classes == (*CLASSES, "unknown")
    assert metrics.accuracy == pytest.approx(2 / 5)
    assert metrics.recall == pytest.approx((1 + 0) / 2)
    assert metrics.f1_per_class == pytest.approx({"curl": 4 / 6, "unknown": 0.0})
    assert metrics.confusion == ((2, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0), (2, 1, 0, 0))


def test_where_no_exercise_has_enough_of_the_probability_the_name_is_unknown() -> None:
    classes = ("curl", "press", "rest", "row", "squat")
    probabilities = np.array(
        [
            [0.3, 0.25, 0.0, 0.25, 0.2],  # no exercise has 40 %
            [0.25, 0.1, 0.45, 0.1, 0.1],  # rest is most probable, and is never unknown
            [0.41, 0.2, 0.0, 0.2, 0.19],
            [0.35, 0.1, 0.25, 0.15, 0.15],  # more than 40 % of what the exercises have
        ]
    )
    assert name_indices(probabilities, classes).tolist() == [5, 2, 0, 0]
    metrics = evaluate(probabilities, np.array([UNKNOWN, 2, 0, 0]), ["A"] * 4, classes)
    assert metrics.f1_macro == pytest.approx(1.0)
    assert sum(map(sum, metrics.confusion)) == metrics.windows


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    probabilities = np.concatenate([certain([0, 0, 0, 0], 0.75), certain([1, 1], 1.0)])
    labels = np.array([0, 0, 0, 1, 1, 0])  # right: 3 of 4 at 0.75, 1 of 2 at 1.0
    assert calibration_error(probabilities, labels) == pytest.approx((4 * 0 + 2 * 0.5) / 6)


def test_a_perfect_and_sure_model_has_no_error() -> None:
    labels = np.array([0, 1, 2, 1])
    metrics = evaluate(certain([0, 1, 2, 1]), labels, ["A", "A", "B", "B"], CLASSES)
    assert (metrics.accuracy, metrics.f1_macro, metrics.f1_worst_subject) == (1.0, 1.0, 1.0)
    assert metrics.calibration_error == pytest.approx(0.0)


def test_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="nothing to evaluate on"):
        evaluate(certain([]), np.array([], np.int64), [], CLASSES)


def test_labels_that_are_all_unknown_have_figures() -> None:
    metrics = evaluate(certain([0, 1]), np.array([UNKNOWN, UNKNOWN]), ["A", "B"], CLASSES)
    assert (metrics.accuracy, metrics.f1_macro, metrics.f1_worst_subject) == (0.0, 0.0, 0.0)
