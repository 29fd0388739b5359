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

from domain.errors import ProcessFailed

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
LINE_BYTES_MAX = 1 << 20
READ_BYTES = 1 << 16
READS_MAX = 64  # per call: a program that never stops printing must not hold its reader


class LocalProcess:
    """A program in a process group of its own. It prints JSON lines; its stderr goes to `log`.

    The program gets SIGTERM if the process that started it dies (Linux). Raises ProcessFailed if it cannot
    be started.
    """

    def __init__(self, argv: Sequence[str], log: Path) -> None:
        try:
            with log.open("wb") as errors:
                self._process: subprocess.Popen[bytes] = subprocess.Popen(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    start_new_session=True,
                    preexec_fn=die_with_parent,  # noqa: PLW1509 - the process of an actor has one thread
                )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise ProcessFailed(
                f"{argv[0]} cannot be started: {error}", remedy="check that it is installed"
            ) from error
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
        """The JSON objects printed since the last call; other lines are passed over.

        At most READS_MAX * READ_BYTES are read; `fileno` stays readable while there is more.
        """
        lines: list[bytes] = []
        with suppress(BlockingIOError):
            for _ in range(READS_MAX):
                data = os.read(self._stdout.fileno(), READ_BYTES)
                self.has_ended = not data
                *whole, self._buffer = (self._buffer + (data or b"\n")).split(b"\n")
                lines += whole
                self._buffer = self._buffer[-LINE_BYTES_MAX:]
                if self.has_ended:
                    break
        return [value for line in lines if isinstance(value := _parsed(line), dict)]

    def wait(self, seconds: float) -> int:
        """Exit status after the output ended; a program that lingers, and what it left, is killed."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._end()

    def stop(self, seconds: float) -> None:
        """SIGTERM to the process group, SIGKILL to what is left of it after `seconds`."""
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self._end()

    def _end(self) -> int:
        self._signal(signal.SIGKILL)
        self._stdout.close()
        return self._process.wait()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def die_with_parent() -> None:
    """Let the kernel send SIGTERM to this process when the one that forked it is gone (Linux)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _parsed(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
