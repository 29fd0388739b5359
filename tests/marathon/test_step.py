"""The program around a step on an agent: its status is told, and signals reach what it runs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

WAITS = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
print("ready", flush=True)
signal.pause()
"""


def started(*argv: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "marathon.step", *argv]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("code", "told", "status"),
    [("print('{}', end='')", 0, 0), ("exit(75)", 75, 75), ("import os; os.kill(os.getpid(), 9)", -9, 137)],
)
def test_the_status_is_on_the_last_line(code: str, told: int, status: int) -> None:
    step = started(sys.executable, "-c", code)
    output, _ = step.communicate()
    assert json.loads(output.splitlines()[-1]) == {"exit_status": told}
    assert step.returncode == status


def test_a_program_that_cannot_be_started_is_told() -> None:
    step = started("/no/such/program")
    output, errors = step.communicate()
    assert json.loads(output) == {"exit_status": 127}
    assert "/no/such/program cannot be started" in errors


def test_a_signal_goes_on_to_the_program() -> None:
    step = started(sys.executable, "-c", WAITS)
    assert step.stdout is not None
    assert step.stdout.readline() == "ready\n"
    step.send_signal(signal.SIGTERM)
    assert step.communicate()[0].splitlines()[-1] == '{"exit_status": 9}'
