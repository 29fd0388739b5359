"""How long devices wait for acknowledgements while three nodes are upgraded one after the other; prints JSON.

    python -m benchmarks.upgrade --users 30 --seconds 15

Each node in turn gets SIGTERM and is started again, as an upgrade in place does, while all devices send at
their pace. What a frame waits counts from when it was recorded to its acknowledgement, whatever was in
between: a redirect, a connection more. Afterwards everything sent has to be in the store, once and in order.
Devices, nodes and Cassandra share this machine. Not measured: a node of another version, a network, TLS.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from cli.cassandra.cluster import LocalCluster
from domain.frames import SensorFrame
from edge.protocol import Message
from persistence.location import prepare_store
from tests.cluster.checker import check_acknowledged, check_settled
from tests.cluster.crowd import Crowd, NotingClient
from tests.cluster.rig import Rig

HEAP_MB = 512


class Waited(NamedTuple):
    """A frame that was recorded at `at_s`, of the monotonic clock, and acknowledged so much later."""

    at_s: float
    seconds: float


class TimingClient(NotingClient):
    """The reference client; notes how long each frame waited."""

    def __init__(self, token: str, device: str, rng: random.Random) -> None:
        super().__init__(token, device, rng)
        self.waited: list[Waited] = []
        self._recorded: dict[tuple[str, str], list[float]] = {}

    def frame(self, frame: SensorFrame) -> None:
        self._recorded.setdefault((frame.session, frame.stream), []).append(time.monotonic())
        super().frame(frame)

    def receive(self, data: bytes) -> Message | None:
        before = dict(self.acknowledged)
        message = super().receive(data)
        now_s = time.monotonic()
        for key, next_nr in self.acknowledged.items():
            if (first := before.get(key, 0)) < next_nr and key in self._recorded:
                self.waited += [Waited(at_s, now_s - at_s) for at_s in self._recorded[key][first:next_nr]]
        return message


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="muvr-upgrade-") as directory:
        data = Path(directory) / "cassandra"
        with LocalCluster(data, nodes=options.servers, heap_mb=HEAP_MB) as cluster:
            location = f"{cluster.location('muvr')}?replication={options.servers}"
            prepare_store(location)
            print(json.dumps(_measure(options, Path(directory), location), indent=2))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=30)
    parser.add_argument("--pace-seconds", type=float, default=0.1, help="between what a device records")
    parser.add_argument("--seconds", type=float, default=15.0, help="before and after the upgrade")
    parser.add_argument("--servers", type=int, choices=(1, 3), default=1, help="Cassandra servers")
    parser.add_argument("--lease-seconds", type=float, default=10.0)
    return parser.parse_args()


def _measure(options: argparse.Namespace, directory: Path, location: str) -> dict[str, Any]:
    rig = Rig(directory / "rig", location, lease_s=options.lease_seconds)
    seed = int.from_bytes(os.urandom(4))
    try:
        rig.up()
        crowd = Crowd(
            seed, rig.urls, rig.tokens, users=options.users, pace_s=options.pace_seconds, client=TimingClient
        )
        with crowd:
            crowd.heard(50)
            times, upgrades = [time.monotonic()], []
            time.sleep(options.seconds)
            times.append(time.monotonic())
            for node in rig.nodes:
                upgrades.append(_upgraded(rig, crowd, rig.nodes.index(node)))
            times.append(time.monotonic())
            time.sleep(options.seconds)
            times.append(time.monotonic())
            crowd.settle()
        check_settled(rig.store, crowd)
        stored = check_acknowledged(rig.store, crowd)
    finally:
        rig.down()
    sent = sum(len(f) for w in crowd.wearers for one in w.sessions.values() for f in one.frames.values())
    waited = [frame for wearer in crowd.wearers for frame in _waited(wearer.client)]
    names = ("before", "during", "after")
    return {
        "seed": seed,
        "devices": len(crowd.wearers),
        "cassandra_servers": options.servers,
        "lease_s": options.lease_seconds,
        "cpus": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "seconds_per_node": [round(seconds, 1) for seconds in upgrades],
        "frames_sent": sent,
        "frames_lost": sent - stored,
        "connections_given_up": sum(wearer.given_up for wearer in crowd.wearers),
        **{name: _figures(waited, *times[n : n + 2]) for n, name in enumerate(names)},
    }


def _upgraded(rig: Rig, crowd: Crowd, index: int) -> float:
    """Seconds from the notice to a node that serves its share again."""
    node, began_s = rig.nodes[index], time.monotonic()
    node.terminate()
    node.wait_until_ended()
    rig.up([node])
    crowd.heard()
    took_s = time.monotonic() - began_s
    print(f"node {index} upgraded in {took_s:.1f} s", file=sys.stderr)
    return took_s


def _waited(client: NotingClient) -> list[Waited]:
    assert isinstance(client, TimingClient)
    return client.waited


def _figures(waited: list[Waited], begin_s: float, end_s: float) -> dict[str, float]:
    found = sorted(frame.seconds for frame in waited if begin_s <= frame.at_s < end_s)
    quantiles = statistics.quantiles(found, n=1000, method="inclusive")
    return {
        "seconds": round(end_s - begin_s, 1),
        "frames": len(found),
        "frames_per_s": round(len(found) / (end_s - begin_s), 1),
        "p50_ms": round(1000 * quantiles[499], 1),
        "p99_ms": round(1000 * quantiles[989], 1),
        "p999_ms": round(1000 * quantiles[998], 1),
        "max_ms": round(1000 * found[-1], 1),
    }


if __name__ == "__main__":
    main()
