"""Model store: artefacts in chunks, their evaluations, which one devices are offered, and which ones were."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from domain.errors import ConfigurationError, StoredValueCorrupt
from domain.identifiers import UserId
from domain.sensors import SensorSet
from persistence.ports import Delete, Insert, Store
from persistence.schema import Timestamp
from persistence.stored_json import decode_stored
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
_USER, _CLUSTER = "user:", "cluster:"
EARLIER_MAX = 32  # served models that are remembered per scope and sensor set
CHUNK_BYTES = 32 * 1024  # below Cassandra's thresholds for a batch


def user_scope(user: UserId) -> str:
    """The scope of models that are served to `user` alone."""
    return f"{_USER}{user}"


def user_of(scope: str) -> UserId | None:
    """Whom alone models of `scope` are served to; None if it is not such a scope."""
    return UserId(scope.removeprefix(_USER)) if scope.startswith(_USER) else None


def cluster_scope(cluster_id: str) -> str:
    """The scope of models that are served to the users of a cluster."""
    return f"{_CLUSTER}{cluster_id}"


def cluster_in(scope: str) -> str | None:
    """The cluster whose users models of `scope` are served to; None if it is not such a scope."""
    return scope.removeprefix(_CLUSTER) if scope.startswith(_CLUSTER) else None


class Served(msgspec.Struct, frozen=True):
    """A model that was served, and the macro F1 for which it was."""

    model_id: str
    digest: str
    f1_macro: float


class _Lineage(msgspec.Struct):
    """What is read of a model's lineage; may be missing in rows of other versions."""

    sessions: list[str] = []


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

    def sessions_learned(self, model_id: str) -> frozenset[str]:
        """`subject/session` of all that a model learned from; raises ConfigurationError if it is unknown."""
        model = self.find(model_id)
        what = f"the lineage of model {model_id}"
        lineage: _Lineage = decode_stored(model.lineage, _Lineage, what, "restore a backup")
        return frozenset(lineage.sessions)

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
        return self._current(scope, str(sensor_set))

    def current_models(self) -> list[CurrentModelRow]:
        """What is served, per scope and sensor set."""
        return list(self._store.scan(CURRENT_MODEL))

    def find(self, model_id: str) -> ModelRow:
        """The model of that identifier; raises ConfigurationError."""
        for model in self._store.scan(MODEL):
            if model.model_id == model_id:
                return model
        raise ConfigurationError(
            f"there is no model {model_id!r}", remedy="`muvr models list` names them all"
        )

    def record(self, evaluation: EvaluationRow) -> None:
        """Store one more evaluation of a model."""
        self._store.write([Insert(EVALUATION, evaluation)])

    def promote(self, model: ModelRow, f1_macro: float, *, served_f1_macro: float | None = None) -> bool:
        """Serve `model` unless the one served now did better; the newer wins a tie. True if it is served.

        `served_f1_macro` is what the one served now did on the data of `f1_macro`; without it, the figure for
        which it came to be served counts. One whose file is lost or damaged gives way in any case. A figure
        of NaN is never served.
        """
        if math.isnan(f1_macro):
            return False
        current = self._current(model.scope, model.sensor_set)
        if current is not None and current.model_id != model.model_id:
            best = current.f1_macro if served_f1_macro is None else served_f1_macro
            if best > f1_macro and self.is_whole(current.digest):
                return False
        self.serve(model, f1_macro)
        return True

    def serve(self, model: ModelRow, f1_macro: float) -> None:
        """Serve `model`, however good it is; the one served before is remembered."""
        current = self._current(model.scope, model.sensor_set)
        earlier = self._earlier(current)
        if current is not None and current.model_id != model.model_id:
            earlier = [Served(current.model_id, current.digest, current.f1_macro), *earlier][:EARLIER_MAX]
        figure = f1_macro if math.isfinite(f1_macro) else 0.0  # JSON knows no others
        served = Served(model.model_id, model.digest, figure)
        self._write_current(model.scope, model.sensor_set, served, earlier)

    def withdraw(self, scope: str, sensor_set: SensorSet) -> None:
        """Serve nothing of that scope any more; who is in it has everyone's."""
        self._store.write([Delete(CURRENT_MODEL, (scope, str(sensor_set)))])

    def earlier(self, scope: str, sensor_set: SensorSet) -> list[Served]:
        """What was served before what is served now, newest first."""
        return self._earlier(self._current(scope, str(sensor_set)))

    def rollback(self, scope: str, sensor_set: SensorSet) -> Served:
        """Serve again what was served before, if its file is whole, or else what was before that; returns it.

        What is served now is not remembered. Raises ConfigurationError if there is nothing to go back to.
        """
        earlier = self.earlier(scope, sensor_set)
        for number, served in enumerate(earlier):
            if self.is_whole(served.digest):
                self._write_current(scope, str(sensor_set), served, earlier[number + 1 :])
                return served
        raise ConfigurationError(
            f"no model of {sensor_set} was served to {scope} before the present one",
            remedy="`muvr models promote ID` serves any other",
        )

    def _current(self, scope: str, sensor_set: str) -> CurrentModelRow | None:
        return next(self._store.read(CURRENT_MODEL, (scope, sensor_set)), None)

    def _earlier(self, current: CurrentModelRow | None) -> list[Served]:
        if current is None or current.earlier is None:
            return []
        what = f"what was served to {current.scope} before {current.model_id}"
        remedy = "clear the column `earlier` of its row in current_model"
        return decode_stored(current.earlier, list[Served], what, remedy)

    def _write_current(self, scope: str, sensor_set: str, served: Served, earlier: list[Served]) -> None:
        """In one row, so that what is served and what was before can never disagree."""
        told = msgspec.json.encode(earlier).decode()
        row = CurrentModelRow(scope, sensor_set, served.model_id, served.digest, served.f1_macro, told)
        self._store.write([Insert(CURRENT_MODEL, row)])

    def is_whole(self, digest: str) -> bool:
        """Whether the model file is there, and what its digest says."""
        try:
            return self.artefact(digest) is not None
        except StoredValueCorrupt:
            return False


def stored_metrics(metrics: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    """`metrics` with the confusions of `classes` alone, which the model's row names.

    An evaluation names `unknown` too where something was; its row and column are left out.
    """
    count = len(classes)
    confusion = [list(row[:count]) for row in metrics["confusion"][:count]]
    return {**metrics, "confusion": confusion, "classes": list(classes)}


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
