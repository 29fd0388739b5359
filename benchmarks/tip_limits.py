"""Chooses limits for tips and for the baseline on development sets: most recall at a rate of false tips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from coach.form import Movement

FloatArray = npt.NDArray[np.float64]

FALSE_SHARE = 0.02  # of undisturbed sets, all kinds of tips together, that may get one
TEMPO, RANGE = "tempo", "range"
STEPS = 40  # of each limit that is tried

# By data set, of each development set as recorded and with the fault: what the limits bound, [sets, 2].
Table = Mapping[str, tuple[FloatArray, FloatArray]]


def chosen_limits(tables: Mapping[str, Table], false_share: float) -> dict[str, dict[str, float]]:
    """Of each kind the two limits with the greatest mean recall at `false_share` of false tips."""
    return {kind: _chosen(table, false_share) for kind, table in tables.items()}


def variation(movement: Movement) -> tuple[float, float]:
    """The coefficients of variation of tempo and range; 0 of less than two repetitions."""
    found = movement.found
    if found.count < 2:
        return 0.0, 0.0
    spacings = np.diff(found.times_s)
    return float(spacings.std() / spacings.mean()), float(found.ranges.std() / (found.ranges.mean() + 1e-12))


def baseline_tip(variations: tuple[float, float], limits: Mapping[str, float]) -> str | None:
    """What the baseline says: which of tempo and range varies beyond its limit, and by most."""
    shares = {TEMPO: variations[0] / limits[TEMPO], RANGE: variations[1] / limits[RANGE]}
    most = max(shares, key=lambda which: shares[which])
    return most if shares[most] > 1 else None


def chosen_baseline(undisturbed: Sequence[Sequence[tuple[float, float]]]) -> dict[str, float]:
    """Limits that each are passed by half of FALSE_SHARE of the undisturbed development sets."""
    quantiles = [
        np.quantile(np.array(of_set), 1 - FALSE_SHARE / 2, axis=0) for of_set in undisturbed if of_set
    ]
    tempo, range_ = np.mean(quantiles, axis=0)
    return {TEMPO: round(float(tempo), 3), RANGE: round(float(range_), 3)}


def _chosen(table: Table, false_share: float) -> dict[str, float]:
    undisturbed = [pair[0] for pair in table.values()]
    faulty = [pair[1] for pair in table.values()]
    sizes, clearnesses = (_steps(np.concatenate(faulty)[:, column]) for column in (0, 1))
    best: tuple[float, float, float] = (-1.0, 0.0, 0.0)
    for size in sizes:
        for clearness in clearnesses:
            if np.mean([_share(each, size, clearness) for each in undisturbed]) <= false_share:
                recall = float(np.mean([_share(each, size, clearness) for each in faulty]))
                best = max(best, (recall, size, clearness))
                break  # a higher limit of clearness finds less
    return {"size": round(best[1], 3), "clearness": round(best[2], 3), "recall": round(best[0], 3)}


def _steps(values: FloatArray) -> list[float]:
    return [float(each) for each in np.quantile(values, np.linspace(0, 1, STEPS))]


def _share(values: FloatArray, size: float, clearness: float) -> float:
    return float(((values[:, 0] >= size) & (values[:, 1] >= clearness)).mean()) if len(values) else 0.0


def as_table(rows: Sequence[Any]) -> FloatArray:
    """Signs' size and clearness, [sets, 2]; of a set without the sign nothing passes."""
    return np.array([(0.0, 0.0) if row is None else (row.size, row.clearness) for row in rows]).reshape(-1, 2)
