"""Model store: artefacts in chunks, their evaluations, and which one devices are offered."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from domain.errors import StoredValueCorrupt
from domain.identifiers import UserId
from domain.sensors import SensorSet
from persistence.ports import Insert, Store
from persistence.schema import Timestamp
from persistence.tables import (
    ARTEFACT,
    CURRENT_MODEL,
    EVALUATION,
    MODEL,
    ArtefactRow,
    CurrentModelRow,
    EvaluationRow,
    ModelRow,
)

EVERYONE = "everyone"
_USER = "user:"
CHUNK_BYTES = 32 * 1024  # below Cassandra's thresholds for a batch


def user_scope(user: UserId) -> str:
    """The scope of models that are served to `user` alone."""
    return f"{_USER}{user}"


def user_of(scope: str) -> UserId | None:
    """Whom alone models of `scope` are served to; None if it is not such a scope."""
    return UserId(scope.removeprefix(_USER)) if scope.startswith(_USER) else None


class ModelStore:
    def __init__(self, store: Store) -> None:
        self._store = store

    def save(self, model: ModelRow, artefact: bytes, evaluation: EvaluationRow) -> None:
        """Store an artefact, then the rows that name it."""
        chunks = [artefact[start : start + CHUNK_BYTES] for start in range(0, len(artefact), CHUNK_BYTES)]
        self._store.write(
            [Insert(ARTEFACT, ArtefactRow(model.digest, nr, chunk)) for nr, chunk in enumerate(chunks)]
        )
        self._store.write([Insert(EVALUATION, evaluation), Insert(MODEL, model)])

    def models(self, scope: str, sensor_set: SensorSet) -> Iterator[ModelRow]:
        """Models of a scope, newest first."""
        return self._store.read(MODEL, (scope, str(sensor_set)))

    def all_models(self) -> list[ModelRow]:
        """Every model, newest first."""
        return sorted(self._store.scan(MODEL), key=lambda model: -model.created_at)

    def evaluations(self, model_id: str) -> Iterator[EvaluationRow]:
        """A model's evaluations, newest first."""
        return self._store.read(EVALUATION, (model_id,))

    def artefact(self, digest: str) -> bytes | None:
        """The model file, or None; raises StoredValueCorrupt if it is not what its digest says."""
        data = b"".join(row.chunk for row in self._store.read(ARTEFACT, (digest,)))
        if not data:
            return None
        if hashlib.sha256(data).hexdigest() != digest:
            raise StoredValueCorrupt(
                f"artefact {digest} does not match its digest", remedy="train again, or restore a backup"
            )
        return data

    def current(self, scope: str, sensor_set: SensorSet) -> CurrentModelRow | None:
        return next(self._store.read(CURRENT_MODEL, (scope, str(sensor_set))), None)

    def current_models(self) -> list[CurrentModelRow]:
        """What is served, per scope and sensor set."""
        return list(self._store.scan(CURRENT_MODEL))

    def promote(self, model: ModelRow, f1_macro: float) -> bool:
        """Serve `model` unless the one served now did better; the newer wins a tie. True if it is served.

        One whose file is lost or damaged gives way in any case. A figure of NaN is never served.
        """
        if math.isnan(f1_macro):
            return False
        current = next(self._store.read(CURRENT_MODEL, (model.scope, model.sensor_set)), None)
        if current is not None and current.f1_macro > f1_macro and self._is_whole(current.digest):
            return False
        row = CurrentModelRow(model.scope, model.sensor_set, model.model_id, model.digest, f1_macro)
        self._store.write([Insert(CURRENT_MODEL, row)])
        return True

    def _is_whole(self, digest: str) -> bool:
        try:
            return self.artefact(digest) is not None
        except StoredValueCorrupt:
            return False


def evaluation_row(
    model_id: str, evaluated_ms: int, data_set: str, metrics: Mapping[str, Any]
) -> EvaluationRow:
    """`metrics` holds at least accuracy, precision, recall and f1_macro, and is JSON-serialisable."""
    return EvaluationRow(
        model_id,
        Timestamp(evaluated_ms),
        data_set,
        float(metrics["accuracy"]),
        float(metrics["precision"]),
        float(metrics["recall"]),
        float(metrics["f1_macro"]),
        json.dumps(metrics),
    )
