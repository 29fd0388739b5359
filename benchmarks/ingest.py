"""Durable acknowledged frames per second, and how long a frame waits for its acknowledgement.

    python -m benchmarks.ingest --store cassandra --json FILE

A whole node serves 1,000 connected users with a session each; the load generator is a process of its own
on the same machine. `open_loop` sends 4 frames a second and user at fixed times, `closed_loop` keeps a few
frames of each user unacknowledged. In the same run, under the closed loop: `ceiling` is
benchmarks/plain_server.py, no actors at all; `naive` is benchmarks/naive_server.py, a process per session, of
which there are as many as this machine bears (their number hardly matters: they fill its cores).
Acknowledged frames are counted in the store afterwards. Not measured: recognition, TLS, a network.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.nodes import Figures, Load, node, under_load
from benchmarks.stores import KINDS, Place, empty, opened, place
from persistence.tables import SENSOR

TOKEN_SECONDS = 3600


def main() -> None:
    options = _parser().parse_args()
    runs: list[Figures] = []
    with place(options.store) as found:
        _warm_up(options, found)
        for number in range(options.runs):
            runs.append(_one_run(options, found))
            print(f"run {number + 1} of {options.runs}: {json.dumps(runs[-1])}", file=sys.stderr, flush=True)
    result = {"store": options.store, **_summary(runs), "users": options.users, "runs": runs}
    text = json.dumps(result, indent=2)
    print(text)
    if options.json is not None:
        options.json.write_text(text + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure durable acknowledged frames per second.")
    parser.add_argument("--store", default="cassandra", help=KINDS)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=4.0, help="frames per second and user")
    parser.add_argument("--window", type=int, default=4, help="unacknowledged frames per user, closed loop")
    parser.add_argument("--samples", type=int, default=300, help="int16 values per frame")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--server-warm-up-seconds", type=float, default=60.0, help="of Cassandra, once")
    parser.add_argument("--naive-users", type=int, default=40, help="processes of the naive design")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser


def _warm_up(options: argparse.Namespace, found: Place) -> None:
    """A JVM is several times slower in its first minute."""
    if found.server is not None and options.server_warm_up_seconds > 0:
        with _server("plain_server", found) as port:
            under_load(Load(options.users, options.server_warm_up_seconds), found, port)
        empty(found)


def _one_run(options: argparse.Namespace, found: Place) -> Figures:
    figures: Figures = {}
    load = Load(options.users, options.seconds, window=options.window, samples=options.samples)
    for name, rate_hz in (("open_loop", options.rate), ("closed_loop", 0.0)):
        with node(found, options.users) as (port, tokens):
            figures[name] = under_load(replace(load, rate_hz=rate_hz), found, port, tokens)
        figures[name]["stored"] = _take_stored(found)
    for name, users in (("plain", options.users), ("naive", options.naive_users)):
        with _server(f"{name}_server", found) as port:
            figures[name] = under_load(replace(load, users=users), found, port)
        figures[name]["stored"] = _take_stored(found)
    return figures


def _take_stored(found: Place) -> int:
    """How many frames are stored; then none is."""
    store = opened(found)
    count = sum(1 for _ in store.scan(SENSOR))
    store.close()
    empty(found)
    return count


@contextmanager
def _server(name: str, found: Place) -> Iterator[int]:
    argv = [sys.executable, "-m", f"benchmarks.{name}", found.location]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.terminate()


def _summary(runs: list[Figures]) -> Figures:
    def median(values: Iterable[float]) -> float:
        return round(statistics.median(values), 3)

    def all_of(kind: str) -> Figures:
        keys = ("frames_per_s", "p50_ms", "p99_ms")
        return {key: median(float(run[kind][key]) for run in runs) for key in keys}

    def cpu_us(role: str) -> float:
        return median(run["closed_loop"]["cpu_us_per_frame"].get(role, 0.0) for run in runs)

    ours = ("open_loop", "closed_loop")
    roles = sorted({role for run in runs for role in run["closed_loop"]["cpu_us_per_frame"]})
    return {
        **all_of("closed_loop"),
        "ratio_to_ceiling": median(_ratio(run, "plain") for run in runs),
        "ratio_to_naive": median(_ratio(run, "naive") for run in runs),
        "cpu_us_per_frame": {role: cpu_us(role) for role in roles},
        "open_loop": all_of("open_loop"),
        "ceiling": all_of("plain"),
        "naive": all_of("naive"),
        "acknowledged_but_not_stored": sum(
            max(0, run[kind]["acknowledged"] - run[kind]["stored"]) for run in runs for kind in ours
        ),
        "measured_at": time.strftime("%Y-%m-%d"),
    }


def _ratio(run: Figures, other: str) -> float:
    return float(run["closed_loop"]["frames_per_s"]) / float(run[other]["frames_per_s"])


if __name__ == "__main__":
    main()
