"""How well probabilities agree with confirmed labels; formulas in plain NumPy.

Precision, recall and F1 per class are those of van Rijsbergen (Information Retrieval, 1979); a class without
predictions and labels has none. Macro F1 is the mean over the classes that occur among the labels.

Labels that the model never learned are scored as one more class, UNKNOWN_NAME, which it names as the
recogniser does: when no exercise has enough of the probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from domain.errors import InvalidInput
from domain.recording import REST
from edge.recogniser import DEFAULT_PARAMETERS
from edge.recogniser import UNKNOWN as UNKNOWN_NAME

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.int64]

CALIBRATION_BINS = 15
UNKNOWN = -1  # the index of a label that the model does not know


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """`precision` and `recall` are means over classes, as `f1_macro`. `confusion[i][j]`: class i taken for j.

    `classes` names the rows and columns of `confusion`: the model's, and `unknown` last if some label or some
    prediction is. `calibration_error` is the expected one (Naeini et al. 2015, 15 bins of confidence). The
    `majority_*` figures are those of always naming the most frequent label.
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
    classes: tuple[str, ...]


def evaluate(
    probabilities: FloatArray, labels: IntArray, subjects: Sequence[str], classes: Sequence[str]
) -> Metrics:
    """probabilities [n, classes]; labels [n], indices of classes or UNKNOWN; subjects [n].

    Raises InvalidInput if there are no windows.
    """
    if not len(labels):
        raise InvalidInput(
            "nothing to evaluate on", expected="windows of two seconds", remedy="evaluate on other sessions"
        )
    names = _with_unknown(classes)
    truths = np.where(labels == UNKNOWN, names.index(UNKNOWN_NAME), labels)
    predicted = name_indices(probabilities, classes)
    if max(truths.max(), predicted.max()) < len(classes):
        names = tuple(classes)
    count = len(names)
    precision, recall, f1 = scores(truths, predicted, count)
    occurring = np.unique(truths)
    majority = np.full(len(truths), np.bincount(truths).argmax())
    return Metrics(
        windows=len(truths),
        accuracy=float(np.mean(predicted == truths)),
        precision=float(precision[occurring].mean()),
        recall=float(recall[occurring].mean()),
        f1_macro=float(f1[occurring].mean()),
        f1_per_class={names[i]: float(f1[i]) for i in occurring},
        f1_worst_subject=_worst(truths, predicted, np.asarray(subjects), count),
        calibration_error=calibration_error(probabilities, labels),
        majority_accuracy=float(np.mean(majority == truths)),
        majority_f1_macro=f1_macro(truths, majority, count),
        confusion=tuple(
            tuple(int(cell) for cell in row) for row in confusion_matrix(truths, predicted, count)
        ),
        classes=names,
    )


def name_indices(probabilities: FloatArray, classes: Sequence[str]) -> IntArray:
    """What each window [n, classes] is named: the index of its greatest probability, int64 [n].

    It is that of `unknown`, after the classes if it is none of them, where an exercise is most probable but
    has less than the recogniser's `share_min` of what all exercises have.
    """
    best = probabilities.argmax(axis=1)
    exercises = np.array([name != REST for name in classes])
    total = np.maximum(probabilities[:, exercises].sum(axis=1), 1e-9)
    unsure = exercises[best] & (probabilities.max(axis=1) / total < DEFAULT_PARAMETERS.share_min)
    return np.where(unsure, _with_unknown(classes).index(UNKNOWN_NAME), best).astype(np.int64)


def _with_unknown(classes: Sequence[str]) -> tuple[str, ...]:
    return tuple(classes) if UNKNOWN_NAME in classes else (*classes, UNKNOWN_NAME)


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
    each = (subjects == subject for subject in np.unique(subjects))
    return min(f1_macro(labels[own], predicted[own], class_count) for own in each)
