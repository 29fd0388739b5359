"""Which processes of a node answer, by what they wrote into their pages."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from telemetry import pages
from telemetry.answering import SILENT_SECONDS, silent
from tests.test_style import ROOT

TURNS = """
import sys, time
from pathlib import Path
from telemetry import metrics, pages
pages.begin(Path(sys.argv[1]))
metrics.count_as("gateway")
if len(sys.argv) > 2:
    metrics.LOOP_TURNED.of().set(float(sys.argv[2]))
print("there", flush=True)
sys.stdin.read()
"""
NOW_S = 1_790_000_000.0


@pytest.fixture(autouse=True)
def no_node() -> Iterator[None]:
    yield
    pages.end()


def process(directory: Path, *turned_s: float) -> subprocess.Popen[str]:
    """A process that counts as the gateway, and last turned then."""
    command = [sys.executable, "-c", TURNS, str(directory), *map(str, turned_s)]
    made = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert made.stdout is not None
    assert made.stdout.readline() == "there\n"
    return made


def test_who_turned_lately_answers(tmp_path: Path) -> None:
    with process(tmp_path, NOW_S) as made:
        for late_s, expected in (
            (0.0, []),
            (SILENT_SECONDS - 0.1, []),
            (SILENT_SECONDS, ["gateway"]),
            (-0.1, []),
            (-3600.0, ["gateway"]),  # the clock was set back
        ):
            assert silent(tmp_path, ["gateway"], NOW_S + late_s) == expected
        assert silent(tmp_path, ["gateway", "shard-host-0"], NOW_S) == ["shard-host-0"]
        assert silent(tmp_path, [], NOW_S) == []
        made.kill()


def test_who_has_not_begun_does_not_answer(tmp_path: Path) -> None:
    assert silent(tmp_path, ["gateway"], NOW_S) == ["gateway"]
    with process(tmp_path) as made:
        assert silent(tmp_path, ["gateway"], time.time()) == ["gateway"]
        made.kill()


def test_who_was_killed_does_not_answer_at_once(tmp_path: Path) -> None:
    with process(tmp_path, NOW_S) as made:
        assert silent(tmp_path, ["gateway"], NOW_S) == []
        made.kill()
        os.waitid(os.P_PID, made.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody was told so
        assert silent(tmp_path, ["gateway"], NOW_S) == ["gateway"]
    assert silent(tmp_path, ["gateway"], NOW_S) == ["gateway"]
