"""Bytes of memory per idle live session actor, pauses for them, and processes started per session.

    python -m benchmarks.memory [--sessions 20000 100000] [--json FILE]

A shard host in a process of its own takes the commands of so many users, decoded as a host decodes them, over
the embedded store in memory-backed files; the process's resident bytes are compared with those before the
first user. Users are of two kinds: `new` have one open session, `returning` ones have closed three and
confirmed ten sets in them. None has a recogniser on the server, which adds to it. `pause_ms` is the CPU
time of a full garbage collection with all of them live. Not measured: the gateway's connections.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal

import psutil

from actors.messages import Envelope, decode_envelopes, encode_envelopes
from benchmarks.hosts import Host, now_ms
from domain.commands import CloseSession, Command, ConfirmLabel, OpenSession, Stream
from domain.identifiers import DeviceId, SessionId, StreamId, UserId
from persistence.sqlite import SqliteStore

Kind = Literal["new", "returning"]

KINDS: tuple[Kind, ...] = ("new", "returning")
SETS = (4, 3, 3)  # that a returning user confirmed, by session
USERS_PER_BATCH = 500
MEMORY_FILES = Path("/dev/shm")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure memory per idle session actor.")
    parser.add_argument("--sessions", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--json", type=Path, metavar="FILE")
    # What the process of its own is given.
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--kind", choices=KINDS, default=KINDS[0], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.kind)))
        return
    runs = [_in_a_process(count, kind) for count in options.sessions for kind in KINDS]
    text = json.dumps({"runs": runs, "measured_at": time.strftime("%Y-%m-%d")}, indent=2)
    print(text)
    if options.json is not None:
        options.json.write_text(text + "\n")


def _in_a_process(count: int, kind: Kind) -> dict[str, float | str]:
    argv = [sys.executable, "-m", "benchmarks.memory", "--one", str(count), "--kind", kind]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float | str] = json.loads(done.stdout)
    return figures


def measure(count: int, kind: Kind) -> dict[str, float | str]:
    """Resident bytes per session of `count` sessions, a collection's pause, and child processes."""
    with tempfile.TemporaryDirectory(dir=MEMORY_FILES if MEMORY_FILES.is_dir() else None) as directory:
        store = SqliteStore(Path(directory))
        host = Host(store)
        _act(host, kind, range(-USERS_PER_BATCH, 0))  # whatever is made once is made now
        before = _resident()
        for first in range(0, count, USERS_PER_BATCH):
            _act(host, kind, range(first, min(count, first + USERS_PER_BATCH)))
        grown = _resident() - before
        assert host.host.live_count == count + USERS_PER_BATCH
        return {
            "sessions": count,
            "users": kind,
            "resident_bytes_per_session": round(grown / count, 1),
            "pause_ms": round(_pause_ms(), 1),
            "processes_per_session": len(psutil.Process().children(recursive=True)) / count,
        }


def _act(host: Host, kind: Kind, numbers: range) -> None:
    of_a_user = [_opening(0)] if kind == "new" else _three_sessions()
    envelopes = [
        Envelope(number, UserId(f"user-{number}"), command) for number in numbers for command in of_a_user
    ]
    host.submit(decode_envelopes(encode_envelopes(envelopes)))
    host.settle()


def _three_sessions() -> list[Command]:
    commands: list[Command] = []
    for session_nr, count in enumerate(SETS):
        numbers = itertools.count(1)
        commands.append(_opening(session_nr))
        commands += [_label(session_nr, number) for number in itertools.islice(numbers, count)]
        at_ms = now_ms()
        commands.append(CloseSession(session=_name(session_nr), command_nr=next(numbers), at_ms=at_ms))
    return commands


def _opening(session_nr: int) -> OpenSession:
    streams = (Stream(stream=StreamId("a"), sensor="a", location="wrist"),)
    return OpenSession(
        session=_name(session_nr),
        command_nr=0,
        at_ms=now_ms(),
        device=DeviceId("watch-of-somebody"),
        recogniser="device",
        streams=streams,
    )


def _label(session_nr: int, command_nr: int) -> ConfirmLabel:
    return ConfirmLabel(
        session=_name(session_nr),
        command_nr=command_nr,
        start_ms=now_ms() - 30_000,
        end_ms=now_ms(),
        exercise="dumbbell-curl",
        repetitions=10,
        weight_kg=12.5,
    )


def _name(session_nr: int) -> SessionId:
    return SessionId(f"session-{session_nr}-of-somebody")


def _pause_ms() -> float:
    begun = time.process_time()
    gc.collect()
    return (time.process_time() - begun) * 1000


def _resident() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


if __name__ == "__main__":
    main()
