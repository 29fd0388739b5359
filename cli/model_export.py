"""`muvr models export`: a model's file, or the C99 that a microcontroller compiles."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from cli.places import existing_store, read_model, write_whole
from domain.errors import ConfigurationError
from edge.artefact import Artefact, decode
from edge.c99.export import TEST_WINDOWS_MAX
from edge.c99.export import export as export_c99
from persistence.models import ModelStore
from persistence.ports import Store
from persistence.windows import WindowStore

Told = tuple[dict[str, Any], Iterable[str]]  # as JSON, and as lines for people
Windows = npt.NDArray[np.float32]


def export(options: argparse.Namespace) -> Told:
    """Write what was asked for; raises ConfigurationError, InvalidArtefact and OSError."""
    if bool(options.id) == bool(options.model):
        raise ConfigurationError("nobody knows which model", expected="either ID or --model FILE")
    if not options.out and not options.c:
        raise ConfigurationError("nothing to write", expected="--out FILE, --c DIR or both")
    if options.model:
        artefact, data = read_model(options.model), options.model.read_bytes()
        windows = made_windows(artefact)
    else:
        with existing_store(options) as store:
            data = _stored(ModelStore(store), options.id)
            artefact = decode(data)
            windows = _windows(store, artefact)
    told: dict[str, Any] = {"model_id": artefact.model_id, "bytes": len(data)}
    words = []
    if options.out:
        write_whole(options.out, data)
        told["out"] = str(options.out)
        words.append(f"{artefact.model_id}, {len(data)} bytes, written to {options.out}")
    if options.c:
        export_c99(artefact, options.c, windows)
        told["c"] = str(options.c)
        words.append(f"{artefact.model_id} as C99 with {len(windows)} test windows written to {options.c}")
    return told, words


def made_windows(artefact: Artefact) -> Windows:
    """Test windows of nobody: random walks of about the size that the model's sensors have."""
    random = np.random.default_rng(0)
    shape = (TEST_WINDOWS_MAX, artefact.sensor_set.window_samples, artefact.sensor_set.channel_count)
    walks = random.normal(0, 0.3, shape).cumsum(axis=1)
    sizes, middles = artefact.channel_scale[: shape[2]], artefact.channel_mean[: shape[2]]
    return (walks * sizes + middles).astype(np.float32)


def _stored(models: ModelStore, model_id: str) -> bytes:
    data = models.artefact(models.find(model_id).digest)
    if data is None:
        raise ConfigurationError(
            f"the file of model {model_id} is lost", remedy="choose another, or train again"
        )
    return data


def _windows(store: Store, artefact: Artefact) -> Windows:
    """The first of the store's windows, which people have recorded; made ones where there are none."""
    first = islice(WindowStore(store).read(artefact.sensor_set), TEST_WINDOWS_MAX)
    samples = [window.samples for window in first]
    return np.stack(samples) if samples else made_windows(artefact)
