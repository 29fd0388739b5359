"""Programs as processes of this machine: what they print, how they end, and what they leave behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from actors.launcher import RunState
from actors.local_launcher import LINE_BYTES_MAX, LocalLauncher
from domain.errors import ProcessFailed
from tests.actors.helpers import are_gone, eventually
from tests.actors.launchers import HANGS, LauncherContract, ended, python, until

# A child that ignores SIGTERM, one in a session of its own, and one whose parent is gone; their numbers are
# printed. Then the program does what its second argument says.
FAMILY = """
import json, os, subprocess, sys, time
deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
quiet = "import time; time.sleep(600)"
orphan = (
    "import subprocess, sys;"
    "print(subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdout=subprocess.DEVNULL).pid)"
)
first = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
first.stdout.readline()
second = subprocess.Popen([sys.executable, "-c", quiet], start_new_session=True)
done = subprocess.run([sys.executable, "-c", orphan, quiet], stdout=subprocess.PIPE, check=True)
print(json.dumps({"pids": [os.getpid(), first.pid, second.pid, int(done.stdout)]}), flush=True)
exec(sys.argv[1])
"""


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[LocalLauncher]:
    launcher = LocalLauncher(tmp_path, stop_s=0.3)
    yield launcher
    launcher.close()


class TestLocal(LauncherContract):
    """The contract, on this machine."""


def family(launcher: LocalLauncher, then: str, seconds: float = 600.0) -> list[psutil.Process]:
    """The processes of a run called `one`, without those that have ended already."""
    launcher.start("one", python(FAMILY, then), until(seconds))
    (line,) = eventually(lambda: list(launcher.poll("one").lines), "it prints")
    found = []
    for pid in line["pids"]:
        with suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid))
    return found


def test_a_line_may_come_in_pieces_and_is_bounded(launcher: LocalLauncher) -> None:
    code = f"""
import sys
sys.stdout.write('x' * {3 * LINE_BYTES_MAX} + '\\n')
for piece in ('{{"do', 'ne": ', '3}}\\n'):
    sys.stdout.write(piece)
    sys.stdout.flush()
"""
    launcher.start("one", python(code), until())
    report, lines = ended(launcher, "one")
    assert (report.status, lines) == (0, [{"done": 3}])


def test_a_killed_program_has_the_signals_status(launcher: LocalLauncher) -> None:
    launcher.start("one", python("import os; os.kill(os.getpid(), 9)"), until())
    assert ended(launcher, "one")[0].status == -signal.SIGKILL


@pytest.mark.parametrize("argv", [["/"], [""], ["python\0"]])
def test_what_is_no_program_is_told(argv: list[str], launcher: LocalLauncher) -> None:
    launcher.start("one", argv, until())
    assert ended(launcher, "one")[0].status != 0
    assert "cannot be started" in launcher.log("one")


def test_a_log_that_cannot_be_written_is_a_clear_failure(tmp_path: Path) -> None:
    launcher = LocalLauncher(tmp_path / "no")
    (tmp_path / "no").rmdir()
    with pytest.raises(ProcessFailed, match="cannot be started"):
        launcher.start("one", python(HANGS), until())
    assert "cannot be read" in launcher.log("one")


def test_stop_ends_the_whole_tree(launcher: LocalLauncher) -> None:
    tree = family(launcher, HANGS)
    launcher.stop("one")
    report, _ = ended(launcher, "one")
    assert are_gone(tree)
    assert report.state is RunState.ENDED


def test_what_a_program_leaves_behind_is_ended(launcher: LocalLauncher) -> None:
    tree = family(launcher, "sys.exit(5)")
    assert ended(launcher, "one")[0].status == 5
    assert are_gone(tree)


def test_a_program_may_tidy_up_when_it_is_stopped(launcher: LocalLauncher) -> None:
    code = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
print("{}", flush=True)
signal.pause()
"""
    launcher.start("one", python(code), until())
    eventually(lambda: list(launcher.poll("one").lines), "it runs")
    launcher.stop("one")
    assert ended(launcher, "one")[0].status == 9


def test_a_run_that_nobody_keeps_ends_in_time(launcher: LocalLauncher) -> None:
    tree = family(launcher, HANGS)
    launcher.start("two", python(HANGS), until(0.8))
    assert ended(launcher, "two")[0].state is RunState.EXPIRED
    launcher.start("three", python(HANGS), until(-1.0))
    assert ended(launcher, "three")[0].state is RunState.EXPIRED
    assert launcher.poll("one").state is RunState.RUNNING
    launcher.stop("one")
    ended(launcher, "one")
    assert are_gone(tree)


def test_a_run_that_is_kept_goes_on(launcher: LocalLauncher) -> None:
    launcher.start("one", python(HANGS), until(3.0))
    launcher.keep("one", until())
    launcher.start("two", python(HANGS), until(3.1))
    ended(launcher, "two")
    assert launcher.poll("one").state is RunState.RUNNING


def test_a_guard_that_is_killed_takes_its_program_along(launcher: LocalLauncher) -> None:
    program, child, stray, orphan = family(launcher, HANGS)
    program.parent().kill()
    report, _ = ended(launcher, "one")
    assert report.status == -signal.SIGKILL
    eventually(lambda: are_gone([program, child, orphan]), "what is in its group has ended")
    stray.kill()  # in a session of its own: only the guard would have found it


def test_closing_ends_everything(launcher: LocalLauncher) -> None:
    tree = family(launcher, HANGS)
    launcher.close()
    assert are_gone(tree)
    assert launcher.poll("one").state is RunState.ENDED


def test_logs_of_runs_that_are_forgotten_are_removed(launcher: LocalLauncher, tmp_path: Path) -> None:
    (tmp_path / "of-before.log").touch()
    for key, code in (("old", "exit(0)"), ("kept", "exit(0)"), ("long", HANGS)):
        launcher.start(key, python(code), until())
    for key in ("old", "kept"):
        ended(launcher, key)
    launcher.retain(["kept"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.log", "long.log"]
    assert launcher.poll("old").state is RunState.LOST
    assert launcher.poll("long").state is RunState.RUNNING


STARTER = """
import sys, time
from pathlib import Path
from actors.local_launcher import LocalLauncher
from actors.tenure import machine_s
launcher = LocalLauncher(Path(sys.argv[1]), 0.3)
argv = [sys.executable, "-c", sys.argv[2], "time.sleep(600)"]
launcher.start("one", argv, machine_s() + float(sys.argv[3]))
while not (lines := launcher.poll("one").lines):
    time.sleep(0)
print(*lines[0]["pids"], flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize(
    ("number", "seconds"),
    [(signal.SIGKILL, 600.0), (signal.SIGSTOP, 6.0)],
    ids=["is killed", "stands still"],
)
def test_a_run_ends_though_its_starter(number: signal.Signals, seconds: float, tmp_path: Path) -> None:
    command = [sys.executable, "-c", STARTER, str(tmp_path), FAMILY, str(seconds)]
    starter = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert starter.stdout is not None
    tree = [psutil.Process(int(pid)) for pid in starter.stdout.readline().split()]
    os.kill(starter.pid, number)
    try:
        eventually(lambda: are_gone(tree), "the program has ended")
    finally:
        starter.kill()
        starter.communicate()
