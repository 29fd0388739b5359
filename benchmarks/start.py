"""How long a node takes from its start to being ready, and what it imports for that; prints JSON.

    python -m benchmarks.start --repetitions 5

Each start is of a new process, `muvr up`, until GET /ready answers 200 and until it prints its addresses,
when every part of it runs. The first start has a new directory: it makes the store and the keys; the others
find them. Python's files are in the machine's cache. CPU seconds are those of all processes of the node until
then. One more start tells the times of imports, in all processes, which makes it slower. Not measured:
Cassandra, and a machine just switched on.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

TARGET_SECONDS = 3.0
DEADLINE_SECONDS = 60.0
POLL_SECONDS = 0.01
STOP_SECONDS = 30.0
NOT_WANTED = ("tensorflow", "keras", "pyspark", "pyarrow", "cassandra", "py4j")
SHOWN = 20
_IMPORTED = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \|\s+([\w.]+)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="muvr-start-") as directory:
        data = Path(directory) / "node"
        first = _start(data)
        later = [_start(data) for _ in range(options.repetitions)]
        imports = _imports(data)
    ready = [start["ready_s"] for start in later]
    figures = {
        "first": first,
        "later": {name: _summed([start[name] for start in later]) for name in first},
        "target_s": TARGET_SECONDS,
        "is_met": statistics.median(ready) < TARGET_SECONDS,
        "not_wanted_and_imported": [name for name in NOT_WANTED if name in imports],
        "import_ms_by_package": dict(list(imports.items())[:SHOWN]),
        "import_ms": round(sum(imports.values()), 1),
    }
    print(json.dumps(figures, indent=2))


def _summed(values: Sequence[float]) -> dict[str, float]:
    return {"min": min(values), "median": round(statistics.median(values), 3), "max": max(values)}


def _start(data: Path) -> dict[str, float]:
    """Seconds from the start of the process: until its API is ready, and until all of it runs."""
    port = _free_port()
    since_s = time.perf_counter()
    with _node(data, port) as process:
        while not _is_ready(port):
            assert process.poll() is None, "it ended"
            assert time.perf_counter() - since_s < DEADLINE_SECONDS, "it did not start in time"
            time.sleep(POLL_SECONDS)
        ready_s = time.perf_counter() - since_s
        assert process.stdout is not None
        json.loads(process.stdout.readline())
        all_s = time.perf_counter() - since_s
        return {
            "ready_s": round(ready_s, 3),
            "all_s": round(all_s, 3),
            "cpu_s": round(_cpu_s(process.pid), 2),
        }


def _imports(data: Path) -> dict[str, float]:
    """Milliseconds by package, of the node's processes together, the longest first."""
    with tempfile.TemporaryFile("w+") as errors:
        with _node(data, _free_port(), "-X", "importtime", stderr=errors) as process:
            assert process.stdout is not None
            process.stdout.readline()
        errors.seek(0)
        by_package: defaultdict[str, float] = defaultdict(float)
        for line in errors:
            if found := _IMPORTED.match(line):
                by_package[found[3].partition(".")[0]] += int(found[1]) / 1000
    ordered = sorted(by_package.items(), key=lambda item: -item[1])
    return {name: round(took_ms, 1) for name, took_ms in ordered}


@contextmanager
def _node(data: Path, port: int, *python: str, stderr: Any = None) -> Iterator[subprocess.Popen[str]]:
    command = [
        *(sys.executable, *python, "-m", "cli", "up", "--data", str(data), "--json"),
        *("--gateway-port", "0", "--api-port", str(port)),
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=stderr, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def _cpu_s(leader: int) -> float:
    """CPU time of all processes of a session so far."""
    times = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) == leader:
                times.append(process.cpu_times())
    return float(sum(each.user + each.system for each in times))


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=1.0) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


if __name__ == "__main__":
    main()
