"""A whole node, or any server of the device protocol, under the load generator; and where its CPU goes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.stores import Place
from cli.settings import NodeSettings
from cli.wiring import RunningNode, open_tokens, running_node
from domain.identifiers import UserId
from gateway.auth import Tokens

TOKEN_SECONDS = 3600

Figures = dict[str, Any]


@dataclass(frozen=True)
class Load:
    """`rate_hz` frames per second and user at fixed times, or `window` unacknowledged ones if it is 0."""

    users: int
    seconds: float
    warm_up_seconds: float = 3.0
    rate_hz: float = 0.0
    window: int = 4
    samples: int = 300
    name: str = "bench"  # two loads of one node have two


def under_load(load: Load, found: Place, port: int, tokens: list[str] | None = None) -> Figures:
    """What the devices of `load` saw of the server at `port`, and the CPU that each kind of process used."""
    job = {
        "port": port,
        "tokens": tokens or ["-"] * load.users,
        "rate_hz": load.rate_hz,
        "window": load.window,
        "seconds": load.seconds,
        "warm_up_seconds": load.warm_up_seconds,
        "samples": load.samples,
        "name": load.name,
    }
    before = cpu_seconds(found)
    argv = [sys.executable, "-m", "benchmarks.load"]
    done = subprocess.run(argv, input=json.dumps(job), stdout=subprocess.PIPE, text=True, check=True)
    figures: Figures = json.loads(done.stdout)
    spent = {name: seconds - before.get(name, 0.0) for name, seconds in cpu_seconds(found).items()}
    figures["cpu_us_per_frame"] = {
        name: round(1e6 * seconds / max(1, figures["acknowledged"]), 1)
        for name, seconds in spent.items()
        if seconds > 0
    }
    return figures


@contextmanager
def node(found: Place, users: int, **settings: Any) -> Iterator[tuple[int, list[str]]]:
    """A whole node on that store: the port of its gateway, and a token for each user."""
    with started(found, **settings) as (running, issuer):
        tokens = [issuer.issue(UserId(f"user-{n}"), "device", TOKEN_SECONDS) for n in range(users)]
        yield running.gateway_port, tokens


@contextmanager
def started(found: Place, **settings: Any) -> Iterator[tuple[RunningNode, Tokens]]:
    """A whole node on that store, and what issues its tokens."""
    with tempfile.TemporaryDirectory(prefix="muvr-node-") as directory:
        wanted = {"gateway_port": 0, "api_port": 0, "night_cron": None, **settings}
        made = NodeSettings(data=Path(directory), store=found.location, **wanted)
        with running_node(made) as running:
            yield running, open_tokens(made)


def cpu_seconds(found: Place) -> dict[str, float]:
    """CPU seconds so far of the server's processes, by what they are."""
    spent = {"cassandra": found.server_cpu_s()} if found.server is not None else {}
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
    roles = {
        "DeviceGatewayActor": "gateway",
        "ApiActor": "api",
        "ShardHostActor": "shard host",
        "plain_server": "plain server",
        "NaiveGateway": "naive gateway",
        "SessionProcess": "naive sessions",
    }
    return next((role for name, role in roles.items() if name in command), None)
