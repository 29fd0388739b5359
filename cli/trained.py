"""What `muvr train` stores: the model, its evaluations and lineage; and whether it is served from now on."""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from domain.identifiers import UserId
from domain.sensors import SensorSet
from edge.artefact import digest
from persistence.choosing import COMPARED
from persistence.models import (
    EVERYONE,
    ModelStore,
    cluster_in,
    cluster_scope,
    evaluation_row,
    stored_metrics,
    user_of,
    user_scope,
)
from persistence.schema import Timestamp
from persistence.tables import CurrentModelRow, ModelRow

if TYPE_CHECKING:
    from training.program import Comparison, TrainedModel


def scope_of(options: argparse.Namespace) -> str:
    """To whom the model is served."""
    if options.cluster:
        return cluster_scope(options.cluster)
    return user_scope(UserId(options.user)) if options.user else EVERYONE


def rival_of(models: ModelStore, scope: str, sensor_set: SensorSet) -> CurrentModelRow | None:
    """What a model of `scope` has to do better than: what is served, or else everyone's.

    For a cluster always everyone's, since who is in a cluster changes from night to night.
    """
    own = models.current(scope, sensor_set) if cluster_in(scope) is None else None
    return own or models.current(EVERYONE, sensor_set)


def save(
    models: ModelStore, trained: TrainedModel, options: argparse.Namespace, form: Mapping[str, Any]
) -> bool | None:
    """Store the model with its evaluations and form references; whether it is served from now on.

    None with `--no-promote`, which leaves that to `muvr models promote`.
    """
    now_ms = time.time_ns() // 1_000_000
    row = ModelRow(
        scope_of(options),
        str(options.sensor_set),
        Timestamp(now_ms),
        trained.model_id,
        digest(trained.artefact),
        json.dumps(trained.classes),
        trained.parameters,
        trained.bytes_int8,
        trained.train_seconds,
        json.dumps(_lineage(trained, options)),
    )
    metrics = stored_metrics(trained.evaluation.as_json(), trained.classes) | {
        "held_out_by": trained.held_out_by,
        "held_out_sessions": trained.held_out_sessions,
        "learning_curve": [asdict(step) for step in trained.learning_curve],
        "majority_accuracy": trained.validation.majority_accuracy,
        "majority_f1_macro": trained.validation.majority_f1_macro,
        **({"form": form} if form else {}),
    }
    data_set = f"validation, held out by {trained.held_out_by}"
    models.save(row, trained.artefact, evaluation_row(trained.model_id, now_ms, data_set, metrics))
    if trained.comparison is not None:
        _record(models, row, trained.comparison, now_ms)
    return None if options.no_promote else _promote(models, row, trained)


def _record(models: ModelStore, row: ModelRow, comparison: Comparison, now_ms: int) -> None:
    """What the model did, and the one that it was compared with, on the same sessions."""
    rival = rival_of(models, row.scope, SensorSet.parse(row.sensor_set))
    assert rival is not None, "it was compared with what is served"
    is_new_to_both = user_of(row.scope) is None or rival.scope == row.scope
    data_set = "sessions new to the model" + (" and to the one served before" if is_new_to_both else "")
    evaluated = {row.model_id: comparison.candidate, rival.model_id: comparison.rival}
    for model_id, found in evaluated.items():
        metrics = stored_metrics(found.as_json(), json.loads(models.find(model_id).classes))
        metrics[COMPARED] = list(evaluated)
        models.record(evaluation_row(model_id, now_ms, data_set, metrics))


def _promote(models: ModelStore, row: ModelRow, trained: TrainedModel) -> bool:
    """By what both did on the same new sessions; else by what each did when trained."""
    sensor_set = SensorSet.parse(row.sensor_set)
    if cluster_in(row.scope) is not None:
        return _promote_in_cluster(models, row, trained.comparison)
    if trained.comparison is None:
        return models.promote(row, trained.validation.f1_macro)
    ours, theirs = trained.comparison.candidate.metrics, trained.comparison.rival.metrics
    is_first = models.current(row.scope, sensor_set) is None
    if is_first and ours.f1_macro <= theirs.f1_macro:
        return False  # everyone's does as well
    return models.promote(row, ours.f1_macro, served_f1_macro=theirs.f1_macro)


def _promote_in_cluster(models: ModelStore, row: ModelRow, comparison: Comparison | None) -> bool:
    """If it does better than everyone's on sessions new to both; if it does not, everyone's is back.

    Without such sessions what is served stays.
    """
    if comparison is None:
        return False
    ours, theirs = comparison.candidate.metrics.f1_macro, comparison.rival.metrics.f1_macro
    if ours > theirs:
        models.serve(row, ours)
        return True
    models.withdraw(row.scope, SensorSet.parse(row.sensor_set))
    return False


def _lineage(trained: TrainedModel, options: argparse.Namespace) -> dict[str, Any]:
    """Whose data the model has learned from, by pseudonym, and every setting with which it did."""
    from training.program import configuration

    data_sets: Counter[str] = Counter()
    for subject, count in trained.windows_by_subject.items():
        data_sets[subject.rpartition(":")[0] or "store"] += count
    return {
        "subjects": trained.subjects,
        "sessions": trained.sessions,
        "windows_by_data_set": dict(data_sets),
        "windows_by_subject": trained.windows_by_subject,
        "configuration": {
            "sensor_set": str(options.sensor_set),
            "split": options.split,
            "budget_minutes": options.budget_minutes,
            "epochs_max": options.epochs_max,
            "target_f1": options.target_f1,
            "seed": options.seed,
            **configuration(),
        },
    }
