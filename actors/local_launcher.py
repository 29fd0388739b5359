"""Runs the night's programs as processes of this machine, each under a guard."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from actors import guard
from actors.launcher import LOG_CHARACTERS_MAX, Report, RunState
from domain.errors import ProcessFailed

LINE_BYTES_MAX = 1 << 20
READ_BYTES = 1 << 16
READS_MAX = 64  # per poll: a program that never stops printing must not hold its reader
STOP_SECONDS = 3.0
KILL_SECONDS = 2.0  # from the end of a program's time to that of its guard


class LocalLauncher:
    """Logs go to `log_directory`, which has nothing else, as KEY.log. A program has `stop_s` between SIGTERM
    and SIGKILL.

    Runs end with the process that started them, as the guard's socket then closes, and when they are not
    kept any longer; `actors/guard.py` sees to it.
    """

    def __init__(self, log_directory: Path, stop_s: float = STOP_SECONDS) -> None:
        log_directory.mkdir(parents=True, exist_ok=True)
        self._log_directory = log_directory
        self._stop_s = stop_s
        self._runs: dict[str, _Run] = {}

    def start(self, key: str, argv: Sequence[str], until_s: float) -> None:
        if key in self._runs:
            return
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", guard.__name__, repr(until_s), repr(self._stop_s)]
        try:
            with theirs, self._path(key).open("wb") as log:
                process = subprocess.Popen(
                    command, stdin=theirs.fileno(), stdout=subprocess.PIPE, stderr=log, start_new_session=True
                )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            ours.close()
            raise ProcessFailed(
                f"{argv[0]} cannot be started: {error}", remedy="check that it is installed"
            ) from error
        self._runs[key] = _Run(process, ours, until_s)
        self._runs[key].say(json.dumps(list(argv)))

    def keep(self, key: str, until_s: float) -> None:
        run = self._runs.get(key)
        if run is not None and until_s > run.until_s:
            run.until_s = until_s
            run.say(f"until {until_s!r}")

    def poll(self, key: str) -> Report:
        run = self._runs.get(key)
        return Report(state=RunState.LOST) if run is None else run.poll()

    def stop(self, key: str) -> None:
        if key in self._runs:
            self._runs[key].say("stop")

    def log(self, key: str) -> str:
        try:
            with self._path(key).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 4 * LOG_CHARACTERS_MAX))
                return file.read().decode(errors="replace")[-LOG_CHARACTERS_MAX:]
        except OSError as error:
            return f"(the log cannot be read: {error.strerror})"

    def retain(self, keys: Collection[str]) -> None:
        kept = {key: run for key, run in self._runs.items() if run.last is None or key in keys}
        self._runs = kept
        for file in self._log_directory.glob("*.log"):
            if file.stem not in kept and file.stem not in keys:
                with suppress(OSError):
                    file.unlink()

    def close(self) -> None:
        for run in self._runs.values():
            run.say("stop")
        for run in self._runs.values():
            run.end(self._stop_s + KILL_SECONDS)

    def _path(self, key: str) -> Path:
        return self._log_directory / f"{key}.log"


@dataclass
class _Run:
    guard: subprocess.Popen[bytes]
    control: socket.socket
    until_s: float
    buffer: bytes = b""
    last: Report | None = None  # once it has ended
    _output: IO[bytes] = field(init=False)

    def __post_init__(self) -> None:
        assert self.guard.stdout is not None
        self._output = self.guard.stdout
        os.set_blocking(self._output.fileno(), False)
        self.control.setblocking(False)

    def say(self, line: str) -> None:
        with suppress(OSError):  # the guard has ended, which `poll` will find out
            self.control.sendall(line.encode() + b"\n")

    def poll(self) -> Report:
        if self.last is not None:
            return self.last
        has_ended = self.guard.poll() is not None
        lines = self._read()
        if not has_ended:
            return Report(state=RunState.RUNNING, lines=lines)
        ended = self._ended()
        self.last = replace(ended, lines=())
        return replace(ended, lines=lines)

    def end(self, seconds: float) -> None:
        """Wait until the guard has ended everything; kill them if it does not."""
        with suppress(subprocess.TimeoutExpired):
            self.guard.wait(seconds)
        if self.guard.poll() is None:
            self._kill()
        self.poll()

    def _read(self) -> list[dict[str, Any]]:
        """The JSON objects printed since the last call; other lines are passed over."""
        lines: list[bytes] = []
        with suppress(BlockingIOError):
            for _ in range(READS_MAX):
                data = os.read(self._output.fileno(), READ_BYTES)
                *whole, self.buffer = (self.buffer + (data or b"\n")).split(b"\n")
                lines += whole
                self.buffer = self.buffer[-LINE_BYTES_MAX:]
                if not data:
                    break
        return [value for line in lines if isinstance(value := _parsed(line), dict)]

    def _ended(self) -> Report:
        """What the guard told, or that it was killed, and then with it what it guarded."""
        told = b""
        with suppress(OSError):
            told = self.control.recv(READ_BYTES)
        word, _, status = told.decode().partition(" ")
        if not status:
            self._kill()
        self.control.close()
        self._output.close()
        return Report(
            state=RunState.EXPIRED if word == RunState.EXPIRED.value else RunState.ENDED,
            status=int(status) if status else -signal.SIGKILL,
        )

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.guard.pid, signal.SIGKILL)
        self.guard.wait()


def _parsed(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
