"""What tests of the commands about models share: recordings of nobody, and a model that learned from them.

Trainings run in processes of their own: a process that has TensorFlow cannot fork, as a node's does.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.artefact import decode
from edge.recordings import load_directory
from persistence.models import ModelStore
from persistence.sqlite import SqliteStore
from persistence.windows import WindowStore
from tests.cli.made_recordings import make
from tests.cli.stored_models import SET, mistaken, saved
from training.windowing import windows_of

TINY = ["--epochs-max", "30", "--budget-minutes", "5", "--sensor-set", "a@50"]


ROOT = Path(__file__).parents[2]


def train(*arguments: object) -> list[dict[str, Any]]:
    """What `muvr train` prints, which has to succeed: JSON lines."""
    command = [sys.executable, "-m", "cli", "train", "--json-progress", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("made") / "gym")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, recordings: Path) -> Path:
    """A directory with what `muvr train` wrote: model, result.json and plots."""
    out = tmp_path_factory.mktemp("trained")
    told = ["--out", out / "model", "--json", out / "result.json", "--plots", out / "plots"]
    train("--recordings", recordings, *TINY, *told)
    return out


@pytest.fixture
def node(tmp_path: Path, recordings: Path, trained: Path) -> Path:
    """A node with windows and three models: `good`, `same`, which equals it, and `bad`, which is served.

    The good ones take two classes for each other, so that none is perfect, and the bad one three.
    """
    store = SqliteStore(tmp_path / "store")
    WindowStore(store).write(windows_of(load_directory(recordings), SET))
    perfect = decode((trained / "model").read_bytes())
    artefact = mistaken(perfect, classes=2)
    saved(store, artefact, "good", 1, f1=0.7, learned=["ann/mon"])
    saved(store, artefact, "same", 2, f1=0.6, learned=["ann/mon", "ann/tue"])
    saved(store, mistaken(perfect, classes=3), "bad", 3, f1=0.9, learned=["ann/mon"])
    store.close()
    return tmp_path


@pytest.fixture
def models(node: Path) -> Iterator[ModelStore]:
    store = SqliteStore(node / "store")
    yield ModelStore(store)
    store.close()
