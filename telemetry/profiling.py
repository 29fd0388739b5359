"""Profiles of a running process, on demand: a signal starts a thread that looks at every thread's stack.

Nothing runs until it is asked for. Who asks writes PID.profile beside the process's page and sends SIGUSR2;
the process answers with PID.folded: a line per stack, outermost function first, and how often it was seen,
as flame graph tools and speedscope read it.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

SIGNAL = signal.SIGUSR2
SUFFIXES = (".profile", ".folded")  # of a request, and of its answer
SECONDS_MAX = 300.0
RATE_HZ_MAX = 1000.0
DEPTH_MAX = 200
log = logging.getLogger(__name__)


def listen(directory: Path) -> None:
    """Answer requests in `directory` from now on. To be called in the process's main thread."""
    signal.signal(SIGNAL, lambda *_: _begin(directory))


def ask(directory: Path, pid: int, seconds: float, rate_hz: float) -> Path:
    """Have a process that listens make a profile; the file that will be there when it is done."""
    answer = directory / f"{pid}.folded"
    answer.unlink(missing_ok=True)
    (directory / f"{pid}.profile").write_text(json.dumps({"seconds": seconds, "rate_hz": rate_hz}))
    os.kill(pid, SIGNAL)
    return answer


def sampled(seconds: float, rate_hz: float) -> Counter[str]:
    """How often each stack was seen, of all threads but this one."""
    stacks: Counter[str] = Counter()
    pause_s = 1 / rate_hz
    end_s = time.monotonic() + seconds
    me = threading.get_ident()
    while time.monotonic() < end_s:
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        for ident, frame in sys._current_frames().items():
            if ident != me:
                stacks[";".join((names.get(ident, "thread"), *_stack(frame)))] += 1
        time.sleep(pause_s)
    return stacks


def folded(stacks: Counter[str]) -> str:
    return "".join(f"{stack} {count}\n" for stack, count in sorted(stacks.items()))


def _begin(directory: Path) -> None:
    """The signal has come: take the request, if there is one, and go on at once."""
    request = directory / f"{os.getpid()}.profile"
    try:
        asked = json.loads(request.read_text())
        request.unlink()
        seconds = min(float(asked["seconds"]), SECONDS_MAX)
        rate_hz = min(float(asked["rate_hz"]), RATE_HZ_MAX)
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("a profile was asked for, and the request cannot be read: %s", error)
        return
    threading.Thread(target=_answer, args=(directory, seconds, rate_hz), name="profiler", daemon=True).start()


def _answer(directory: Path, seconds: float, rate_hz: float) -> None:
    answer = directory / f"{os.getpid()}.folded"
    temporary = answer.with_suffix(".new")
    temporary.write_text(folded(sampled(seconds, rate_hz)))
    os.replace(temporary, answer)


def _stack(frame: FrameType | None) -> Iterator[str]:
    names: list[str] = []
    while frame is not None and len(names) < DEPTH_MAX:
        module = frame.f_globals.get("__name__", "?")
        names.append(f"{module}.{frame.f_code.co_qualname}".replace(";", ","))
        frame = frame.f_back
    return reversed(names)
