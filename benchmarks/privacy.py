"""Seconds and peak memory of exporting, importing and erasing a user with many hours of sensor data.

    python -m benchmarks.privacy [--hours 100] [--others 20] [--json FILE]

The embedded store in a temporary directory has one user with so many sensor-hours (sessions of an hour, one
three-axis stream of 50 Hz, frames of a second of noise, labels and a journal as a shard host writes them) and
`others` with an hour each. Each operation runs in a process of its own, whose peak resident memory is given,
and beside it that of a process that only opens the store. The same for a tenth of the hours: what is bounded
does not grow. Beside the wall clock stands the process's CPU time, as the machine may do other work. Not
measured: Cassandra, a node that runs meanwhile, the wait for its shard hosts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from domain.commands import Stream
from domain.events import JournalEvent, LabelConfirmed, SessionClosed, SessionOpened
from domain.frames import SensorFrame, scale_for
from domain.identifiers import DeviceId, SessionId, StreamId, UserId
from domain.user import User, evolve
from persistence.arrivals import arrival
from persistence.erasure import Eraser, Secrets
from persistence.export import Exporter
from persistence.importing import Importer
from persistence.journal import Journal
from persistence.keys import DataKeyStore
from persistence.ports import Mutation
from persistence.projections import project
from persistence.sensors import SensorStore
from persistence.sqlite import SqliteStore

MASTER_KEY, OTHER_KEY = b"m" * 32, b"o" * 32
SECRETS = Secrets(pseudonym_key=b"p" * 32, signing_key=b"s" * 32)
ADA = UserId("ada")
SETS, FRAMES = 20, 3600  # of a session
START_MS = 1_790_000_000_000
HOUR_MS = 3_600_000
ROWS_PER_WRITE = 2000
OPERATIONS = ("open", "export", "import", "erase")


def fill(directory: Path, hours: int, others: int) -> None:
    store = SqliteStore(directory / "store")
    rng = np.random.default_rng(1)
    for user, count in [(ADA, hours), *((UserId(f"other-{nr}"), 1) for nr in range(others))]:
        cipher, state, number = DataKeyStore(store, MASTER_KEY).cipher_of(user), User(), 0
        for hour in range(count):
            writes: list[Mutation] = []
            for event in _events(hour):
                number += 1
                writes += project(user, state, event)
                writes += Journal.entries(
                    user, cipher, [event], first_nr=number, writer_epoch=1, previous_epoch=1, now_ms=START_MS
                )
                state = evolve(state, event)
            name = SessionId(f"s{hour}")
            writes.append(arrival(user, name, [StreamId("a")], START_MS))
            store.write(writes)
            frames = iter(_frames(name, hour, rng))
            while some := list(islice(frames, ROWS_PER_WRITE)):
                store.write([SensorStore.entry(user, frame) for frame in some])
    store.close()


def _events(hour: int) -> Iterator[JournalEvent]:
    name, start_ms = SessionId(f"s{hour}"), START_MS + hour * HOUR_MS
    stream = Stream(stream=StreamId("a"), sensor="a", location="wrist")
    yield SessionOpened(
        session=name,
        command_nr=0,
        at_ms=start_ms,
        device=DeviceId("watch"),
        recogniser="server",
        streams=(stream,),
    )
    for nr in range(SETS):
        at_ms = start_ms + nr * 120_000
        yield LabelConfirmed(
            session=name,
            command_nr=nr + 1,
            start_ms=at_ms,
            end_ms=at_ms + 30_000,
            exercise="squat",
            repetitions=8,
            weight_kg=60.0,
        )
    yield SessionClosed(session=name, command_nr=SETS + 1, at_ms=start_ms + HOUR_MS)


def _frames(session: SessionId, hour: int, rng: np.random.Generator) -> Iterator[SensorFrame]:
    values = rng.normal(0, 4000, (FRAMES, 150)).astype("<i2")
    for number, samples in enumerate(values):
        yield SensorFrame(
            session=session,
            stream=StreamId("a"),
            sequence_nr=number,
            sensor="a",
            start_ms=START_MS + hour * HOUR_MS + 1000 * number,
            rate_hz=50.0,
            scale=scale_for("a"),
            samples=samples.tobytes(),
        )


def operate(operation: str, directory: Path) -> dict[str, float]:
    """In this process."""
    store = SqliteStore(directory / ("other" if operation == "import" else "store"))
    keys = DataKeyStore(store, OTHER_KEY if operation == "import" else MASTER_KEY)
    archive = directory / "ada.zip"
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    if operation == "export":
        with archive.open("wb") as file:
            Exporter(store, keys, SECRETS.pseudonym_key, lambda: START_MS).export(ADA, file)
    elif operation == "import":
        with archive.open("rb") as file:
            Importer(store, keys, lambda: START_MS).load(file)
    elif operation == "erase":
        Eraser(store, keys, SECRETS, lambda: START_MS).erase(ADA)
    seconds, cpu_seconds = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    store.close()
    peak = _peak_bytes()
    return {
        "seconds": round(seconds, 3),
        "cpu_seconds": round(cpu_seconds, 3),
        "peak_mib": round(peak / 2**20, 1),
    }


def measured(hours: int, others: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="muvr-privacy-") as name:
        directory = Path(name)
        fill(directory, hours, others)
        figures: dict[str, Any] = {"hours": hours, "store_mib": _mib(_bytes_of(directory / "store"))}
        for operation in OPERATIONS:
            command = [sys.executable, "-m", "benchmarks.privacy", "--operate", operation, str(directory)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            figures[operation] = json.loads(done.stdout)
        figures["archive_mib"] = _mib((directory / "ada.zip").stat().st_size)
        return figures


def _peak_bytes() -> int:
    """Of this program alone: what getrusage says begins with what the process was forked from."""
    (line,) = (
        each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("VmHWM:")
    )
    return int(line.split()[1]) * 1024


def _bytes_of(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.iterdir())


def _mib(size: int) -> float:
    return round(size / 2**20, 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=int, default=100)
    parser.add_argument("--others", type=int, default=20)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--operate", nargs=2, metavar=("OPERATION", "DIR"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.operate:
        print(json.dumps(operate(options.operate[0], Path(options.operate[1]))))
        return
    load = os.getloadavg()[0]
    result = {
        "cores": os.cpu_count(),
        "load_before": load,
        "runs": [measured(hours, options.others) for hours in (max(1, options.hours // 10), options.hours)],
    }
    text = json.dumps(result, indent=2)
    if options.json:
        options.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
