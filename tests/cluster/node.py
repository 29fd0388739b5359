"""One `muvr up` as an operator runs it: started, stopped, killed and paused with every process of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from tests.actors.helpers import DEADLINE_SECONDS, are_gone, eventually, is_alive

ROOT = Path(__file__).parents[2]
NEVER = "0 0 1 1 *"  # no test trains
START_SECONDS = 120.0


class MuvrNode:
    """A node on `directory`, with more `options`. Started again it listens where it did before."""

    def __init__(self, directory: Path, options: Sequence[str]) -> None:
        self.directory = directory
        self._options = options
        self._port = 0
        self._out = directory.with_suffix(".out")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        assert self._port, "the node was never up"
        return f"ws://127.0.0.1:{self._port}"

    @property
    def api(self) -> str:
        """The address of its HTTP API, as it runs now."""
        (address,) = re.findall(rb"page: +(http://127.0.0.1:\d+)/", self._out.read_bytes())
        return str(address.decode())

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def begin(self) -> None:
        """Start it, at once."""
        assert not self.is_running
        command = [sys.executable, "-m", "cli", "up", "--data", str(self.directory), "--night", NEVER]
        command += ["--gateway-port", str(self._port), "--api-port", "0", *self._options]
        with self._out.open("wb") as out:
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )

    def wait_until_up(self) -> None:
        eventually(self._is_up, f"{self.directory.name} is up", START_SECONDS)
        (port,) = re.findall(rb"devices: ws://127.0.0.1:(\d+)", self._out.read_bytes())
        self._port = int(port)

    def terminate(self) -> None:
        """SIGTERM, as an operator or a service manager sends it to the command."""
        assert self._process is not None
        self._process.terminate()

    def wait_until_ended(self) -> None:
        """Until no process of it is left."""
        eventually(lambda: not self.is_running, f"{self.directory.name} has ended")
        eventually(lambda: not self.processes(), f"{self.directory.name} has left no process")

    def kill(self) -> None:
        """All at once, as when the machine loses its power."""
        stopped = self.pause()
        _signal(stopped, signal.SIGKILL)
        eventually(lambda: are_gone(stopped), "the killed processes are gone")
        if self._process is not None:
            self._process.wait(DEADLINE_SECONDS)

    def pause(self) -> list[psutil.Process]:
        """SIGSTOP to all; those that are forked meanwhile are found as well."""
        stopped: list[psutil.Process] = []
        while new := [process for process in self.processes() if process not in stopped]:
            _signal(new, signal.SIGSTOP)
            stopped += new
        return stopped

    def resume(self) -> None:
        _signal(self.processes(), signal.SIGCONT)

    def kill_main(self) -> None:
        """Only the command itself; what it started finds out."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def actor(self, name: str) -> psutil.Process:
        """The process of an actor, by the name of its class."""
        found = eventually(lambda: [p for p in self.processes() if _runs(p, name)], f"{name} runs")
        return found[0]

    def processes(self) -> list[psutil.Process]:
        """All that hold the data directory: the command, and what was forked from it."""
        lock = str(self.directory / "node.lock")
        found = []
        for pid in psutil.pids():
            if lock in _open_files(pid):
                with suppress(psutil.NoSuchProcess):
                    found.append(psutil.Process(pid))
        return [process for process in found if is_alive(process)]

    def log(self) -> str:
        """What it printed, and its log's end: for those who look why a test failed."""
        log = self.directory / "log" / "node.log"
        lines = log.read_text(errors="replace").splitlines()[-20:] if log.exists() else []
        printed = self._out.read_text(errors="replace") if self._out.exists() else ""
        return "\n".join([f"--- {self.directory.name}", printed, *lines])

    def _is_up(self) -> bool:
        assert self.is_running, f"the node ended: {self.log()}"
        return b"stops the node" in self._out.read_bytes()


def _runs(process: psutil.Process, actor: str) -> bool:
    try:
        return actor in " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


def _open_files(pid: int) -> set[str]:
    return set(_links(Path(f"/proc/{pid}/fd")))


def _links(directory: Path) -> Iterator[str]:
    with suppress(OSError):
        for name in os.listdir(directory):
            with suppress(OSError):
                yield os.readlink(directory / name)


def _signal(processes: Sequence[psutil.Process], number: int) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
