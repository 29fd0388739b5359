"""Starts the night's programs as processes of this machine and reads their progress."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
LINE_BYTES_MAX = 1 << 20


class LocalProcess:
    """A program in a process group of its own. It prints JSON lines; its stderr goes to `log`.

    The program gets SIGTERM if the process that started it dies (Linux).
    """

    def __init__(self, argv: Sequence[str], log: Path) -> None:
        with log.open("wb") as errors:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - the process of an actor has one thread
            )
        assert self._process.stdout is not None
        self._stdout: IO[bytes] = self._process.stdout
        os.set_blocking(self._stdout.fileno(), False)
        self._buffer = b""
        self.has_ended = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def fileno(self) -> int:
        """Readable when there is progress or the program has closed its output."""
        return self._stdout.fileno()

    def read(self) -> list[dict[str, Any]]:
        """The JSON objects printed since the last call; other lines are passed over."""
        with suppress(BlockingIOError):
            while True:
                data = os.read(self._stdout.fileno(), 65536)
                if not data:
                    self.has_ended = True
                    break
                self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        self._buffer = self._buffer[-LINE_BYTES_MAX:]
        return [value for line in lines if isinstance(value := _parsed(line), dict)]

    def wait(self, seconds: float) -> int:
        """Exit status after the output ended; a program that lingers is killed."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.wait()

    def stop(self, seconds: float) -> None:
        """SIGTERM to the process group, SIGKILL to what is left of it after `seconds`."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self.kill()
        self._process.wait()

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _parsed(line: bytes) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _die_with_parent() -> None:
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
