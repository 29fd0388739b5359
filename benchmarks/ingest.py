"""Durable acknowledged frames per second, and how long a frame waits for its acknowledgement.

    python -m benchmarks.ingest --store sqlite --json FILE

A whole node serves 1,000 connected users with a session each; the load generator is a process of its own
on the same machine. `open_loop` sends 4 frames a second and user at fixed times, `closed_loop` keeps a few
frames of each user unacknowledged. `ceiling` is benchmarks/plain_server.py under the same load in the same
run. Acknowledged frames are counted in the store afterwards. Not measured: recognition, TLS, a network.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from cli.settings import NodeSettings
from cli.wiring import open_tokens, running_node
from domain.identifiers import UserId
from persistence.location import open_store
from persistence.sqlite import SqliteStore
from persistence.tables import SENSOR

TOKEN_SECONDS = 3600
PROTOTYPE = {"frames_per_s": 3600, "p50_ms": 13, "p99_ms": 78}

Figures = dict[str, Any]


def main() -> None:
    options = _parser().parse_args()
    runs: list[Figures] = []
    for number in range(options.runs):
        runs.append(_one_run(options))
        print(f"run {number + 1} of {options.runs}: {json.dumps(runs[-1])}", file=sys.stderr, flush=True)
    result = {**_summary(runs), "users": options.users, "rate_hz": options.rate, "runs": runs}
    text = json.dumps(result, indent=2)
    print(text)
    if options.json is not None:
        options.json.write_text(text + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure durable acknowledged frames per second.")
    parser.add_argument("--store", choices=["sqlite"], default="sqlite")
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=4.0, help="frames per second and user")
    parser.add_argument("--window", type=int, default=4, help="unacknowledged frames per user, closed loop")
    parser.add_argument("--samples", type=int, default=300, help="int16 values per frame")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--warm-up-seconds", type=float, default=3.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser


def _one_run(options: argparse.Namespace) -> Figures:
    figures: Figures = {}
    for name, rate in (("open_loop", options.rate), ("closed_loop", 0.0)):
        with _muvr(options) as (port, tokens, stored):
            figures[name] = _load(options, port, tokens, rate)
            figures[name]["stored"] = stored()
    with _plain(options) as (port, stored):
        figures["ceiling"] = _load(options, port, ["-"] * options.users, 0.0)
        figures["ceiling"]["stored"] = stored()
    return figures


def _load(options: argparse.Namespace, port: int, tokens: list[str], rate: float) -> Figures:
    job = {
        "port": port,
        "tokens": tokens,
        "rate_hz": rate,
        "window": options.window,
        "seconds": options.seconds,
        "warm_up_seconds": options.warm_up_seconds,
        "samples": options.samples,
    }
    before = _cpu_seconds()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(job),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: Figures = json.loads(done.stdout)
    spent = {name: seconds - before.get(name, 0.0) for name, seconds in _cpu_seconds().items()}
    figures["cpu_us_per_frame"] = {
        name: round(1e6 * seconds / max(1, figures["acknowledged"]), 1)
        for name, seconds in spent.items()
        if seconds > 0
    }
    return figures


@contextmanager
def _muvr(options: argparse.Namespace) -> Iterator[tuple[int, list[str], Callable[[], int]]]:
    with tempfile.TemporaryDirectory(prefix="muvr-ingest-") as directory:
        settings = NodeSettings(data=Path(directory), gateway_port=0, api_port=0, night_cron=None)
        issuer = open_tokens(settings)
        tokens = [issuer.issue(UserId(f"user-{n}"), "device", TOKEN_SECONDS) for n in range(options.users)]
        with running_node(settings) as running:
            store = open_store(settings.store_location)
            yield running.gateway_port, tokens, lambda: sum(1 for _ in store.scan(SENSOR))
            store.close()


@contextmanager
def _plain(options: argparse.Namespace) -> Iterator[tuple[int, Callable[[], int]]]:
    with tempfile.TemporaryDirectory(prefix="muvr-plain-") as directory:
        argv = [sys.executable, "-m", "benchmarks.plain_server", directory]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            yield port, lambda: sum(1 for _ in SqliteStore(Path(directory)).scan(SENSOR))
            server.terminate()


def _cpu_seconds() -> dict[str, float]:
    """CPU seconds so far of the server's processes, by what they are."""
    spent: dict[str, float] = {}
    for process in psutil.process_iter():
        try:
            role = _role(" ".join(process.cmdline()))
            times = process.cpu_times()
        except psutil.Error:
            continue  # it has just ended
        if role is not None:
            spent[role] = spent.get(role, 0.0) + times.user + times.system
    return spent


def _role(command: str) -> str | None:
    roles = {"DeviceGatewayActor": "gateway", "ShardHostActor": "shard host", "plain_server": "plain server"}
    return next((role for name, role in roles.items() if name in command), None)


def _summary(runs: list[Figures]) -> Figures:
    def median(kind: str, key: str) -> float:
        return statistics.median(float(run[kind][key]) for run in runs)

    keys = ("frames_per_s", "p50_ms", "p99_ms")
    ours = ("open_loop", "closed_loop")
    return {
        **{kind: {key: median(kind, key) for key in keys} for kind in (*ours, "ceiling")},
        "ratio_to_ceiling": round(statistics.median(_ratio(run) for run in runs), 3),
        "acknowledged_but_not_stored": sum(
            max(0, run[kind]["acknowledged"] - run[kind]["stored"]) for run in runs for kind in ours
        ),
        "prototype": PROTOTYPE,
        "measured_at": time.strftime("%Y-%m-%d"),
    }


def _ratio(run: Figures) -> float:
    return float(run["closed_loop"]["frames_per_s"]) / float(run["ceiling"]["frames_per_s"])


if __name__ == "__main__":
    main()
