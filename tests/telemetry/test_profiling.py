"""Profiles on demand, of a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from cli.profile import busiest_functions
from telemetry import profiling

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 60.0
BUSY = """
import sys
from pathlib import Path
from telemetry import profiling
profiling.listen(Path(sys.argv[1]))
print("listens", flush=True)
def works_hard():
    return sum(range(2000))
while True:
    works_hard()
"""


def wait_for(path: Path) -> str:
    deadline_s = time.monotonic() + DEADLINE_SECONDS
    while not path.exists():
        assert time.monotonic() < deadline_s, f"{path} did not come"
        os.sched_yield()
    return path.read_text()


@pytest.fixture
def busy(tmp_path: Path):  # type: ignore[no-untyped-def]
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "listens\n"
    yield process
    process.kill()
    process.wait()


def test_a_profile_shows_what_a_process_does(tmp_path: Path, busy: subprocess.Popen[str]) -> None:
    lines = wait_for(profiling.ask(tmp_path, busy.pid, 0.5, 200)).splitlines()
    stacks = Counter({line.rpartition(" ")[0]: int(line.rpartition(" ")[2]) for line in lines})
    assert next(iter(busiest_functions(stacks))) == "__main__.works_hard"
    assert all(stack.startswith("MainThread;__main__.<module>") for stack in stacks)
    assert busy.poll() is None


def test_a_second_profile_can_be_had(tmp_path: Path, busy: subprocess.Popen[str]) -> None:
    for _ in range(2):
        assert wait_for(profiling.ask(tmp_path, busy.pid, 0.1, 100))
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".folded"]


@pytest.mark.parametrize(
    "request_text", [None, "", "[]", '{"seconds": "x"}', '{"seconds": 1e999, "rate_hz": []}']
)
def test_a_signal_without_a_proper_request_does_nothing(
    tmp_path: Path, busy: subprocess.Popen[str], request_text: str | None
) -> None:
    if request_text is not None:
        (tmp_path / f"{busy.pid}.profile").write_text(request_text)
    os.kill(busy.pid, signal.SIGUSR2)
    assert wait_for(profiling.ask(tmp_path, busy.pid, 0.1, 100))


def test_stacks_are_told_from_the_outside_in() -> None:
    assert profiling.folded(Counter({"b;c": 2, "a": 1})) == "a 1\nb;c 2\n"
