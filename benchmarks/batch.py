"""What a night costs: time by users, windows a minute and core beside plain NumPy, memory of the driver.

    python -m benchmarks.batch --users 10 100 1000 --json FILE

Users are simulated: 30 sessions each, with profiles, measurements, arrivals and confirmed sets in full.
Sensor rows are sampled: of each user the last session has `--sensor-seconds` of accelerometer and gyroscope
at 50 Hz, which is what an hour a session would be divided by 30 * 3600 / seconds; the figures say so. `first`
is a run of everything into an empty store, `again` the run after it: its slices read a day on which a
thirtieth of the sessions arrived, the last of each user, and its other jobs read all. Per job seconds by the
clock, and of CPU of the processes that were there at its end: those that ended meanwhile may be missing. Load
averages tell of other programs.

`storage` is what the windows of an hour of four sensors take by the combinations that are asked for.

`slicing` is one process without Spark that reads, cuts and writes the same store, then Spark on one core and
on as many as there are. All on the embedded store, in a temporary directory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import psutil

from batch.labelling import Label, labelled_windows
from benchmarks.batch_store import fill_with_population, fill_with_sessions, frames, samples_of
from domain.identifiers import SessionId, UserId, pseudonym_of
from domain.sensors import SensorSet
from domain.windows import LabelledWindow
from persistence.sensors import frame_of
from persistence.sqlite import SqliteStore
from persistence.tables import LABEL, SENSOR
from persistence.windows import WindowStore

SESSIONS = 30
SESSION_SECONDS = 500
SENSOR_SETS = ("a@50", "a,g@50")
COMBINATIONS = ("a@50", "g@50", "a,g@50", "u,l@10", "a,g,u,l@50")
STORAGE_SECONDS = 600
POLL_SECONDS = 0.2
Figures = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the night's batch.")
    parser.add_argument("--users", type=int, nargs="*", default=[10, 100, 1000])
    parser.add_argument("--sensor-seconds", type=int, default=30, help="of a user (default: %(default)s)")
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="that users are measured on")
    parser.add_argument("--once", action="store_true", help="leave out the second run of each")
    parser.add_argument("--slicing-hours", type=float, default=4.0, help="of each of two sensors; 0: none")
    parser.add_argument("--storage", action="store_true", help="what windows take, by combinations")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    result: Figures = {
        "cores": os.cpu_count(),
        "sensor_seconds_of_a_user": options.sensor_seconds,
        "sessions_of_a_user": SESSIONS,
        "measured_at": time.strftime("%Y-%m-%d"),
        "by_users": [],
    }
    for count in options.users:
        result["by_users"].append(_of_users(count, options))
        _tell(result, options.json)
    if options.storage:
        result["storage"] = [_storage(COMBINATIONS[:count]) for count in range(1, len(COMBINATIONS) + 1)]
    if options.slicing_hours:
        result["slicing"] = _slicing(options.slicing_hours)
    _tell(result, options.json)
    print(json.dumps(result, indent=2))


def _tell(result: Figures, file: Path | None) -> None:
    if file is not None:
        file.write_text(json.dumps(result, indent=2) + "\n")


def _of_users(count: int, options: argparse.Namespace) -> Figures:
    master = ("--master", f"local[{options.cores}]")
    with tempfile.TemporaryDirectory(prefix="muvr-batch-") as directory:
        place, started = Path(directory), time.monotonic()
        rows = fill_with_population(place, count, options.sensor_seconds, sessions=SESSIONS)
        figures = {
            "users": count,
            "cores": options.cores,
            "rows": rows,
            "sensor_hours": round(rows["sensor"] / 3600, 3),
            "store_mb": round(sum(file.stat().st_size for file in place.rglob("*.sqlite*")) / 1e6, 1),
            "fill_seconds": round(time.monotonic() - started, 1),
            "load_before": round(os.getloadavg()[0], 1),
            "first": _run(place, *master),
        }
        if not options.once:
            figures["again"] = _run(place, *master)
    figures["load_after"] = round(os.getloadavg()[0], 1)
    print(json.dumps(figures), file=sys.stderr, flush=True)
    return figures


def _storage(combinations: Sequence[str]) -> Figures:
    """MB of windows of an hour, and how many channels they have together: what they grow with."""
    sets = [SensorSet.parse(text) for text in combinations]
    rows = frames(UserId("u"), SessionId("s"), 0, STORAGE_SECONDS, samples_of("agul"))
    in_order = sorted(
        (frame_of(SENSOR.row(*insert.row)) for insert in rows), key=lambda frame: frame.start_ms
    )
    labels = [Label(0, 1000 * STORAGE_SECONDS, "squat")]
    with tempfile.TemporaryDirectory(prefix="muvr-batch-") as directory:
        store = SqliteStore(Path(directory))
        WindowStore(store).write(
            LabelledWindow(
                sensor_set=sensor_set,
                subject="s",
                session="s",
                start_ms=window.start_ms,
                label=label,
                samples=window.samples,
            )
            for sensor_set, label, window in labelled_windows(in_order, labels, sets)
        )
        store.close()
        size = (Path(directory) / "muvr_training.sqlite").stat().st_size
    values = sum(each.channel_count * each.rate_hz for each in sets)
    return {
        "combinations": combinations,
        "values_a_second": values,
        "mb_an_hour": round(size / 1e6 * 3600 / STORAGE_SECONDS, 2),
    }


def _slicing(hours: float) -> Figures:
    """Sensor-hours a minute; each of the two sensors counts."""
    sessions = max(4, round(hours * 3600 / SESSION_SECONDS))
    sensor_hours = sessions * 2 * SESSION_SECONDS / 3600
    figures: Figures = {"sensor_hours": round(sensor_hours, 2), "sensor_sets": SENSOR_SETS}
    with tempfile.TemporaryDirectory(prefix="muvr-batch-") as directory:
        place = Path(directory)
        fill_with_sessions(place, sessions, SESSION_SECONDS)
        seconds = _plainly(place)
        figures["numpy_one_process"] = {"seconds": seconds, "per_min": round(60 * sensor_hours / seconds, 1)}
        for cores in sorted({1, os.cpu_count() or 1}):
            run = _run(place, "slices", "--everything", "--master", f"local[{cores}]")
            per_core = 60 * sensor_hours / run["jobs"]["slices"]["seconds"] / cores
            share = round(per_core / figures["numpy_one_process"]["per_min"], 2)
            figures[f"spark_{cores}"] = {**run, "per_min_and_core": round(per_core, 1), "of_numpy": share}
    return figures


def _plainly(place: Path) -> float:
    """Seconds to read, cut and write all sessions in this process, without Spark."""
    sets = [SensorSet.parse(text) for text in SENSOR_SETS]
    started, store = time.monotonic(), SqliteStore(place / "store")
    copy = SqliteStore(place / "plain")
    rows = sorted(store.scan(SENSOR), key=itemgetter(0, 1, 5))
    for (user, name), group in groupby(rows, key=itemgetter(0, 1)):
        labels = [Label(row.start_at, row.end_at, row.exercise) for row in store.read(LABEL, (user, name))]
        subject = pseudonym_of(user, b"key")
        windows = (
            LabelledWindow(
                sensor_set=sensor_set,
                subject=subject,
                session=f"{subject}/{name}",
                start_ms=window.start_ms,
                label=label,
                samples=window.samples,
            )
            for sensor_set, label, window in labelled_windows(map(frame_of, group), labels, sets)
        )
        WindowStore(copy).write(windows)
    store.close()
    copy.close()
    return round(time.monotonic() - started, 2)


def _run(place: Path, *options: str) -> Figures:
    """`muvr batch run`, as a program: seconds and CPU of each job, and the most memory of its processes."""
    command = [sys.executable, "-m", "cli", "batch", "run", *options, "--json-progress", "--data", str(place)]
    command += ["--sensor-sets", *SENSOR_SETS]
    started = time.monotonic()
    lines: list[dict[str, Any]] = []
    cpu: dict[str, float] = {}  # when each job ended
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        process = psutil.Process(program.pid)
        peaks: dict[str, float] = {}
        watcher = threading.Thread(target=_watch, args=(process, peaks), daemon=True)
        watcher.start()
        assert program.stdout is not None
        assert program.stderr is not None
        for line in program.stdout:
            lines.append(json.loads(line))
            if lines[-1].get("done") == lines[-1].get("total", -1):
                cpu[lines[-1]["stage"]] = _cpu_s(process)
        errors = program.stderr.read()
    watcher.join()
    if program.returncode:
        raise SystemExit(errors)
    result = lines[-1]["result"]
    ends = [0.0, *cpu.values()]
    spent = {name: ends[nr + 1] - ends[nr] for nr, name in enumerate(cpu)}
    return {
        "seconds": round(time.monotonic() - started, 2),
        "run_seconds": round(result["seconds"], 2),
        "start_cpu_seconds": round(spent.pop("start"), 1),
        "jobs": {
            name: {
                "seconds": round(job["seconds"], 2),
                "cpu_seconds": round(spent[name], 1),
                "rows": job["rows"],
                **job["measures"],
            }
            for name, job in result["jobs"].items()
        },
        "peak_mb": peaks,
    }


def _cpu_s(program: psutil.Process) -> float:
    """What it and all processes below have used, those that have ended included."""
    total = 0.0
    for process in (program, *program.children(recursive=True)):
        with suppress(psutil.Error):  # of one that has ended, its parent has the time
            total += sum(process.cpu_times()[:4])
    return total


def _watch(program: psutil.Process, peaks: dict[str, float]) -> None:
    """The most resident memory of the driver's Python, of Java, and of the workers together."""
    while program.is_running() and program.status() != psutil.STATUS_ZOMBIE:
        now = {"driver_python": 0.0, "driver_java": 0.0, "workers": 0.0}
        try:
            now["driver_python"] = program.memory_info().rss
            for child in program.children(recursive=True):
                kind = "driver_java" if child.name() == "java" else "workers"
                now[kind] += child.memory_info().rss
        except psutil.Error:
            pass  # a process that ended meanwhile
        for kind, size in now.items():
            peaks[kind] = max(peaks.get(kind, 0.0), round(size / 1e6, 1))
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main()
