"""Which of a scope's models should be served, by what was recorded of them on windows new to all compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import msgspec

from domain.sensors import SensorSet
from persistence.models import EVERYONE, ModelStore
from persistence.stored_json import decode_stored
from persistence.tables import EvaluationRow, ModelRow

COMPARED = "compared"  # in an evaluation's metrics: the models judged beside it, on what none had learned


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A model to serve, its macro F1, and on the same windows that of the one served so far, if any is."""

    model: ModelRow
    f1_macro: float
    rival_f1_macro: float | None


class _Metrics(msgspec.Struct):
    compared: list[str] = []


def choose(models: ModelStore, scope: str, sensor_set: SensorSet, past: int) -> Choice | None:
    """The best of the `past` newest models of a scope that did no worse than the one served; None: leave it.

    They are measured against what is served, each by the newest comparison of the two; the newest of equals
    wins. Where nothing is served to the scope yet, a model has to do better than everyone's; and if that one
    is not there either, the figures of when it was trained count.
    """
    newest = islice(models.models(scope, sensor_set), past)
    rows = [row for row in newest if models.is_whole(row.digest)]
    served = models.current(scope, sensor_set)
    is_first = served is None
    rival = models.current(EVERYONE, sensor_set) if served is None else served
    if rival is None or not models.is_whole(rival.digest):
        return _best_alone(models, rows)
    choices = [
        choice
        for row in rows
        if row.model_id != rival.model_id and (choice := _against(models, row, rival.model_id)) is not None
    ]
    best = max(choices, key=_lead, default=None)
    if best is None:
        return None
    is_older = is_first or best.model.created_at < models.find(rival.model_id).created_at
    lead, _ = _lead(best)
    return best if lead > 0 or (lead == 0 and not is_older) else None


def _best_alone(models: ModelStore, rows: Sequence[ModelRow]) -> Choice | None:
    figures = [(row, next(models.evaluations(row.model_id), None)) for row in rows]
    choices = [
        Choice(model=row, f1_macro=found.f1_macro, rival_f1_macro=None) for row, found in figures if found
    ]
    return max(choices, key=lambda each: (each.f1_macro, each.model.created_at), default=None)


def _against(models: ModelStore, row: ModelRow, rival_id: str) -> Choice | None:
    """The newest comparison of a model with its rival."""
    for found in models.evaluations(row.model_id):
        if rival_id not in _compared(found):
            continue
        for theirs in _evaluations_of(models, rival_id, found.evaluated_at):
            if theirs.data_set == found.data_set:
                return Choice(model=row, f1_macro=found.f1_macro, rival_f1_macro=theirs.f1_macro)
    return None


def _evaluations_of(models: ModelStore, model_id: str, at_ms: int) -> Iterator[EvaluationRow]:
    return (row for row in models.evaluations(model_id) if row.evaluated_at == at_ms)


def _lead(choice: Choice) -> tuple[float, int]:
    assert choice.rival_f1_macro is not None
    return choice.f1_macro - choice.rival_f1_macro, choice.model.created_at


def _compared(row: EvaluationRow) -> Sequence[str]:
    what = f"the metrics of model {row.model_id}"
    metrics: _Metrics = decode_stored(row.metrics, _Metrics, what, "restore a backup")
    return metrics.compared
