"""Bytes from outside give a value or a documented error: seeds, what was found, and what a fuzzer makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.run import CORPUS
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
RUNS = 3000
SOAK_SECONDS = 600


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_what_was_found_before_break_nothing(name: str) -> None:
    found = sorted((CORPUS / name).iterdir()) if (CORPUS / name).is_dir() else []
    for data in (b"", *seeds()[name], *(file.read_bytes() for file in found)):
        TARGETS[name](data)


@pytest.mark.parametrize("name", TARGETS)
def test_a_short_fuzz_breaks_nothing(name: str) -> None:
    """The seed makes it the same each time."""
    fuzz(name, "--runs", str(RUNS), "--seed", "1")


@pytest.mark.soak
@pytest.mark.parametrize("name", TARGETS)
def test_a_long_fuzz_breaks_nothing(name: str) -> None:
    fuzz(name, "--seconds", str(SOAK_SECONDS))


def fuzz(name: str, *options: str) -> None:
    argv = [sys.executable, "-m", "tests.fuzz.run", name, *options]
    done = subprocess.run(argv, check=False, cwd=ROOT, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
