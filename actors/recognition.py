"""The models that a shard host serves, and classification of many sessions' windows in one call."""

from __future__ import annotations

import logging
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from actors import counts
from actors.form_references import references_of
from coach.form import FormReference
from domain.errors import MuvrError, StoreError
from domain.identifiers import ModelId, UserId
from domain.sensors import SensorSet
from domain.windows import Window
from edge.artefact import decode
from edge.int8 import Int8Network
from persistence.models import EVERYONE, ModelStore, cluster_in, user_of
from persistence.tables import CurrentModelRow

log = logging.getLogger(__name__)

WINDOWS_PER_CALL = 256
OWN_MODELS_MAX = 256  # of users and clusters, ready to run: about 0.1 MB each


@dataclass(frozen=True, eq=False)
class Model:
    """`references`: how exercises are to be done, learned from the same sets as a model for one person."""

    model_id: ModelId
    sensor_set: SensorSet
    classes: tuple[str, ...]
    network: Int8Network
    references: Mapping[str, FormReference] = field(default_factory=dict)


class ModelShelf:
    """The served models by scope and sensor set, read from the model store.

    Those for everyone are loaded at once, those of a user or a cluster when they are first wanted.
    `cluster_of` tells a user's cluster, and is asked only while there are models of clusters.
    """

    def __init__(
        self, models: ModelStore, cluster_of: Callable[[UserId], str | None] = lambda user: None
    ) -> None:
        self._models = models
        self._cluster_of = cluster_of
        self._for_all: dict[str, Model] = {}  # by sensor set
        self._own: dict[UserId, list[CurrentModelRow]] = {}
        self._of_cluster: dict[str, list[CurrentModelRow]] = {}
        self._loaded: OrderedDict[str, Model] = OrderedDict()  # those for some, by digest, last used last

    def refresh(self) -> None:
        """Load what is served now. A model that cannot be read is logged and the one before it kept."""
        own: dict[UserId, list[CurrentModelRow]] = {}
        of_cluster: dict[str, list[CurrentModelRow]] = {}
        for row in self._models.current_models():
            user, cluster = user_of(row.scope), cluster_in(row.scope)
            if user is not None:
                own.setdefault(user, []).append(row)
            elif cluster is not None:
                of_cluster.setdefault(cluster, []).append(row)
            elif row.scope == EVERYONE:
                known = self._for_all.get(row.sensor_set)
                if (known is None or known.model_id != row.model_id) and (model := self._load(row)):
                    self._for_all[row.sensor_set] = model
        self._own, self._of_cluster = own, of_cluster

    def best_for(self, user: UserId, sensors: Collection[str]) -> Model | None:
        """The model that uses most of `sensors` (letters) and no other: the user's own before the cluster's
        before everyone's.
        """
        return (
            _widest(self._loaded_models(self._own.get(user, ())), sensors)
            or _widest(self._loaded_models(self._rows_of_cluster(user)), sensors)
            or _widest(self._for_all.values(), sensors)
        )

    def _rows_of_cluster(self, user: UserId) -> Sequence[CurrentModelRow]:
        if not self._of_cluster:
            return ()
        try:
            return self._of_cluster.get(self._cluster_of(user) or "", ())
        except StoreError as error:
            log.error("everyone's model serves %s, whose cluster cannot be read: %s", user, error)
            return ()

    def _loaded_models(self, rows: Iterable[CurrentModelRow]) -> list[Model]:
        return [model for row in rows if (model := self._loaded_model(row))]

    def _loaded_model(self, row: CurrentModelRow) -> Model | None:
        if row.digest not in self._loaded:
            model = self._load(row)
            if model is None:
                return None
            self._loaded[row.digest] = model
            if len(self._loaded) > OWN_MODELS_MAX:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(row.digest)
        return self._loaded[row.digest]

    def _load(self, row: CurrentModelRow) -> Model | None:
        try:
            artefact = decode(self._models.artefact(row.digest) or b"")
        except MuvrError as error:
            log.error("model %s is not served: %s", row.model_id, error)
            return None
        return Model(
            ModelId(row.model_id),
            artefact.sensor_set,
            artefact.classes,
            Int8Network(artefact),
            references_of(self._models, row.model_id, artefact.sensor_set),
        )


def _widest(models: Iterable[Model], sensors: Collection[str]) -> Model | None:
    fitting = [model for model in models if set(model.sensor_set.letters) <= set(sensors)]
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
        counts.windows(len(windows))
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
