"""How well probabilities agree with confirmed labels; formulas in plain NumPy.

Precision, recall and F1 per class are those of van Rijsbergen (Information Retrieval, 1979); a class without
predictions and labels has none. Macro F1 is the mean over the classes that occur among the labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from domain.errors import InvalidInput

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.int64]

CALIBRATION_BINS = 15
UNKNOWN = -1  # the index of a label that the model does not know: never right, and no class of its own


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """`precision` and `recall` are means over classes, as `f1_macro`. `confusion[i][j]`: class i taken for j.

    `calibration_error` is the expected one (Naeini et al. 2015, 15 bins of confidence). The `majority_*`
    figures are those of always naming the most frequent label.
    """

    windows: int
    accuracy: float
    precision: float
    recall: float
    f1_macro: float
    f1_per_class: dict[str, float]
    f1_worst_subject: float
    calibration_error: float
    majority_accuracy: float
    majority_f1_macro: float
    confusion: tuple[tuple[int, ...], ...]


def evaluate(
    probabilities: FloatArray, labels: IntArray, subjects: Sequence[str], classes: Sequence[str]
) -> Metrics:
    """probabilities [n, classes]; labels [n], indices of classes or UNKNOWN; subjects [n].

    Windows of an unknown label count as errors in accuracy, precision, calibration and the F1 of the class
    they were taken for. Raises InvalidInput if there are no windows or no known label.
    """
    if not (labels != UNKNOWN).any():
        raise InvalidInput(
            "nothing to evaluate on", expected="windows of known classes", remedy="evaluate on other sessions"
        )
    predicted = probabilities.argmax(axis=1)
    confusion = confusion_matrix(labels, predicted, len(classes))
    precision, recall, f1 = scores(labels, predicted, len(classes))
    occurring = np.unique(labels[labels != UNKNOWN])
    majority = np.full(len(labels), np.bincount(labels[labels != UNKNOWN]).argmax())
    return Metrics(
        windows=len(labels),
        accuracy=float(np.mean(predicted == labels)),
        precision=float(precision[occurring].mean()),
        recall=float(recall[occurring].mean()),
        f1_macro=float(f1[occurring].mean()),
        f1_per_class={classes[i]: float(f1[i]) for i in occurring},
        f1_worst_subject=_worst(labels, predicted, np.asarray(subjects), len(classes)),
        calibration_error=calibration_error(probabilities, labels),
        majority_accuracy=float(np.mean(majority == labels)),
        majority_f1_macro=f1_macro(labels, majority, len(classes)),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
    )


def confusion_matrix(labels: IntArray, predicted: IntArray, class_count: int) -> IntArray:
    """[classes, classes] counts, rows by label, columns by prediction; unknown labels left out."""
    known = labels != UNKNOWN
    cells = labels[known] * class_count + predicted[known]
    return np.bincount(cells, minlength=class_count**2).reshape(class_count, class_count)


def scores(
    labels: IntArray, predicted: IntArray, class_count: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Precision, recall and F1, each [classes]; 0 where undefined."""
    right = np.bincount(predicted[predicted == labels], minlength=class_count).astype(np.float64)
    named = np.bincount(predicted, minlength=class_count)
    there = np.bincount(labels[labels != UNKNOWN], minlength=class_count)
    return (
        right / np.maximum(named, 1),
        right / np.maximum(there, 1),
        2 * right / np.maximum(named + there, 1),
    )


def f1_macro(labels: IntArray, predicted: IntArray, class_count: int) -> float:
    """The mean F1 of the classes that occur among the labels."""
    f1 = scores(labels, predicted, class_count)[2]
    return float(f1[np.unique(labels[labels != UNKNOWN])].mean())


def calibration_error(probabilities: FloatArray, labels: IntArray) -> float:
    """The mean, over windows, of |accuracy - confidence| of the bin of confidence that a window falls in."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=right - confidence, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(labels))


def _worst(labels: IntArray, predicted: IntArray, subjects: npt.NDArray[np.str_], class_count: int) -> float:
    """The macro F1 of the subject for whom it is lowest."""
    figures = []
    for subject in np.unique(subjects):
        own = (subjects == subject) & (labels != UNKNOWN)
        if own.any():
            figures.append(f1_macro(labels[own], predicted[own], class_count))
    return min(figures)
