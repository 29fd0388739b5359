"""What a night costs: time by users, windows a minute and core beside plain NumPy, memory of the driver.

    python -m benchmarks.batch --users 10 100 1000 --json FILE

Users are simulated: 30 sessions each, with arrivals and 20 confirmed sets a session in full. Sensor rows are
sampled: of each user the last session has `--sensor-seconds` of accelerometer and gyroscope at 50 Hz, which
is what an hour a session would be divided by 3600 / seconds; the figures say so. `first` is a run of
everything into an empty store, `again` the run after it, which reads a day on which a thirtieth of the
sessions arrived, the last of each user. The small night is a run and a training on as many users as
`--night-users`, from start to end of both programs.

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
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from batch.labelling import Label, labelled_windows
from domain.frames import SensorFrame, pack_samples, scale_for
from domain.identifiers import SessionId, StreamId, UserId, pseudonym_of
from domain.sensors import SENSORS, SensorSet
from domain.windows import LabelledWindow
from persistence.arrivals import DAY_MS, arrival
from persistence.ports import Insert, Mutation
from persistence.schema import Timestamp
from persistence.sensors import SensorStore, frame_of
from persistence.sqlite import SqliteStore
from persistence.tables import LABEL, SENSOR, LabelRow
from persistence.windows import WindowStore

SESSIONS, SETS = 30, 20
SET_SECONDS, REST_SECONDS = 30, 60
RATE_HZ = 50.0
SENSOR_SETS = ("a@50", "a,g@50")
COMBINATIONS = ("a@50", "g@50", "a,g@50", "u,l@10", "a,g,u,l@50")
STORAGE_SECONDS = 600
ROWS_PER_WRITE = 2000
POLL_SECONDS = 0.2
EXERCISES = ("squat", "press", "row", "lunge")
Figures = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the night's batch.")
    parser.add_argument("--users", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--sensor-seconds", type=int, default=60, help="of a user (default: %(default)s)")
    parser.add_argument("--slicing-hours", type=float, default=4.0, help="of each of two sensors")
    parser.add_argument("--night-users", type=int, default=6)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    result: Figures = {
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "sensor_seconds_of_a_user": options.sensor_seconds,
        "sessions_of_a_user": SESSIONS,
        "by_users": [_of_users(count, options.sensor_seconds) for count in options.users],
        "storage": [_storage(COMBINATIONS[:count]) for count in range(1, len(COMBINATIONS) + 1)],
        "slicing": _slicing(options.slicing_hours),
        "small_night": _small_night(options.night_users),
        "load_after": os.getloadavg()[0],
        "measured_at": time.strftime("%Y-%m-%d"),
    }
    text = json.dumps(result, indent=2)
    print(text)
    if options.json is not None:
        options.json.write_text(text + "\n")


def _of_users(count: int, sensor_seconds: int) -> Figures:
    with tempfile.TemporaryDirectory(prefix="muvr-batch-") as directory:
        place = Path(directory)
        _fill(place, count, sensor_seconds, sessions=SESSIONS)
        figures = {
            "users": count,
            "sessions": count * SESSIONS,
            "labels": count * SESSIONS * SETS,
            "sensor_hours": round(count * 2 * sensor_seconds / 3600, 3),
            "store_mb": round(sum(file.stat().st_size for file in place.rglob("*.sqlite")) / 1e6, 1),
            "first": _run(place),
            "again": _run(place),
        }
    print(json.dumps(figures), file=sys.stderr, flush=True)
    return figures


def _storage(combinations: Sequence[str]) -> Figures:
    """MB of windows of an hour, and how many channels they have together: what they grow with."""
    sets = [SensorSet.parse(text) for text in combinations]
    samples = _samples(np.random.default_rng(1), "agul")
    frames = sorted(
        (frame_of(SENSOR.row(*insert.row)) for insert in _frames(UserId("u"), 0, STORAGE_SECONDS, samples)),
        key=lambda frame: frame.start_ms,
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
            for sensor_set, label, window in labelled_windows(frames, labels, sets)
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
    sessions = max(4, round(hours * 3600 / 500))
    sensor_hours = sessions * 2 * 500 / 3600
    figures: Figures = {"sensor_hours": round(sensor_hours, 2), "sensor_sets": SENSOR_SETS}
    with tempfile.TemporaryDirectory(prefix="muvr-batch-") as directory:
        place = Path(directory)
        _fill(place, sessions, 500, sessions=1)
        seconds = _plainly(place)
        figures["numpy_one_process"] = {"seconds": seconds, "per_min": round(60 * sensor_hours / seconds, 1)}
        for cores in sorted({1, os.cpu_count() or 1}):
            run = _run(place, "--everything", "--master", f"local[{cores}]")
            per_core = 60 * sensor_hours / run["job_seconds"] / cores
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


def _small_night(users: int) -> Figures:
    with tempfile.TemporaryDirectory(prefix="muvr-batch-") as directory:
        place = Path(directory)
        _fill(place, users, 600, sessions=2)
        started = time.monotonic()
        batch = _run(place)
        train = [sys.executable, "-m", "cli", "train", "--data", str(place), "--budget-minutes", "2"]
        done = subprocess.run(train, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - started
        if done.returncode:
            raise SystemExit(done.stderr)
        return {"users": users, "sensor_hours": round(users * 2 * 600 / 3600, 2), "batch": batch,
                "seconds": round(seconds, 1)}  # fmt: skip


def _run(place: Path, *options: str) -> Figures:
    """`muvr batch run slices`, as a program: its time, and the most memory that its processes had."""
    command = [sys.executable, "-m", "cli", "batch", "run", "slices", "--json-progress", "--data", str(place)]
    command += ["--sensor-sets", *SENSOR_SETS, *options]
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        peaks: dict[str, float] = {}
        watcher = threading.Thread(target=_watch, args=(psutil.Process(program.pid), peaks), daemon=True)
        watcher.start()
        output, errors = program.communicate()
    watcher.join()
    if program.returncode:
        raise SystemExit(errors)
    job = json.loads(output.splitlines()[-1])["result"]["jobs"]["slices"]
    return {
        "seconds": round(time.monotonic() - started, 2),
        "job_seconds": round(job["seconds"], 2),
        "windows": job["rows"]["window"],
        "sessions_cut": job["measures"]["sessions"],
        "peak_mb": peaks,
    }


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


def _fill(place: Path, users: int, sensor_seconds: int, *, sessions: int) -> None:
    """A store whose last session of each user arrived today; those before on the days before."""
    store = SqliteStore(place / "store")
    pending: list[Mutation] = []
    samples = _samples(np.random.default_rng(1))
    now_ms = time.time_ns() // 1_000_000
    for number in range(users):
        user = UserId(f"user{number}")
        for back in range(sessions):
            pending += _session(user, back, now_ms - back * DAY_MS)
        pending += _frames(user, now_ms, sensor_seconds, samples)
        if len(pending) >= ROWS_PER_WRITE:
            store.write(pending)
            pending = []
    store.write(pending)
    store.close()


def _session(user: UserId, back: int, start_ms: int) -> Iterator[Insert]:
    session = SessionId(f"s{back}")
    yield arrival(user, session, [StreamId("a"), StreamId("g")], start_ms)
    for nr in range(SETS):
        first = start_ms + 1000 * nr * (SET_SECONDS + REST_SECONDS)
        times = Timestamp(first), Timestamp(first + 1000 * SET_SECONDS)
        yield Insert(LABEL, LabelRow(user, session, *times, EXERCISES[nr // 5], 10, 20.0))


def _samples(random: np.random.Generator, letters: str = "ag") -> dict[str, list[bytes]]:
    """Some seconds of each sensor."""
    shapes = {letter: (int(RATE_HZ), len(SENSORS[letter].axes)) for letter in letters}
    return {
        letter: [pack_samples(random.normal(size=shape), scale_for(letter)) for _ in range(64)]
        for letter, shape in shapes.items()
    }


def _frames(user: UserId, start_ms: int, seconds: int, samples: dict[str, list[bytes]]) -> Iterator[Insert]:
    for letter, packed in samples.items():
        for number in range(seconds):
            frame = SensorFrame(
                session=SessionId("s0"),
                stream=StreamId(letter),
                sequence_nr=number,
                sensor=letter,
                start_ms=start_ms + 1000 * number,
                rate_hz=RATE_HZ,
                scale=scale_for(letter),
                samples=packed[(number + len(user)) % len(packed)],
            )
            yield SensorStore.entry(user, frame)


if __name__ == "__main__":
    main()
