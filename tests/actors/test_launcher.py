"""Programs as processes: what they print, how they end, and what they leave behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from actors.launcher import LINE_BYTES_MAX, LocalProcess
from domain.errors import ProcessFailed
from tests.actors.helpers import DEADLINE_SECONDS, are_gone, eventually

# Prints the number of a child that ignores SIGTERM and holds no pipe, then does as it is told.
WITH_GRANDCHILD = """
import json, os, signal, subprocess, sys, time
child = subprocess.Popen(
    [sys.executable, "-c",
     "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
     "print(1, flush=True); time.sleep(600)"],
    stdout=subprocess.PIPE)
child.stdout.readline()
print(json.dumps({"pid": child.pid}), flush=True)
"""


def started(code: str, tmp_path: Path) -> LocalProcess:
    return LocalProcess([sys.executable, "-c", code], tmp_path / "log")


def lines_of(process: LocalProcess, count: int | None = None) -> list[dict[str, Any]]:
    """What the program prints: `count` lines, or all to its end."""
    lines: list[dict[str, Any]] = []
    while not process.has_ended and (count is None or len(lines) < count):
        ready, _, _ = select.select([process], [], [], DEADLINE_SECONDS)
        assert ready, "the program prints nothing and does not end"
        lines += process.read()
    return lines


def test_progress_and_result_are_read_and_the_rest_is_passed_over(tmp_path: Path) -> None:
    code = """
print('starting up')
print('{"done": 1, "total": 2}')
print('[1, 2]')
print('{"cut off": ')
print('[' * 100_000)
print('{"result": {"models": 1}}', end='')
"""
    process = started(code, tmp_path)
    assert lines_of(process) == [{"done": 1, "total": 2}, {"result": {"models": 1}}]
    assert process.wait(DEADLINE_SECONDS) == 0


def test_a_line_may_come_in_pieces_and_is_bounded(tmp_path: Path) -> None:
    code = f"""
import sys
sys.stdout.write('x' * {3 * LINE_BYTES_MAX} + '\\n')
for piece in ('{{"do', 'ne": ', '3}}\\n'):
    sys.stdout.write(piece)
    sys.stdout.flush()
"""
    process = started(code, tmp_path)
    assert lines_of(process) == [{"done": 3}]
    assert process.wait(DEADLINE_SECONDS) == 0


def test_the_exit_status_and_the_log(tmp_path: Path) -> None:
    process = started("import sys; sys.exit('no room')", tmp_path)
    assert lines_of(process) == []
    assert process.wait(DEADLINE_SECONDS) == 1
    assert (tmp_path / "log").read_text() == "no room\n"


def test_a_killed_program_has_the_signals_status(tmp_path: Path) -> None:
    process = started("print('{\"done\": 1}', flush=True); import time; time.sleep(600)", tmp_path)
    lines_of(process, 1)
    os.kill(process.pid, signal.SIGKILL)
    assert lines_of(process) == []
    assert process.wait(DEADLINE_SECONDS) == -signal.SIGKILL


@pytest.mark.parametrize("argv", [["/no/such/program"], ["/"], [""], ["python\0"]])
def test_a_program_that_cannot_be_started_is_a_clear_failure(argv: list[str], tmp_path: Path) -> None:
    with pytest.raises(ProcessFailed, match="cannot be started"):
        LocalProcess(argv, tmp_path / "log")


def test_a_log_that_cannot_be_written_is_a_clear_failure(tmp_path: Path) -> None:
    with pytest.raises(ProcessFailed, match="cannot be started"):
        LocalProcess([sys.executable], tmp_path / "no" / "log")


def test_stop_ends_grandchildren_that_ignore_it(tmp_path: Path) -> None:
    process = started(WITH_GRANDCHILD + "time.sleep(600)", tmp_path)
    family = [psutil.Process(lines_of(process, 1)[0]["pid"]), psutil.Process(process.pid)]
    process.stop(0.1)
    eventually(lambda: are_gone(family), "the program and its child have ended")


def test_what_a_program_leaves_behind_is_ended(tmp_path: Path) -> None:
    process = started(WITH_GRANDCHILD, tmp_path)
    lines = lines_of(process)
    assert process.wait(DEADLINE_SECONDS) == 0
    left = psutil.Process(lines[0]["pid"]) if psutil.pid_exists(lines[0]["pid"]) else None
    eventually(lambda: left is None or are_gone([left]), "the child has ended")


def test_a_program_that_closed_its_output_and_lingers_is_killed(tmp_path: Path) -> None:
    process = started("import os, time; os.close(1); time.sleep(600)", tmp_path)
    assert lines_of(process) == []
    assert process.wait(0.05) == -signal.SIGKILL


def test_a_program_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    starter = """
import sys, time
from pathlib import Path
from actors.launcher import LocalProcess
process = LocalProcess([sys.executable, "-c", "import time; time.sleep(600)"], Path(sys.argv[1]))
print(process.pid, flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", starter, str(tmp_path / "log")], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    eventually(lambda: are_gone([child]), "the program has ended")
