"""What every launcher of the night's programs must do; a launcher's own tests say where its programs run."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from actors.launcher import LOG_CHARACTERS_MAX, Launcher, Report, RunState
from actors.tenure import machine_s
from tests.actors.helpers import eventually

LONG_S = 600.0
HANGS = "import time; time.sleep(600)"


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def until(seconds: float = LONG_S) -> float:
    return machine_s() + seconds


def ended(launcher: Launcher, key: str) -> tuple[Report, list[dict[str, Any]]]:
    """How it ended, and all that it printed."""
    lines: list[dict[str, Any]] = []

    def look() -> Report | None:
        report = launcher.poll(key)
        lines.extend(report.lines)
        return report if report.state is not RunState.RUNNING else None

    return eventually(look, f"{key} ends"), lines


class LauncherContract:
    """Has a fixture `launcher`."""

    def test_a_run_prints_and_ends(self, launcher: Launcher) -> None:
        code = 'print(\'{"done": 1, "total": 2}\'); print(\'{"result": {}}\', end="")'
        launcher.start("one", python(code), until())
        report, lines = ended(launcher, "one")
        assert (report.state, report.status) == (RunState.ENDED, 0)
        assert lines == [{"done": 1, "total": 2}, {"result": {}}]
        assert launcher.poll("one") == Report(state=RunState.ENDED, status=0)

    @pytest.mark.parametrize(("code", "status"), [("raise SystemExit('no room')", 1), ("exit(75)", 75)])
    def test_a_run_that_fails_says_so(self, code: str, status: int, launcher: Launcher) -> None:
        launcher.start("one", python(code), until())
        assert ended(launcher, "one")[0].status == status

    def test_a_key_is_started_once(self, launcher: Launcher) -> None:
        launcher.start("one", python("exit(3)"), until())
        launcher.start("one", python("exit(4)"), until())
        assert ended(launcher, "one")[0].status == 3
        launcher.start("one", python("exit(4)"), until())
        assert ended(launcher, "one")[0].status == 3

    def test_runs_of_different_keys_do_not_meet(self, launcher: Launcher) -> None:
        launcher.start("one", python("exit(3)"), until())
        launcher.start("two", python("exit(4)"), until())
        assert [ended(launcher, key)[0].status for key in ("two", "one")] == [4, 3]

    def test_what_is_unknown_is_lost(self, launcher: Launcher) -> None:
        launcher.keep("nothing", until())
        launcher.stop("nothing")
        assert launcher.poll("nothing") == Report(state=RunState.LOST)

    def test_a_run_that_is_stopped_ends(self, launcher: Launcher) -> None:
        launcher.start("one", python(HANGS), until())
        assert launcher.poll("one").state is RunState.RUNNING
        launcher.stop("one")
        report, _ = ended(launcher, "one")
        assert report.state is RunState.ENDED
        assert report.status != 0
        launcher.stop("one")

    def test_the_log_is_the_end_of_what_is_printed_for_people(self, launcher: Launcher) -> None:
        code = "import sys; print('x' * 100_000, file=sys.stderr); print('the last ñ', file=sys.stderr)"
        launcher.start("one", python(code), until())
        ended(launcher, "one")
        assert launcher.log("one").endswith("x\nthe last ñ\n")
        assert len(launcher.log("one")) == LOG_CHARACTERS_MAX

    def test_a_program_that_cannot_be_started_is_told(self, launcher: Launcher) -> None:
        launcher.start("one", ["/no/such/program"], until())
        assert ended(launcher, "one")[0].status != 0
        assert "/no/such/program cannot be started" in launcher.log("one")

    def test_odd_output_is_passed_over(self, launcher: Launcher) -> None:
        code = """
print('starting up')
print('[1, 2]')
print('{"cut off": ')
print('[' * 100_000)
print('{"done": 1}')
"""
        launcher.start("one", python(code), until())
        assert ended(launcher, "one")[1] == [{"done": 1}]
