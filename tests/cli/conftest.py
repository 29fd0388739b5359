"""What tests of the commands about models share: recordings of nobody, and a model that learned from them.

Trainings run in processes of their own: a process that has TensorFlow cannot fork, as a node's does.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.made_recordings import make

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
