"""One Cassandra node: its directory, its process, and what it said before it died."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil

from cli.cassandra.configuration import storage_argument
from cli.cassandra.network import reaches
from domain.errors import ConfigurationError, ProcessFailed
from marathon.containers.cassandra.java import MAIN_CLASS
from marathon.containers.cassandra.probe import answers_cql

START_SECONDS_MAX = 180.0
STOP_SECONDS_MAX = 60.0
PROBE_SECONDS = 2.0
REACH_SECONDS = 5.0
_POLL_SECONDS = 0.1
_LAST_LINES_MAX = 6
_NO_REASON = ("\tat ", "\t... ", "WARNING: ")
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
        self._process: psutil.Process | None = None
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
        if self._process is None or _has_ended(self._process):
            self._process = self._found()
        return self._process

    def answers(self) -> bool:
        return answers_cql(self.host, self.port, PROBE_SECONDS)

    def is_at_work(self) -> bool:
        """Whether it runs and is not paused."""
        process = self.process()
        try:
            return process is not None and process.status() != psutil.STATUS_STOPPED
        except psutil.NoSuchProcess:
            return False

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
        self._process = psutil.Process(self._child.pid)  # it has no command line yet to be known by
        self._pid_file.write_text(f"{self._child.pid}\n")

    def wait_until_it_answers(self) -> None:
        self._wait_until(self.answers, "does not answer")

    def wait_until_it_reaches(self, nodes: int) -> None:
        """Until reads can be answered by that many `nodes`: one that has just come up knows no other yet."""
        self._wait_until(
            lambda: reaches(self.host, self.port, nodes, REACH_SECONDS), f"does not reach {nodes} nodes"
        )

    def _wait_until(self, is_true: Callable[[], bool], trouble: str) -> None:
        """Raises ProcessFailed with the log's last words if it dies, or with `trouble` after a while."""
        deadline = time.monotonic() + START_SECONDS_MAX
        while not is_true():
            if self.process() is None:
                raise ProcessFailed(
                    f"Cassandra's {self.name} died while it started",
                    remedy=f"its log is {self.log}; it said last:\n{self.last_words()}",
                )
            if time.monotonic() > deadline:
                raise ProcessFailed(
                    f"Cassandra's {self.name} ({self.host}:{self.port}) {trouble} in {START_SECONDS_MAX:g} s",
                    remedy=f"its log is {self.log}",
                )
            time.sleep(_POLL_SECONDS)

    def begin_stop(self) -> None:
        """SIGTERM, at which it drains: what it has in memory goes to disk."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)  # a paused process takes no other signal

    def wait_until_stopped(self, seconds: float = STOP_SECONDS_MAX) -> bool:
        """Whether it had to be killed, `seconds` after it was asked to stop."""
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
        said = [line for line in _tail(self.output, 0) if not line.startswith(_NO_REASON)]
        logged = [line for line in _tail(self.log, self._log_start) if line.startswith(("ERROR", "FATAL"))]
        lines = [*logged[-_LAST_LINES_MAX:], *said[-_LAST_LINES_MAX:]]
        return "\n".join(f"  {line}" for line in lines) or "  nothing"

    def _found(self) -> psutil.Process | None:
        try:
            process = psutil.Process(int(self._pid_file.read_text()))
            arguments = process.cmdline()
        except (OSError, ValueError, psutil.Error):
            return None
        is_ours = MAIN_CLASS in arguments and storage_argument(self.directory) in arguments
        return process if is_ours else None

    def _popen(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self.output.open("wb") as output:
            return subprocess.Popen(
                command,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=None if self._survive else dying_with_parent(),  # noqa: PLW1509
            )

    def _wait_for_end(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.process() is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True


def dying_with_parent() -> Callable[[], None] | None:
    """What a new process calls first, so that the kernel kills it when the thread that made it ends (Linux).

    SIGKILL, since a paused node would take SIGTERM only when somebody resumes it. The function is
    looked up before the fork: no lock of another thread is needed after it.
    """
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    return prctl and (lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL))


def _has_ended(process: psutil.Process) -> bool:
    """Whether it has let go of its ports, too: a zombie may have threads that still end."""
    try:
        if not process.is_running():
            return True
        return bool(process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1)
    except psutil.NoSuchProcess:
        return True


def _tail(path: Path, start: int) -> list[str]:
    """The lines after `start`, of a megabyte at most; all of a file that was begun anew since."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(start if start <= size else 0, size - _LOG_BYTES_MAX))
            return file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
