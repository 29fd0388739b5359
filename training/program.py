"""One training, from labelled windows to a signed model file with the figures it earned on new sessions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from domain.identifiers import ModelId
from domain.sensors import SensorSet
from domain.windows import LabelledWindow
from edge.artefact import Artefact, encode
from edge.int8 import Int8Network
from edge.preprocessing import to_int8
from training.dataset import Dataset, Split, collect, split
from training.evaluate import Metrics, evaluate
from training.export import export
from training.train import Fitted, Limits, Progress, fit, temperature


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """`validation` is the int8 model's on windows it was not trained on, held out by "session" or by "time".

    `learning_curve` holds the float network's figures per epoch; `epoch_best` is the one that was exported.
    `subjects` and `sessions` are what the model has learned from, for erasure and for lineage.
    """

    artefact: bytes
    model_id: ModelId
    classes: tuple[str, ...]
    parameters: int
    bytes_int8: int
    train_seconds: float
    epochs: int
    epoch_best: int
    validation: Metrics
    held_out_by: str
    held_out_sessions: tuple[str, ...]
    subjects: tuple[str, ...]
    sessions: tuple[str, ...]
    learning_curve: tuple[Progress, ...]


def run(
    windows: Iterable[LabelledWindow],
    *,
    sensor_set: SensorSet,
    model_id: ModelId,
    budget_minutes: float,
    epochs_max: int,
    target_f1: float,
    seed: int,
    signing_key: bytes | None,
    progress: Callable[[Progress], None],
) -> TrainedModel:
    """Train, quantise, calibrate and evaluate; ends at the target, the budget or the last epoch.

    Raises InvalidInput (no windows, one class, NaN or infinity, no time) before TensorFlow is imported;
    ProcessFailed if the exported model is not what TensorFlow Lite runs.
    """
    started = time.monotonic()
    limits = Limits(epochs_max=epochs_max, seconds_max=60 * budget_minutes, target_f1=target_f1)
    parts = split(collect(windows, sensor_set), seed)
    fitted = fit(parts.training, parts.validation, limits, seed, progress)
    artefact = _calibrated(_exported(fitted, parts, model_id, seed), parts.validation)
    data = encode(artefact, signing_key)
    return TrainedModel(
        artefact=data,
        model_id=model_id,
        classes=artefact.classes,
        parameters=artefact.parameter_count,
        bytes_int8=len(data),
        train_seconds=time.monotonic() - started,
        epochs=len(fitted.curve),
        epoch_best=fitted.best_epoch,
        validation=evaluate_artefact(artefact, parts.validation),
        held_out_by=parts.held_out_by,
        held_out_sessions=_distinct(parts.validation.sessions),
        subjects=_distinct(parts.training.subjects),
        sessions=_distinct(parts.training.sessions),
        learning_curve=fitted.curve,
    )


def evaluate_artefact(artefact: Artefact, dataset: Dataset) -> Metrics:
    """The int8 model's figures on windows labelled with the artefact's classes, in its order."""
    probabilities = Int8Network(artefact).probabilities(dataset.samples)
    return evaluate(probabilities, dataset.labels, list(dataset.subjects), artefact.classes)


def _exported(fitted: Fitted, parts: Split, model_id: ModelId, seed: int) -> Artefact:
    return export(
        fitted.model,
        normalisation=fitted.normalisation,
        samples=parts.training.samples,
        model_id=model_id,
        sensor_set=parts.training.sensor_set,
        classes=parts.training.classes,
        metadata={
            "windows_trained": len(parts.training),
            "windows_held_out": len(parts.validation),
            "held_out_by": parts.held_out_by,
            "epochs": len(fitted.curve),
            "seed": seed,
        },
    )


def _calibrated(artefact: Artefact, validation: Dataset) -> Artefact:
    outputs = Int8Network(artefact).run(to_int8(validation.samples, artefact))
    logits = (outputs.astype(np.float32) - artefact.output_zero_point) * np.float32(artefact.output_scale)
    return replace(artefact, temperature=temperature(logits, validation.labels))


def _distinct(names: np.typing.NDArray[np.str_]) -> tuple[str, ...]:
    return tuple(str(name) for name in np.unique(names))
