"""A training under way, kept in a file between epochs: a killed one ends with the model it would have had.

The file is NumPy's .npz: a JSON header and the arrays, never pickled objects. It is replaced atomically, so
that whenever the program dies, there is the state after some whole epoch.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from domain.errors import ConfigurationError, InvalidInput
from training.dataset import Dataset

FORMAT_VERSION = 1
Arrays = tuple[npt.NDArray[Any], ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingState:
    """Where a training is after `epoch` of `phase`, which has taken `seconds` so far.

    `arrays` holds, by a name of the trainer's, lists of arrays such as weights and the optimiser's variables;
    `values` what JSON can hold: the state of the random generator, the learning curve.
    """

    phase: str
    epoch: int
    seconds: float
    arrays: Mapping[str, Sequence[npt.NDArray[Any]]] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


class Keeper(Protocol):
    """Keeps the latest state of one training."""

    def load(self) -> TrainingState | None:
        """The state kept last, None at first."""

    def save(self, state: TrainingState) -> None:
        """Keep `state` instead of the one before it."""


class NoKeeper:
    """Keeps nothing: a killed training begins again."""

    def load(self) -> TrainingState | None:
        return None

    def save(self, state: TrainingState) -> None:
        """Forget `state`."""


class Checkpoint:
    """A Keeper in a file. `identity` says which training it is: of what data, under which settings.

    `facts`, such as the model's identifier, are fixed when the file is first written.
    """

    def __init__(self, path: Path, identity: str, facts: Mapping[str, str] | None = None) -> None:
        self._path, self._identity = path, identity
        self.facts: Mapping[str, str] = facts or {}
        self._loaded = self._read()

    def load(self) -> TrainingState | None:
        return self._loaded

    def save(self, state: TrainingState) -> None:
        header = {
            "format": FORMAT_VERSION,
            "identity": self._identity,
            "facts": dict(self.facts),
            "phase": state.phase,
            "epoch": state.epoch,
            "seconds": state.seconds,
            "values": dict(state.values),
            "counts": {name: len(arrays) for name, arrays in state.arrays.items()},
        }
        named: dict[str, Any] = {
            f"{name}.{nr}": array for name, arrays in state.arrays.items() for nr, array in enumerate(arrays)
        }
        named["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _temporary(self._path)
        with temporary.open("wb") as file:
            np.savez(file, **named)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self._path)

    def _read(self) -> TrainingState | None:
        """Raises InvalidInput for a damaged file, ConfigurationError for that of another training."""
        if not self._path.exists():
            return None
        try:
            with np.load(self._path, allow_pickle=False) as file:
                header = json.loads(file["header"].tobytes())
                if header["format"] != FORMAT_VERSION or header["identity"] != self._identity:
                    raise self._foreign()
                arrays = {
                    name: tuple(file[f"{name}.{nr}"] for nr in range(count))
                    for name, count in header["counts"].items()
                }
            self.facts = header["facts"]
            return TrainingState(
                phase=header["phase"],
                epoch=header["epoch"],
                seconds=header["seconds"],
                arrays=arrays,
                values=header["values"],
            )
        except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise InvalidInput(
                f"the checkpoint {self._path} cannot be read ({error})",
                expected="a whole file",
                remedy="delete it, or begin anew with --start-over",
            ) from error

    def _foreign(self) -> ConfigurationError:
        return ConfigurationError(
            f"the checkpoint {self._path} belongs to a training on other data or with other settings",
            expected="the data and settings that it began with",
            remedy="give those again, or begin anew with --start-over",
        )


def resumed(
    path: Path | None,
    dataset: Dataset,
    settings: Sequence[object],
    facts: Mapping[str, str],
    *,
    start_over: bool,
) -> Checkpoint | None:
    """The checkpoint at `path` of a training on `dataset` under `settings`; None without a path.

    Raises as Checkpoint does, unless what cannot be gone on with is to be forgotten: `start_over`.
    """
    if path is None:
        return None
    identity = _identity(dataset, settings)
    try:
        return Checkpoint(path, identity, facts)
    except (ConfigurationError, InvalidInput):
        if not start_over:
            raise
        discard(path)
        return Checkpoint(path, identity, facts)


def discard(path: Path) -> None:
    """Remove the checkpoint at `path`, if there is one: its training has ended, or shall not go on."""
    for each in (path, _temporary(path)):
        each.unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    return path.with_name(path.name + ".new")


def _identity(dataset: Dataset, settings: Sequence[object]) -> str:
    """SHA-256 over every window, label and setting."""
    hashed = hashlib.sha256(repr([str(each) for each in (*settings, *dataset.classes)]).encode())
    for array in (dataset.samples, dataset.labels, dataset.subjects, dataset.sessions, dataset.start_ms):
        hashed.update(f"{array.shape} {array.dtype}".encode())
        hashed.update(np.ascontiguousarray(array).view(np.uint8).data)
    return hashed.hexdigest()
