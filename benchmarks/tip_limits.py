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
WORTH = 0.1  # of the faults
STEPS = 40  # of each limit that is tried

LIKENESSES = (0.7, 0.75, 0.8, 0.84, 0.88, 0.91)

# By data set, of each development set as recorded and with the fault: what the limits bound, [sets, 3].
Table = Mapping[str, tuple[FloatArray, FloatArray]]


def chosen_limits(tables: Mapping[str, Table]) -> dict[str, dict[str, float]]:
    """Of each kind the limits with the greatest mean recall of data sets, without any false tip.

    One false tip is let pass where that finds WORTH more of the faults. Other sets than those on which limits
    were chosen pass them more often: so this leaves a margin to FALSE_SHARE.
    """
    limits = {}
    for kind, table in tables.items():
        strict, lenient = _chosen(table, 0), _chosen(table, 1)
        limits[kind] = lenient if lenient["recall"] >= strict["recall"] + WORTH else strict
    return limits


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


def _chosen(table: Table, false_max: int) -> dict[str, float]:
    undisturbed = np.concatenate([pair[0] for pair in table.values()])
    faulty = [pair[1] for pair in table.values()]
    sizes, clearnesses = (_steps(np.concatenate(faulty)[:, column]) for column in (0, 1))
    best: tuple[float, ...] = (-1.0,)
    for likeness in LIKENESSES:
        for size in sizes:
            passing = undisturbed[(undisturbed[:, 0] >= size) & (undisturbed[:, 2] >= likeness)]
            mistaken = np.sort(passing[:, 1])[::-1]
            least = mistaken[false_max] if len(mistaken) > false_max else -1.0
            clearness = next((step for step in clearnesses if step > least), None)
            if clearness is not None:
                limits = np.array([size, clearness, likeness])
                recall = float(np.mean([(each >= limits).all(axis=1).mean() for each in faulty]))
                best = max(best, (recall, size, clearness, likeness))
    names = ("recall", "size", "clearness", "likeness")
    return {name: round(value, 3) for name, value in zip(names, best, strict=True)}


def _steps(values: FloatArray) -> list[float]:
    return [float(each) for each in np.quantile(values, np.linspace(0, 1, STEPS))]


def as_table(rows: Sequence[Any]) -> FloatArray:
    """What of signs Limit bounds, [sets, 3]; of a set without the sign nothing passes."""
    told = [(-1.0, -1.0, -1.0) if row is None else (row.size, row.clearness, row.likeness) for row in rows]
    return np.array(told).reshape(-1, 3)
