"""One training, from labelled windows to a signed model file with the figures it earned on new sessions."""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from domain.errors import InvalidInput
from domain.identifiers import ModelId
from domain.sensors import SensorSet
from domain.windows import LabelledWindow
from edge.artefact import Artefact, encode
from edge.int8 import Int8Network
from edge.preprocessing import to_int8
from training.augmentation import Augmentation
from training.batches import batches_per_epoch
from training.checkpoint import Checkpoint, resumed
from training.dataset import Dataset, Split, collect, split
from training.evaluate import Metrics, evaluate
from training.evaluation import Evaluation, evaluate_dataset
from training.export import export
from training.train import Limits, Progress, Trainer, temperature

FIT_SHARE = 1 / 3  # of the budget; the rest is for refitting, on more windows
FIT_BATCHES = 1500  # so many mini-batches are enough to fit; docs/decisions/0014 has the figures
FIT_EPOCHS_MIN, FIT_EPOCHS_MAX = 8, 60  # whatever the number of windows
SPLITS = ("session", "subject")  # what may be held out; never windows, which overlap
REFIT_SHARE = 2  # epochs of refitting for each epoch of fitting


@dataclass(frozen=True, kw_only=True)
class Rival:
    """The model that is served now, and the sessions that it has learned from."""

    artefact: Artefact
    sessions: Collection[str]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Both models on the same windows: those of sessions held out that the rival has not learned from."""

    candidate: Evaluation
    rival: Evaluation


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A model file, what it is, and how it came about.

    `evaluation` holds the int8 model's figures on windows that it had not learned from, held out by
    "session", by "subject" or by "time". After that measurement the model went on to learn from those windows
    too, so on new sessions it should do no worse, while on `held_out_sessions` the file's figures would now
    flatter. `learning_curve` holds the float network's figures before; `epoch_best` is the epoch that was
    measured. `subjects` and `sessions` are all that the file has learned from, with the windows of each, for
    erasure and for lineage. `comparison` is None if there was no rival, or none of the held-out sessions was
    new to it.
    """

    artefact: bytes
    model_id: ModelId
    classes: tuple[str, ...]
    parameters: int
    bytes_int8: int
    train_seconds: float
    epochs: int
    epoch_best: int
    evaluation: Evaluation
    comparison: Comparison | None
    held_out_by: str
    held_out_sessions: tuple[str, ...]
    windows_by_subject: Mapping[str, int] = field(default_factory=dict)
    windows_by_session: Mapping[str, int] = field(default_factory=dict)
    learning_curve: tuple[Progress, ...]

    @property
    def validation(self) -> Metrics:
        """The figures of the windows held out."""
        return self.evaluation.metrics

    @property
    def subjects(self) -> tuple[str, ...]:
        return tuple(self.windows_by_subject)

    @property
    def sessions(self) -> tuple[str, ...]:
        return tuple(self.windows_by_session)


def run(
    windows: Iterable[LabelledWindow],
    *,
    sensor_set: SensorSet,
    model_id: ModelId,
    budget_minutes: float,
    epochs_max: int | None,
    target_f1: float,
    seed: int,
    signing_key: bytes | None,
    progress: Callable[[Progress], None],
    split_by: str = "session",
    rival: Rival | None = None,
    checkpoint: Path | None = None,
    start_over: bool = False,
) -> TrainedModel:
    """Train, quantise, calibrate and evaluate; ends at the target, the budget or the last epoch.

    `epochs_max` bounds fitting; None: as many as FIT_BATCHES mini-batches take.
    A training that was killed goes on from `checkpoint`, under the model's identifier that it began with; the
    caller removes the file once the model is safe. Raises InvalidInput (no windows, one class, NaN or
    infinity, no time, nothing to hold out) before TensorFlow is imported; ConfigurationError if the
    checkpoint is of other data or settings, unless it is to `start_over`; ProcessFailed if the exported model
    is not what TensorFlow Lite runs.
    """
    started = time.monotonic()
    limits = Limits(
        epochs_max=FIT_EPOCHS_MAX if epochs_max is None else epochs_max,
        seconds_max=FIT_SHARE * 60 * budget_minutes,
        target_f1=target_f1,
    )
    everything = collect(windows, sensor_set)
    parts = split_off(everything, seed, split_by)
    if epochs_max is None:
        limits = replace(limits, epochs_max=epochs_enough(len(parts.training)))
    settings = (sensor_set, budget_minutes, epochs_max, target_f1, seed, split_by)
    keeper = resumed(checkpoint, everything, settings, {"model_id": model_id}, start_over=start_over)
    model_id = _model_id(keeper, model_id)
    trainer = Trainer(parts.training, parts.validation, seed, keeper=keeper)
    curve = trainer.fit(limits, progress)
    measured = _calibrated(_exported(trainer, parts.training, model_id, {}), parts.validation)
    trainer.refit(everything, _refit_limits(len(curve), budget_minutes), progress)
    metadata: dict[str, str | int | float] = {
        "windows": len(everything),
        "epochs": len(curve),
        "seed": seed,
        "held_out_by": parts.held_out_by,
    }
    artefact = replace(_exported(trainer, everything, model_id, metadata), temperature=measured.temperature)
    data = encode(artefact, signing_key)
    return TrainedModel(
        artefact=data,
        model_id=model_id,
        classes=artefact.classes,
        parameters=artefact.parameter_count,
        bytes_int8=len(data),
        train_seconds=time.monotonic() - started,
        epochs=len(curve),
        epoch_best=_epoch_best(curve),
        evaluation=evaluate_dataset(measured, parts.validation),
        comparison=_compared(measured, rival, parts.validation),
        held_out_by=parts.held_out_by,
        held_out_sessions=tuple(_counts(parts.validation.sessions)),
        windows_by_subject=_counts(everything.subjects),
        windows_by_session=_counts(everything.sessions),
        learning_curve=curve,
    )


def split_off(dataset: Dataset, seed: int, by: str) -> Split:
    """What to hold out by "session", or by "subject": all of some people's sessions.

    Raises InvalidInput if no subject can be held out without whom every class still has windows.
    """
    if by == "session":
        return split(dataset, seed)
    as_sessions = split(replace(dataset, sessions=dataset.subjects), seed)
    if as_sessions.held_out_by != "session":
        raise InvalidInput(
            f"no subject of {len(np.unique(dataset.subjects))} can be held out",
            expected="several people who did each of the exercises",
            remedy="hold out by session",
        )
    held_out = np.isin(dataset.subjects, np.unique(as_sessions.validation.subjects))
    return Split(training=dataset.take(~held_out), validation=dataset.take(held_out), held_out_by="subject")


def epochs_enough(windows: int) -> int:
    """In how many epochs FIT_BATCHES mini-batches are learned from, where an epoch has so many windows."""
    epochs = math.ceil(FIT_BATCHES / batches_per_epoch(windows))
    return min(max(epochs, FIT_EPOCHS_MIN), FIT_EPOCHS_MAX)


def configuration() -> dict[str, Any]:
    """Every constant that shapes a training, by name: batch size, learning rate, augmentation and so on."""
    modules = (
        "training.augmentation",
        "training.batches",
        "training.dataset",
        "training.network",
        "training.train",
        "training.program",
    )
    return {
        name: asdict(value) if isinstance(value, Augmentation) else value
        for module in modules
        for name, value in sorted(vars(importlib.import_module(module)).items())
        if name.isupper() and isinstance(value, int | float | str | Augmentation)
    }


def evaluate_artefact(artefact: Artefact, dataset: Dataset) -> Metrics:
    """The int8 model's figures on windows labelled with the artefact's classes, in its order."""
    probabilities = Int8Network(artefact).probabilities(dataset.samples)
    return evaluate(probabilities, dataset.labels, list(dataset.subjects), artefact.classes)


def _epoch_best(curve: tuple[Progress, ...]) -> int:
    return max(curve, key=lambda step: (step.f1_validation or 0.0, -step.epoch)).epoch


def _refit_limits(epochs: int, budget_minutes: float) -> Limits:
    """However few of the `epochs` the best one took: it is best for a few held-out people or sessions."""
    return Limits(
        epochs_max=REFIT_SHARE * epochs,
        seconds_max=(1 - FIT_SHARE) * 60 * budget_minutes,
        target_f1=math.inf,
    )


def _exported(
    trainer: Trainer, dataset: Dataset, model_id: ModelId, metadata: dict[str, str | int | float]
) -> Artefact:
    return export(
        trainer.model,
        normalisation=trainer.normalisation,
        samples=dataset.samples,
        model_id=model_id,
        sensor_set=dataset.sensor_set,
        classes=dataset.classes,
        metadata=metadata,
    )


def _calibrated(artefact: Artefact, validation: Dataset) -> Artefact:
    outputs = Int8Network(artefact).run(to_int8(validation.samples, artefact))
    logits = (outputs.astype(np.float32) - artefact.output_zero_point) * np.float32(artefact.output_scale)
    return replace(artefact, temperature=temperature(logits, validation.labels))


def _model_id(keeper: Checkpoint | None, otherwise: ModelId) -> ModelId:
    return ModelId(keeper.facts["model_id"]) if keeper is not None else otherwise


def _compared(measured: Artefact, rival: Rival | None, validation: Dataset) -> Comparison | None:
    if rival is None or rival.artefact.sensor_set != validation.sensor_set:
        return None
    new = ~np.isin(validation.sessions, list(rival.sessions))
    if not new.any():
        return None
    common = validation.take(new)
    return Comparison(
        candidate=evaluate_dataset(measured, common), rival=evaluate_dataset(rival.artefact, common)
    )


def _counts(names: np.typing.NDArray[np.str_]) -> dict[str, int]:
    """How many windows there are of each, by name."""
    distinct, counts = np.unique(names, return_counts=True)
    return {str(name): int(count) for name, count in zip(distinct, counts, strict=True)}
