"""A node's data directory: one node at a time uses it, under an identity that it keeps there."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from domain.errors import ConfigurationError

WAIT_SECONDS = 10.0  # for the processes of a node that was killed
POLL_SECONDS = 0.05


@contextmanager
def own_directory(data: Path) -> Iterator[str]:
    """Hold `data` for a node and give the node's identity; raises ConfigurationError if another holds it.

    Every process that is forked meanwhile holds it too. So whoever gets it knows that no shard host of an
    earlier run is alive, and may take its leases at once.
    """
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data / "node.lock").open("w") as lock:
        _lock(lock.fileno(), data)
        yield _identity(data / "node.id")


@contextmanager
def alone_in(data: Path) -> Iterator[bool]:
    """Hold `data` so that no node starts on it meanwhile; False, at once, if one runs."""
    with (data / "node.lock").open("w") as lock:
        try:
            fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _lock(file: int, data: Path) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        if time.monotonic() > deadline:
            raise ConfigurationError(
                f"another node runs on {data}", remedy="stop it, or choose another directory with --data"
            )
        time.sleep(POLL_SECONDS)


def _identity(path: Path) -> str:
    """What is in the file, which is made with something random if there is none."""
    if not path.exists():
        temporary = path.with_suffix(".new")
        temporary.write_text(secrets.token_hex(8))
        os.replace(temporary, path)
    return path.read_text().strip()
