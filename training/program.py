"""One training, from labelled windows to a signed model file with the figures it earned on new sessions."""

from __future__ import annotations

import math
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
from training.dataset import Dataset, collect, split
from training.evaluate import Metrics, evaluate
from training.export import export
from training.train import Limits, Progress, Trainer, temperature

FIT_SHARE = 0.4  # of the budget; the rest is for refitting, on more windows
REFIT_SHARE = 1.0  # epochs of refitting for each epoch up to the best; docs/decisions/0005 has the figures


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A model file, what it is, and how it came about.

    `validation` holds the int8 model's figures on windows that it had not learned from, held out by "session"
    or by "time". After that measurement the model went on to learn from those windows too, so on new sessions
    it should do no worse, while on `held_out_sessions` the file's figures would now flatter. `learning_curve`
    holds the float network's figures before; `epoch_best` is the epoch that was measured. `subjects` and
    `sessions` are all that the file has learned from, for erasure and for lineage.
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
    limits = Limits(epochs_max=epochs_max, seconds_max=FIT_SHARE * 60 * budget_minutes, target_f1=target_f1)
    everything = collect(windows, sensor_set)
    parts = split(everything, seed)
    trainer = Trainer(parts.training, parts.validation, seed)
    curve = trainer.fit(limits, progress)
    measured = _calibrated(_exported(trainer, parts.training, model_id, {}), parts.validation)
    epoch_best = _epoch_best(curve)
    trainer.refit(everything, _refit_limits(epoch_best, budget_minutes), progress)
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
        epoch_best=epoch_best,
        validation=evaluate_artefact(measured, parts.validation),
        held_out_by=parts.held_out_by,
        held_out_sessions=_distinct(parts.validation.sessions),
        subjects=_distinct(everything.subjects),
        sessions=_distinct(everything.sessions),
        learning_curve=curve,
    )


def evaluate_artefact(artefact: Artefact, dataset: Dataset) -> Metrics:
    """The int8 model's figures on windows labelled with the artefact's classes, in its order."""
    probabilities = Int8Network(artefact).probabilities(dataset.samples)
    return evaluate(probabilities, dataset.labels, list(dataset.subjects), artefact.classes)


def _epoch_best(curve: tuple[Progress, ...]) -> int:
    return max(curve, key=lambda step: (step.f1_validation or 0.0, -step.epoch)).epoch


def _refit_limits(epoch_best: int, budget_minutes: float) -> Limits:
    return Limits(
        epochs_max=math.ceil(REFIT_SHARE * epoch_best),
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


def _distinct(names: np.typing.NDArray[np.str_]) -> tuple[str, ...]:
    return tuple(str(name) for name in np.unique(names))
