"""How well a model tells exercises from everything else: rest, and movements that are no exercise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]

TRUE_POSITIVE_RATE = 0.95


@dataclass(frozen=True, kw_only=True)
class Separation:
    """`auroc`: the chance that an exercise scores above a window of something else, ties counting half.

    `fpr_at_95_tpr`: the share of the others that passes where at least 95 % of the exercises do.
    """

    auroc: float
    fpr_at_95_tpr: float


def separation(exercises: FloatArray, others: FloatArray) -> Separation | None:
    """`exercises` [n] and `others` [m] are scores such as 1 - P(rest); None if either is empty."""
    if not len(exercises) or not len(others):
        return None
    ordered = np.sort(others)
    below = np.searchsorted(ordered, exercises, side="left")
    not_above = np.searchsorted(ordered, exercises, side="right")
    wins = (below + (not_above - below) / 2).sum()
    threshold = np.sort(exercises)[len(exercises) - int(np.ceil(TRUE_POSITIVE_RATE * len(exercises)))]
    return Separation(
        auroc=float(wins / (len(exercises) * len(others))),
        fpr_at_95_tpr=float(np.mean(others >= threshold)),
    )
