"""The device gateway alone: what a connection costs, a storm of them, decoding, and attacks.

    python -m benchmarks.gateway --json FILE [--only decode,idle,attacks]

`decode`: frames that a CPU second of the server suffices for, with the token checked once a connection, every
frame decoded and checked, and acknowledgements; beside it picows that sends back what it gets. Both serve the
same load in turn. `idle`: the gateway process of a whole node with and without devices that have said hello;
and `storm`: that process is killed, and all of them connect again as docs/protocol.md says. `attacks`: how
long honest devices wait until all are connected and for acknowledgements, alone and during each attack, on a
whole node with the embedded store. Clients run on the same machine, attackers with the lowest priority. Not
measured: TLS, a network.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from benchmarks.gateway_servers import KEY
from benchmarks.nodes import Figures, Load, node, under_load
from benchmarks.stores import Place, place
from domain.identifiers import UserId
from gateway.auth import Tokens

DECODE_CONNECTIONS = 50
HONEST_USERS, HONEST_RATE_HZ = 50, 4.0
ATTACKS = ("slowloris", "oversized", "garbage")
CONNECTION_SPREAD_S = 10.0
CLIENT_PROCESSES = 2
HONEST_FIGURES = ("connect_s", "p50_ms", "p99_ms", "max_ms", "sent", "acknowledged", "errors")


def main() -> None:
    options = _parser().parse_args()
    _allow_files()
    parts = {"decode": _decode, "idle": _idle_and_storm, "attacks": _attacks}
    wanted = options.only.split(",")
    result: Figures = {}
    for name, part in parts.items():
        if name in wanted:
            result |= part(options)
            print(json.dumps(result), file=sys.stderr, flush=True)
    text = json.dumps(result, indent=2)
    print(text)
    if options.json is not None:
        options.json.write_text(text + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure the device gateway.")
    parser.add_argument("--only", default="decode,idle,attacks", help="default: %(default)s")
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each load")
    parser.add_argument("--runs", type=int, default=3, help="of each server in turn, for decode")
    parser.add_argument("--samples", type=int, default=300, help="int16 values per frame")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser


def _decode(options: argparse.Namespace) -> Figures:
    """Frames per CPU second of the server, the median of runs, and their ratio."""
    issuer = Tokens(KEY, time.time)
    tokens = [issuer.issue(UserId(f"user-{n}"), "device", 3600) for n in range(DECODE_CONNECTIONS)]
    found: dict[str, list[float]] = {"echo": [], "gateway": []}
    for _ in range(options.runs):
        for kind, figures in found.items():
            with _server(kind) as (port, process):
                job = _job(port, tokens, options, is_echo=kind == "echo")
                _load(job | {"seconds": 1.0})
                before_s = _cpu_s(process)
                acknowledged = _load(job)["acknowledged"]
                figures.append(acknowledged / (_cpu_s(process) - before_s))
    echo, gateway = (round(statistics.median(found[kind])) for kind in ("echo", "gateway"))
    return {
        "decode": {
            "echo_frames_per_cpu_s": echo,
            "gateway_frames_per_cpu_s": gateway,
            "ratio": round(gateway / echo, 3),
            "runs": {kind: [round(each) for each in each_run] for kind, each_run in found.items()},
        }
    }


def _idle_and_storm(options: argparse.Namespace) -> Figures:
    with place("sqlite") as found, node(found, options.connections) as (port, tokens):
        gateway = _gateway_process(port)
        before = gateway.memory_full_info().uss
        with _crowd(port, tokens) as crowd:
            welcomed = _told(crowd, "welcomed")
            used = gateway.memory_full_info().uss - before
            gateway.kill()
            storm = _told(crowd, "storm")
        each = used / max(1, sum(figures["welcome"] for figures in welcomed))
        latencies = sorted(s for figures in storm for s in figures["seconds"])
        return {
            "idle": {
                "connections": sum(figures["welcome"] for figures in welcomed),
                "bytes_each": round(each),
                "connections_per_gib": round(2**30 / each),
            },
            "storm": {
                "connections": options.connections,
                "served": len(latencies),
                "p50_s": round(latencies[len(latencies) // 2], 3),
                "p99_s": round(latencies[int(0.99 * (len(latencies) - 1))], 3),
                "max_s": round(latencies[-1], 3),
                "attempts": sum(figures["attempts"] for figures in storm),
            },
        }


def _attacks(options: argparse.Namespace) -> Figures:
    """The same load of honest devices, first alone and then beside each attack."""
    load = Load(HONEST_USERS, options.seconds, rate_hz=HONEST_RATE_HZ, samples=options.samples)
    with place("sqlite") as found, node(found, HONEST_USERS) as (port, tokens):
        under_load(replace(load, seconds=2.0, name="warm-up"), found, port, tokens)
        figures: Figures = {"alone": _honest(load, "alone", found, port, tokens)}
        for attack in ATTACKS:
            with _attackers(attack, port) as attackers:
                figures[attack] = _honest(load, attack, found, port, tokens)
            figures[attack]["attackers"] = json.loads(attackers[-1])
        figures["alone_again"] = _honest(load, "alone-again", found, port, tokens)
    base = max(figures["alone"]["p99_ms"], figures["alone_again"]["p99_ms"])
    figures["p99_ratio"] = {attack: round(figures[attack]["p99_ms"] / base, 2) for attack in ATTACKS}
    return {"attacks": figures}


def _honest(load: Load, name: str, found: Place, port: int, tokens: list[str]) -> Figures:
    figures = under_load(replace(load, name=name), found, port, tokens)
    return {each: figures[each] for each in HONEST_FIGURES}


def _job(port: int, tokens: list[str], options: argparse.Namespace, *, is_echo: bool) -> dict[str, Any]:
    return {
        "port": port,
        "tokens": tokens,
        "rate_hz": 0.0,
        "window": 8,
        "seconds": options.seconds,
        "warm_up_seconds": 0.0,
        "samples": options.samples,
        "is_echo": is_echo,
    }


def _load(job: dict[str, Any]) -> Figures:
    argv = [sys.executable, "-m", "benchmarks.load"]
    done = subprocess.run(argv, input=json.dumps(job), stdout=subprocess.PIPE, text=True, check=True)
    figures: Figures = json.loads(done.stdout)
    return figures


@contextmanager
def _server(kind: str) -> Iterator[tuple[int, psutil.Process]]:
    argv = [sys.executable, "-m", "benchmarks.gateway_servers", kind]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), psutil.Process(process.pid)
        finally:
            process.terminate()


@contextmanager
def _crowd(port: int, tokens: list[str]) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes of idle devices, which tell when all are welcome, and again after a storm."""
    argv = [sys.executable, "-m", "benchmarks.gateway_crowd"]
    processes = []
    for number in range(CLIENT_PROCESSES):
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin is not None
        mine = tokens[number::CLIENT_PROCESSES]
        job = {"port": port, "tokens": mine, "number": number, "spread_s": CONNECTION_SPREAD_S}
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        processes.append(process)
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _told(processes: list[subprocess.Popen[str]], what: str) -> list[Figures]:
    told = []
    for process in processes:
        assert process.stdout is not None
        told.append(json.loads(process.stdout.readline()))
        assert told[-1]["what"] == what, told[-1]
    return told


@contextmanager
def _attackers(attack: str, port: int) -> Iterator[list[str]]:
    """They attack meanwhile; the last line that is given then says what they did."""
    said: list[str] = []
    argv = ["nice", "-n", "19", sys.executable, "-m", "benchmarks.gateway_attackers", attack, str(port)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()  # they have begun
        try:
            yield said
        finally:
            process.stdin.close()
            said.append(process.stdout.readline())


def _gateway_process(port: int) -> psutil.Process:
    """Whichever listens there: other nodes may run on this machine, and it is going to be killed."""
    return next(each for each in psutil.process_iter() if _listens(each, port))


def _listens(process: psutil.Process, port: int) -> bool:
    try:
        sockets = process.net_connections("tcp") if "DeviceGatewayActor" in process.cmdline()[0] else []
    except (psutil.Error, IndexError):
        return False
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in sockets)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _allow_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main()
