"""A process between the scheduler and a program: ends the program, and all that it started, in time.

    python -m actors.guard UNTIL_S STOP_S

Standard input is a socket. The first line that comes is the program with its arguments as JSON; later ones
are `until S`, the program may go on until then by `machine_s`, and `stop`. One that goes: `ended STATUS` or
`expired STATUS`, when no process is left. The program is ended too when the socket closes, as it does when
the scheduler dies. It gets SIGTERM and STOP_S later, but not after UNTIL_S, SIGKILL. A scheduler that stands
still can do none of this, while others take its place.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial

import psutil

from actors.kernel import adopt_orphans, die_with_parent
from actors.tenure import machine_s

LOOK_SECONDS_MAX = 1.0  # a clock that went on while the machine slept wakes nobody
KILL_POLL_SECONDS = 0.005
READ_BYTES = 4096
CANNOT_START = 127


class _Guard:
    def __init__(self, control: socket.socket, until_s: float, stop_s: float) -> None:
        self._control = control
        self._until_s = until_s
        self._stop_s = stop_s
        self._buffer = b""
        self._kill_s: float | None = None  # when what is being ended is killed
        self._is_expired = False

    def run(self) -> None:
        argv = self._program()
        self._obey()
        if argv is None or self._kill_s is not None or machine_s() >= self._until_s:
            self._tell("ended" if self._kill_s is not None else "expired", -signal.SIGTERM)
            return
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._end())
        try:
            program = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                preexec_fn=partial(die_with_parent, signal.SIGKILL),  # noqa: PLW1509 - there is one thread
            )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            print(f"{argv[0]} cannot be started: {error}", file=sys.stderr, flush=True)
            self._tell("ended", CANNOT_START)
            return
        _close_output()
        while (status := program.poll()) is None:
            self._wait(woken)
        _kill_descendants()
        self._tell("expired" if self._is_expired else "ended", status)

    def _program(self) -> list[str] | None:
        """The first line; None if there is no more scheduler that would send it."""
        while b"\n" not in self._buffer:
            data = self._control.recv(READ_BYTES)
            if not data:
                return None
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        argv: list[str] = json.loads(line)
        return argv

    def _wait(self, woken: int) -> None:
        """Until something happens, a line comes, or it is time."""
        now_s = machine_s()
        if self._kill_s is None and now_s >= self._until_s - self._stop_s:
            self._is_expired = True
            self._end()
        if self._kill_s is not None and now_s >= min(self._kill_s, self._until_s):
            _kill_descendants()
        due_s = self._until_s - self._stop_s if self._kill_s is None else min(self._kill_s, self._until_s)
        timeout_s = min(LOOK_SECONDS_MAX, max(KILL_POLL_SECONDS, due_s - now_s))
        control = self._control.fileno()  # -1 once it is closed
        ready, _, _ = select.select([woken, control] if control >= 0 else [woken], [], [], timeout_s)
        if woken in ready:
            os.read(woken, READ_BYTES)
        if control in ready:
            self._take()

    def _take(self) -> None:
        try:
            data = self._control.recv(READ_BYTES)
        except OSError:
            data = b""
        if not data:
            self._control.close()
            self._end()
        self._buffer += data
        self._obey()

    def _obey(self) -> None:
        """What was told since the program."""
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            word, _, rest = line.partition(b" ")
            if word == b"until":
                self._until_s = max(self._until_s, float(rest))
            elif word == b"stop":
                self._end()

    def _end(self) -> None:
        """Ask everything to end; once."""
        if self._kill_s is None:
            self._kill_s = machine_s() + self._stop_s
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    process.terminate()

    def _tell(self, word: str, status: int) -> None:
        with suppress(OSError):
            self._control.sendall(f"{word} {status}\n".encode())


def _kill_descendants() -> None:
    """All of them, also those that are forked meanwhile or whose parent is gone."""
    me = psutil.Process()
    while alive := [each for each in me.children(recursive=True) if _is_running(each)]:
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(KILL_POLL_SECONDS)  # not `wait`, which would take the program's status away


def _is_running(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _close_output() -> None:
    """Only the program writes there, so that its end is seen."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (sys.stdout.fileno(), sys.stderr.fileno()):
        os.dup2(nowhere, number)
    os.close(nowhere)


def main(arguments: list[str]) -> int:
    until_s, stop_s = map(float, arguments)
    adopt_orphans()
    with socket.socket(fileno=0) as control:
        _Guard(control, until_s, stop_s).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
