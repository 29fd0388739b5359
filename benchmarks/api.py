"""How long requests of the HTTP API take while devices stream, and what they cost the devices.

    python -m benchmarks.api --json FILE

A whole node on the embedded store. Devices send frames at fixed times; the API is read and written at fixed
times, of the same users, and a request counts from when it was due. In the same run, each on a node of its
own: devices alone, devices with the API's load, the API alone. A read is of sessions, measurements, profile
or records (the last two asked of the user's actor); a write is a measurement, durable before it is answered.
Both generators run on the machine that they measure. Not measured: TLS, a network, Cassandra.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.nodes import TOKEN_SECONDS, Figures, Load, cpu_seconds, started, under_load
from benchmarks.stores import empty, place
from domain.identifiers import UserId

WARM_UP_SECONDS = 3.0
KINDS = ("devices", "both", "api")


def main() -> None:
    options = _parser().parse_args()
    runs = [_one_run(options) for _ in range(options.runs)]
    result = {
        **_summary(runs),
        "users": options.users,
        "frames_hz": options.users * options.rate,
        "reads_hz": options.reads,
        "writes_hz": options.writes,
        "measured_at": time.strftime("%Y-%m-%d"),
        "runs": runs,
    }
    text = json.dumps(result, indent=2)
    print(text)
    if options.json is not None:
        options.json.write_text(text + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure the HTTP API while devices stream.")
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--rate", type=float, default=1.0, help="frames per second and user")
    parser.add_argument("--reads", type=float, default=50.0, help="reads per second")
    parser.add_argument("--writes", type=float, default=10.0, help="writes per second")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser


def _one_run(options: argparse.Namespace) -> Figures:
    with place("sqlite") as found:
        figures: Figures = {"load_average": os.getloadavg()[0]}  # what else this machine was at
        for kind in KINDS:
            with started(found) as (running, issuer):
                before_s = cpu_seconds(found).get("api", 0.0)
                users = [UserId(f"user-{number}") for number in range(options.users)]
                asking = None
                if kind != "devices":
                    tokens = {user: issuer.issue(user, "user", TOKEN_SECONDS) for user in users}
                    asking = _asking(options, running.api_port, tokens)
                if kind != "api":
                    load = Load(options.users, options.seconds, WARM_UP_SECONDS, rate_hz=options.rate)
                    device_tokens = [issuer.issue(user, "device", TOKEN_SECONDS) for user in users]
                    figures[kind] = under_load(load, found, running.gateway_port, device_tokens)
                if asking is not None:
                    told, _ = asking.communicate()
                    asked = figures[f"api_{kind}"] = json.loads(told)
                    count = sum(sum(asked[which]["statuses"].values()) for which in ("reads", "writes"))
                    spent_s = cpu_seconds(found).get("api", 0.0) - before_s
                    asked["cpu_ms_per_request"] = round(1000 * spent_s / count, 2)
            empty(found)
    print(json.dumps(figures), file=sys.stderr, flush=True)
    return figures


def _asking(options: argparse.Namespace, port: int, tokens: dict[UserId, str]) -> subprocess.Popen[str]:
    job = {
        "port": port,
        "tokens": tokens,
        "reads_hz": options.reads,
        "writes_hz": options.writes,
        "seconds": options.seconds,
        "warm_up_seconds": WARM_UP_SECONDS,
    }
    argv = [sys.executable, "-m", "benchmarks.api_load"]
    asking = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert asking.stdin is not None
    asking.stdin.write(json.dumps(job))
    asking.stdin.close()
    asking.stdin = None
    return asking


def _summary(runs: Sequence[Figures]) -> Figures:
    def median(*path: str) -> float:
        values = []
        for run in runs:
            value = run
            for name in path:
                value = value[name]
            values.append(float(value))  # type: ignore[arg-type]
        return round(statistics.median(values), 2)

    def of(*path: str) -> Figures:
        return {key: median(*path, key) for key in ("p50_ms", "p99_ms")}

    alone, both = median("devices", "p99_ms"), median("both", "p99_ms")
    return {
        "reads_while_streaming": of("api_both", "reads"),
        "writes_while_streaming": of("api_both", "writes"),
        "reads_alone": of("api_api", "reads"),
        "writes_alone": of("api_api", "writes"),
        "devices_alone": of("devices"),
        "devices_with_api": of("both"),
        "device_p99_ratio": round(both / alone, 2),
        "api_cpu_ms_per_request": median("api_api", "cpu_ms_per_request"),
        "load_average": median("load_average"),
        "cores": os.cpu_count(),
    }


if __name__ == "__main__":
    main()
