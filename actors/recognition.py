"""The models that a shard host serves, and classification of many sessions' windows in one call."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from domain.errors import MuvrError
from domain.identifiers import ModelId
from domain.sensors import SensorSet
from domain.windows import Window
from edge.artefact import decode
from edge.int8 import Int8Network
from persistence.models import EVERYONE, ModelStore

log = logging.getLogger(__name__)

WINDOWS_PER_CALL = 256


@dataclass(frozen=True, eq=False)
class Model:
    model_id: ModelId
    sensor_set: SensorSet
    classes: tuple[str, ...]
    network: Int8Network


class ModelShelf:
    """The served models by sensor set, read from the model store."""

    def __init__(self, models: ModelStore) -> None:
        self._models = models
        self._by_sensor_set: dict[SensorSet, Model] = {}

    def refresh(self) -> None:
        """Load what is served now. A model that cannot be read is logged and the one before it kept."""
        for row in self._models.current_models():
            try:
                sensor_set = SensorSet.parse(row.sensor_set)
                known = self._by_sensor_set.get(sensor_set)
                if row.scope != EVERYONE or (known is not None and known.model_id == row.model_id):
                    continue
                artefact = decode(self._models.artefact(row.digest) or b"")
            except MuvrError as error:
                log.error("model %s is not served: %s", row.model_id, error)
                continue
            self._by_sensor_set[sensor_set] = Model(
                ModelId(row.model_id), artefact.sensor_set, artefact.classes, Int8Network(artefact)
            )

    def best_for(self, sensors: Collection[str]) -> Model | None:
        """The model that uses most of `sensors` (letters) and no other, or None."""
        fitting = [m for s, m in self._by_sensor_set.items() if set(s.letters) <= set(sensors)]
        return max(fitting, key=lambda model: len(model.sensor_set.letters), default=None)


def classify(
    requests: Sequence[tuple[Model, Sequence[Window]]],
) -> list[npt.NDArray[np.float32]]:
    """Probabilities per request, [windows, classes]; the windows of all requests of a model go together."""
    by_model: dict[Model, list[int]] = defaultdict(list)
    for index, (model, _) in enumerate(requests):
        by_model[model].append(index)
    answers: dict[int, npt.NDArray[np.float32]] = {}
    for model, indices in by_model.items():
        windows = [window.samples for index in indices for window in requests[index][1]]
        probabilities = _probabilities(model, windows)
        ends = np.cumsum([len(requests[index][1]) for index in indices])
        answers.update(zip(indices, np.split(probabilities, ends[:-1]), strict=True))
    return [answers[index] for index in range(len(requests))]


def _probabilities(model: Model, windows: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    parts = [
        model.network.probabilities(np.stack(windows[start : start + WINDOWS_PER_CALL]))
        for start in range(0, len(windows), WINDOWS_PER_CALL)
    ]
    return np.concatenate(parts) if parts else np.empty((0, len(model.classes)), np.float32)
