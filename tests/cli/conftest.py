"""What tests of the commands about models share: recordings of nobody, and a model that learned from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.main import main
from tests.cli.made_recordings import make

TINY = ["--epochs-max", "30", "--budget-minutes", "5", "--sensor-set", "a@50"]


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("made") / "gym")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, recordings: Path) -> Path:
    """A directory with what `muvr train` wrote: model, result.json and plots."""
    out = tmp_path_factory.mktemp("trained")
    told = ["--out", str(out / "model"), "--json", str(out / "result.json"), "--plots", str(out / "plots")]
    assert main(["train", "--recordings", str(recordings), *TINY, *told]) == 0
    return out
