"""Where a process counts: an array of numbers in a file that the node's other processes can read.

A page belongs to a role of the node, such as `gateway`, not to a process: the next process of the role goes
on counting where the last one ended, so that sums over a node never fall. Without `open_page` a process
counts in memory that nobody reads.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from telemetry import profiling

SUFFIX = ".page"
ROLE = re.compile(r"gateway|api|scheduler|shard-host-\d{1,3}")
SLOTS_MAX = 4096
DIGEST_BYTES = 16
_NUMBER_BYTES = 8
_PID, _STARTED_S, _STARTS, _LISTENS, _HEADER = range(5)  # what stands before the slots
_FILE_BYTES = DIGEST_BYTES + _NUMBER_BYTES * (_HEADER + SLOTS_MAX)


class Counting:
    """This process's page. `slots` are its numbers; hold `lock` to change one."""

    def __init__(self) -> None:
        self.reset()
        os.register_at_fork(after_in_child=self.reset)

    def reset(self) -> None:
        """Count in memory, as a process does that has just been forked."""
        self.lock = threading.Lock()
        self.role = ""
        self.slots: memoryview[float] = memoryview(bytearray(_NUMBER_BYTES * SLOTS_MAX)).cast("d")


COUNTING = Counting()
_directory: Path | None = None  # of the node; processes that are forked know it too


def begin(directory: Path) -> None:
    """A node begins, whose processes count in `directory`; what an earlier one counted is forgotten."""
    global _directory
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path in directory.iterdir():
        if path.suffix in (SUFFIX, *profiling.SUFFIXES):
            path.unlink()
    _directory = directory


def end() -> None:
    """The node that this process began has ended."""
    global _directory
    _directory = None


def node_directory() -> Path | None:
    """Where the node of this process counts; None without a node."""
    return _directory


def open_page(role: str, layout: str, gauges: Sequence[int]) -> None:
    """Count as `role` from now on. `layout` names the slots; those of `gauges` begin at 0 again.

    Without a node nothing changes. A disk that is full must keep no process from its work: then too.
    """
    if _directory is None or not ROLE.fullmatch(role):
        return
    listens = threading.current_thread() is threading.main_thread()
    if listens:
        profiling.listen(_directory)
    with suppress(OSError):
        numbers = _mapped(_directory / (role + SUFFIX), _digest(layout))
        slots = numbers[_HEADER:]
        with COUNTING.lock:
            for at in gauges:
                slots[at] = 0.0
            for at, counted in enumerate(COUNTING.slots):  # before the page was there
                if counted:
                    slots[at] += counted
            numbers[_PID], numbers[_STARTED_S] = os.getpid(), psutil.Process().create_time()
            numbers[_STARTS] += 1
            numbers[_LISTENS] = listens
            COUNTING.slots, COUNTING.role = slots, role


@dataclass(frozen=True)
class Page:
    """What a role has counted. `process` is who counts, None if gone; one that `listens` makes profiles."""

    role: str
    starts: int
    listens: bool
    process: psutil.Process | None
    slots: tuple[float, ...]


def pages(directory: Path, layout: str) -> Iterator[Page]:
    """The pages of a node, by role; those of another layout are passed over."""
    digest = _digest(layout)
    for path in sorted(directory.glob("*" + SUFFIX)):
        content = path.read_bytes()
        if len(content) == _FILE_BYTES and content[:DIGEST_BYTES] == digest:
            numbers = memoryview(content[DIGEST_BYTES:]).cast("d")
            process = _process(int(numbers[_PID]), numbers[_STARTED_S])
            slots = tuple(numbers[_HEADER:])
            yield Page(path.stem, int(numbers[_STARTS]), bool(numbers[_LISTENS]), process, slots)


def _mapped(path: Path, digest: bytes) -> memoryview[float]:
    if not path.exists() or path.stat().st_size != _FILE_BYTES or _begins_otherwise(path, digest):
        temporary = path.with_suffix(".new")
        temporary.write_bytes(digest + bytes(_FILE_BYTES - DIGEST_BYTES))
        os.replace(temporary, path)
    with path.open("r+b") as file:
        return memoryview(mmap.mmap(file.fileno(), _FILE_BYTES))[DIGEST_BYTES:].cast("d")


def _begins_otherwise(path: Path, digest: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(DIGEST_BYTES) != digest


def _digest(layout: str) -> bytes:
    return hashlib.sha256(layout.encode()).digest()[:DIGEST_BYTES]


def _process(pid: int, started_s: float) -> psutil.Process | None:
    """The process of that number, unless it is another one by now."""
    try:
        process = psutil.Process(pid)
        return process if abs(process.create_time() - started_s) < 1.0 else None
    except (psutil.Error, ValueError):
        return None
