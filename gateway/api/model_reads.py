"""Models and their evaluations as the API shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from domain.identifiers import UserId
from gateway.api.cursors import bad_cursor
from gateway.api.models import EvaluationDetail, EvaluationItem, ModelDetail, ModelItem, ModelList
from gateway.api.problems import NotFound
from persistence.models import EVERYONE, ModelStore, user_scope
from persistence.ports import Store
from persistence.stored_json import decode_stored
from persistence.tables import EvaluationRow, ModelRow

ValueT = TypeVar("ValueT")


class _Metrics(msgspec.Struct):
    """What is read of an evaluation's JSON; all may be missing, for rows of other versions."""

    windows: int | None = None
    confusion: list[list[int]] = []
    f1_per_class: dict[str, float] = {}
    f1_worst_subject: float | None = None
    calibration_error: float | None = None


def models(store: Store, viewer: str | None, cursor: str | None, limit: int) -> ModelList:
    """The newest models that `viewer`, None being an operator, may see, from the one `cursor` names on."""
    model_store = ModelStore(store)
    current = _current_ids(model_store)
    visible = [model for model in model_store.all_models() if _visible(model, viewer)]
    if cursor:
        names = [model.model_id for model in visible]
        if cursor not in names:
            raise bad_cursor(cursor)
        visible = visible[names.index(cursor) :]
    return ModelList(
        next_cursor=visible[limit].model_id if len(visible) > limit else None,
        items=[
            ModelItem(**_common(row, current), evaluations=_evaluations(model_store, row, _evaluation))
            for row in visible[:limit]
        ],
    )


def model(store: Store, viewer: str | None, model_id: str) -> ModelDetail:
    """One model with its full evaluations; raises NotFound also where `viewer` may not see it."""
    model_store = ModelStore(store)
    rows: Iterable[ModelRow] = (row for row in model_store.all_models() if row.model_id == model_id)
    row = next((row for row in rows if _visible(row, viewer)), None)
    if row is None:
        raise NotFound(f"there is no model {model_id}", remedy="list the models")
    return ModelDetail(
        **_common(row, _current_ids(model_store)),
        evaluations=_evaluations(model_store, row, _evaluation_detail),
        lineage=row.lineage if viewer is None else None,
    )


def _visible(row: ModelRow, viewer: str | None) -> bool:
    return (
        viewer is None
        or row.scope in (EVERYONE, user_scope(UserId(viewer)))
        or row.scope.startswith("cluster:")
    )


def _current_ids(model_store: ModelStore) -> set[str]:
    return {row.model_id for row in model_store.current_models()}


def _common(row: ModelRow, current: set[str]) -> dict[str, Any]:
    return {
        "model_id": row.model_id,
        "scope": row.scope,
        "sensor_set": row.sensor_set,
        "current": row.model_id in current,
        "created_ms": row.created_at,
        "classes": _decoded(row.classes, list[str], f"classes of model {row.model_id}"),
        "parameter_count": row.parameter_count,
        "byte_count": row.byte_count,
        "train_seconds": row.train_seconds,
        "digest": row.digest,
    }


def _evaluations(
    model_store: ModelStore, row: ModelRow, shown: Callable[[EvaluationRow, _Metrics], ValueT]
) -> list[ValueT]:
    return [
        shown(evaluation, _decoded(evaluation.metrics, _Metrics, f"metrics of model {row.model_id}"))
        for evaluation in model_store.evaluations(row.model_id)
    ]


def _evaluation(row: EvaluationRow, metrics: _Metrics) -> EvaluationItem:
    return EvaluationItem(**_figures(row, metrics))


def _evaluation_detail(row: EvaluationRow, metrics: _Metrics) -> EvaluationDetail:
    return EvaluationDetail(
        **_figures(row, metrics),
        confusion=metrics.confusion,
        f1_by_class=metrics.f1_per_class,
        f1_worst_subject=metrics.f1_worst_subject,
        calibration_error=metrics.calibration_error,
    )


def _figures(row: EvaluationRow, metrics: _Metrics) -> dict[str, Any]:
    return {
        "evaluated_ms": row.evaluated_at,
        "data_set": row.data_set,
        "accuracy": row.accuracy,
        "precision": row.precision,
        "recall": row.recall,
        "f1_macro": row.f1_macro,
        "window_count": metrics.windows,
    }


def _decoded(text: str, kind: type[ValueT], what: str) -> ValueT:
    return decode_stored(text, kind, f"the {what}", "evaluate it again, or restore a backup")
