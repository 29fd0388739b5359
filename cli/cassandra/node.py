"""One Cassandra node: its directory, its process, and what it said before it died."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from cli.cassandra.configuration import MAIN_CLASS, storage_argument
from cli.cassandra.network import answers_cql
from domain.errors import ConfigurationError, ProcessFailed

START_SECONDS_MAX = 180.0
STOP_SECONDS_MAX = 60.0
PROBE_SECONDS = 2.0
_POLL_SECONDS = 0.1
_LAST_LINES_MAX = 6
_LOG_BYTES_MAX = 1 << 20
_PR_SET_PDEATHSIG = 1  # linux/prctl.h

# The kernel's parent of a process is the thread that forked it: this one lives as long as the program, so a
# node does not die with a passing thread that restarted it.
_FORKS = ThreadPoolExecutor(1, "cassandra-forks")


class NodeProcess:
    """The node in `directory`, which listens for CQL on `host`:`port`.

    The process is known by its pid file and its command line, so any program may start it and another stop
    it. With `survive` it outlives the program that starts it; else the kernel kills it then (Linux).
    """

    def __init__(self, directory: Path, host: str, port: int, *, survive: bool) -> None:
        self.directory = directory
        self.host = host
        self.port = port
        self._survive = survive
        self._pid_file = directory / "pid"
        self._child: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def name(self) -> str:
        return self.directory.name

    @property
    def log(self) -> Path:
        return self.directory / "log" / "system.log"

    @property
    def output(self) -> Path:
        """What Java itself prints, of the last start."""
        return self.directory / "log" / "stdout.log"

    def process(self) -> psutil.Process | None:
        """The running node, paused or not; None if the pid file is stale."""
        if self._child is not None:
            self._child.poll()  # a child that has ended stays a zombie until it is asked
        try:
            process = psutil.Process(int(self._pid_file.read_text()))
            arguments = process.cmdline()
        except (OSError, ValueError, psutil.Error):
            return None
        is_ours = MAIN_CLASS in arguments and storage_argument(self.directory) in arguments
        return process if is_ours else None

    def answers(self) -> bool:
        return answers_cql(self.host, self.port, PROBE_SECONDS)

    def start(self, command: list[str]) -> None:
        """Start it in a session of its own; `wait_until_it_answers` says when it is up."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        try:
            self._child = _FORKS.submit(self._popen, command).result()
        except (OSError, subprocess.SubprocessError) as error:
            raise ConfigurationError(
                f"{command[0]} cannot be started: {error}", remedy="check JAVA_HOME"
            ) from error
        self._pid_file.write_text(f"{self._child.pid}\n")

    def wait_until_it_answers(self, seconds: float = START_SECONDS_MAX) -> None:
        """Raises ProcessFailed with the log's last words if it dies or is not up within `seconds`."""
        deadline = time.monotonic() + seconds
        while not self.answers():
            if self.process() is None:
                raise ProcessFailed(
                    f"Cassandra's {self.name} died while it started:\n{self.last_words()}\n",
                    remedy=f"its log is {self.log}",
                )
            if time.monotonic() > deadline:
                raise ProcessFailed(
                    f"Cassandra's {self.name} does not answer on {self.host}:{self.port} after {seconds:g} s",
                    remedy=f"its log is {self.log}",
                )
            time.sleep(_POLL_SECONDS)

    def stop(self, seconds: float = STOP_SECONDS_MAX) -> bool:
        """SIGTERM, at which it drains; whether it had to be killed after `seconds`."""
        process = self.process()
        if process is not None:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGTERM)
                process.send_signal(signal.SIGCONT)  # a paused process takes no other signal
        has_lingered = not self._wait_for_end(seconds)
        if has_lingered:
            self.kill()
        self._pid_file.unlink(missing_ok=True)
        return has_lingered

    def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        self.signal(signal.SIGKILL)
        if not self._wait_for_end(STOP_SECONDS_MAX):
            raise ProcessFailed(f"Cassandra's {self.name} cannot be killed", remedy="look at its process")

    def signal(self, number: signal.Signals) -> None:
        process = self.process()
        if process is not None:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def last_words(self) -> str:
        """Why it ended, as far as its output and the log of its last start say."""
        said = [line for line in _tail(self.output, 0) if not line.startswith(("\tat ", "\t... "))]
        logged = [line for line in _tail(self.log, self._log_start) if line.startswith(("ERROR", "FATAL"))]
        lines = [*logged[-_LAST_LINES_MAX:], *said[-_LAST_LINES_MAX:]]
        return "\n".join(lines) or "it said nothing"

    def _popen(self, command: list[str]) -> subprocess.Popen[bytes]:
        prctl = None if self._survive else getattr(ctypes.CDLL(None), "prctl", None)
        with self.output.open("wb") as output:
            return subprocess.Popen(
                command,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # SIGKILL, since a paused node would take SIGTERM only when somebody resumes it. The function
                # was looked up before the fork: no lock of another thread is needed after it.
                preexec_fn=prctl and (lambda: _die_with_parent(prctl)),  # noqa: PLW1509
            )

    def _wait_for_end(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.process() is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True


def _die_with_parent(prctl: Any) -> None:
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _tail(path: Path, start: int) -> list[str]:
    """The lines after `start`, of a megabyte at most; all of a file that was begun anew since."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(start if start <= size else 0, size - _LOG_BYTES_MAX))
            return file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
