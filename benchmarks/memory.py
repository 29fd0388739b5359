"""Bytes of memory per idle live session actor, and processes started per session.

    python -m benchmarks.memory [--sessions 20000 100000] [--json FILE]

A shard host in a process of its own opens one exercise session for each of so many users, over the embedded
store in memory-backed files; the growth of the process's resident
are compared with those before the first user. Users have one open session each, no recogniser and no history:
what a user does adds to it. Not measured: the gateway's connections.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from actors.messages import Envelope
from actors.recognition import ModelShelf
from actors.shard_host import ShardHost
from actors.tenure import Tenure
from actors.user_entity import UserStores
from domain.commands import OpenSession, Stream
from domain.identifiers import SHARD_COUNT, DeviceId, SessionId, ShardNr, StreamId, UserId
from persistence.journal import Journal
from persistence.keys import DataKeyStore
from persistence.models import ModelStore
from persistence.sensors import SensorStore
from persistence.snapshots import SnapshotStore
from persistence.sqlite import SqliteStore

USERS_PER_BATCH = 500
MEMORY_FILES = Path("/dev/shm")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure memory per idle session actor.")
    parser.add_argument("--sessions", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)  # what the process of its own is given
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one)))
        return
    runs = [_in_a_process(count) for count in options.sessions]
    text = json.dumps({"runs": runs, "measured_at": time.strftime("%Y-%m-%d")}, indent=2)
    print(text)
    if options.json is not None:
        options.json.write_text(text + "\n")


def _in_a_process(count: int) -> dict[str, float]:
    argv = [sys.executable, "-m", "benchmarks.memory", "--one", str(count)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def measure(count: int) -> dict[str, float]:
    """Resident bytes per session of `count` sessions, and child processes."""
    with tempfile.TemporaryDirectory(dir=MEMORY_FILES if MEMORY_FILES.is_dir() else None) as directory:
        store = SqliteStore(Path(directory))
        woken = threading.Event()
        host = _host(store, woken)
        _open(host, woken, range(-USERS_PER_BATCH, 0))  # whatever is made once is made now
        before = _resident()
        for first in range(0, count, USERS_PER_BATCH):
            _open(host, woken, range(first, min(count, first + USERS_PER_BATCH)))
        grown = _resident() - before
        assert host.live_count == count + USERS_PER_BATCH
        return {
            "sessions": count,
            "resident_bytes_per_session": round(grown / count, 1),
            "processes_per_session": len(psutil.Process().children(recursive=True)) / count,
        }


def _host(store: SqliteStore, woken: threading.Event) -> ShardHost:
    tenure = Tenure(time.monotonic)
    tenure.valid_until_s = math.inf
    tenure.epochs = {ShardNr(number): 1 for number in range(SHARD_COUNT)}
    keys = DataKeyStore(store, os.urandom(32))
    stores = UserStores(Journal(store), SnapshotStore(store), SensorStore(store), keys)
    shelf = ModelShelf(ModelStore(store))
    return ShardHost(store, stores, shelf, tenure, _now_ms, woken=woken.set, sessions_max=10**9)


def _open(host: ShardHost, woken: threading.Event, numbers: range) -> None:
    host.submit(numbers.start, [_opening(number) for number in numbers])
    while numbers.start not in host.advance().finished:
        woken.wait()
        woken.clear()


def _opening(number: int) -> Envelope:
    streams = (Stream(stream=StreamId("a"), sensor="a", location="wrist"),)
    command = OpenSession(
        session=SessionId(f"session-{number}"),
        command_nr=0,
        at_ms=_now_ms(),
        device=DeviceId(f"watch-{number}"),
        recogniser="device",
        streams=streams,
    )
    return Envelope(number, UserId(f"user-{number}"), command)


def _resident() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    main()
