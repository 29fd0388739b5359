"""`muvr train`: train a model on the store's windows, evaluate it, and serve it if it is not worse."""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.settings import NodeSettings
from cli.wiring import signing_key
from domain.identifiers import ModelId
from domain.sensors import SensorSet
from edge.artefact import digest
from persistence.location import open_store
from persistence.models import EVERYONE, ModelStore, evaluation_row
from persistence.schema import Timestamp
from persistence.tables import ModelRow
from persistence.windows import WindowStore

if TYPE_CHECKING:
    from training.program import TrainedModel
    from training.train import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="a node's data directory")
    parser.add_argument("--store", metavar="LOCATION", help="default: the embedded one in --data")
    parser.add_argument("--keys", type=Path, metavar="DIR", help="default: keys in --data")
    parser.add_argument(
        "--sensor-set", type=SensorSet.parse, default="a,g@50", metavar="SET", help="default: %(default)s"
    )
    parser.add_argument("--budget-minutes", type=float, default=10.0, help="default: %(default)s")
    parser.add_argument("--epochs-max", type=int, default=20, help="default: %(default)s")
    parser.add_argument(
        "--target-f1", type=float, default=0.995, help="stop when reached (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--json-progress", action="store_true", help="progress and result as JSON lines")


def run(options: argparse.Namespace) -> int:
    # Imported here, as TensorFlow behind it is: no other command pays for it.
    from training.program import run as train

    settings = NodeSettings(data=options.data, store=options.store, keys=options.keys)
    store = open_store(settings.store_location)
    model_id = ModelId(f"{options.sensor_set.slug}-{uuid.uuid4().hex[:8]}")
    tell = _tell_json if options.json_progress else _tell_words
    trained = train(
        WindowStore(store).read(options.sensor_set),
        sensor_set=options.sensor_set,
        model_id=model_id,
        budget_minutes=options.budget_minutes,
        epochs_max=options.epochs_max,
        target_f1=options.target_f1,
        seed=options.seed,
        signing_key=signing_key(settings),
        progress=lambda progress: tell(progress, options.epochs_max),
    )
    is_served = _save(ModelStore(store), trained, options.sensor_set)
    store.close()
    _report(trained, is_served, as_json=options.json_progress)
    return 0


def _save(models: ModelStore, trained: TrainedModel, sensor_set: SensorSet) -> bool:
    """Store the model with its evaluation; True if it is served from now on."""
    now_ms = time.time_ns() // 1_000_000
    metrics = dataclasses.asdict(trained.validation)
    metrics["classes"] = trained.classes
    metrics["held_out_by"] = trained.held_out_by
    row = ModelRow(
        EVERYONE,
        str(sensor_set),
        Timestamp(now_ms),
        trained.model_id,
        digest(trained.artefact),
        json.dumps(trained.classes),
        trained.parameters,
        trained.bytes_int8,
        trained.train_seconds,
        json.dumps({"subjects": trained.subjects, "sessions": trained.sessions}),
    )
    data_set = f"validation, held out by {trained.held_out_by}"
    models.save(row, trained.artefact, evaluation_row(trained.model_id, now_ms, data_set, metrics))
    return models.promote(row, trained.validation.f1_macro)


def _tell_json(progress: Progress, epochs_max: int) -> None:
    line = {"stage": "train", "done": progress.epoch, "total": epochs_max, "message": _words(progress)}
    print(json.dumps(line), flush=True)


def _tell_words(progress: Progress, epochs_max: int) -> None:
    print(f"epoch {progress.epoch} of at most {epochs_max}: {_words(progress)}", flush=True)


def _words(progress: Progress) -> str:
    if progress.f1_validation is None:
        return f"loss {progress.loss:.3f}, learning from the held-out sessions too"
    return f"loss {progress.loss:.3f}, macro F1 on held-out windows {progress.f1_validation:.3f}"


def _report(trained: TrainedModel, is_served: bool, *, as_json: bool) -> None:
    result: dict[str, Any] = {
        "model_id": trained.model_id,
        "is_served": is_served,
        "classes": trained.classes,
        "parameters": trained.parameters,
        "bytes_int8": trained.bytes_int8,
        "train_seconds": trained.train_seconds,
        "epochs": trained.epochs,
        "validation": dataclasses.asdict(trained.validation),
    }
    if as_json:
        print(json.dumps({"result": result}), flush=True)
        return
    found = trained.validation
    print(
        f"model {trained.model_id}: {len(trained.classes)} classes, {trained.bytes_int8} bytes; "
        f"accuracy {found.accuracy:.3f}, macro F1 {found.f1_macro:.3f} on {found.windows} windows "
        f"held out by {trained.held_out_by}"
    )
    print("it is served from now on" if is_served else "it is not served: the present model did better")
