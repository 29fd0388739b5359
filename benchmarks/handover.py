"""For how long devices wait when the node that serves them stops, dies or stands still; prints JSON.

    python -m benchmarks.handover --repetitions 3 --nodes 1

Three muvr nodes, one or three Cassandra servers and the devices share this machine. The gap of a device is
the longest time without an acknowledgement since the fault began, although it records ten messages a second.
Not measured: a network between devices and nodes, and clients other than the reference client.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli.cassandra.cluster import LocalCluster
from cli.cassandra.configuration import CommitlogSync
from persistence.location import prepare_store
from tests.cluster.checker import check_settled
from tests.cluster.crowd import Crowd
from tests.cluster.rig import Rig
from tests.cluster.scenarios import Moved, Scene

STOP_TARGET_S = 2.0
LOST_MARGIN_S = 3.0  # beyond the lease
SCENARIOS: dict[str, Callable[[Scene], Moved]] = {
    "stop": Scene.stop,
    "kill": Scene.kill,
    "pause": Scene.pause,
}


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="muvr-handover-") as directory:
        if options.store:
            results = _measure(options, Path(directory), options.store)
        else:
            sync: CommitlogSync = "group" if options.nodes == 1 else "periodic"
            data = Path(directory) / "cassandra"
            with LocalCluster(data, nodes=options.nodes, commitlog_sync=sync) as cluster:
                location = f"{cluster.location('muvr')}?replication={options.nodes}"
                results = _measure(options, Path(directory), location)
    print(json.dumps(results, indent=2))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1, help="Cassandra servers")
    parser.add_argument("--store", help="a location in a Cassandra that runs, instead of one of its own")
    parser.add_argument("--lease-seconds", type=float, default=10.0)
    parser.add_argument("--users", type=int, default=15)
    parser.add_argument("--scenarios", nargs="+", choices=SCENARIOS, default=list(SCENARIOS))
    return parser.parse_args()


def _measure(options: argparse.Namespace, directory: Path, location: str) -> dict[str, Any]:
    prepare_store(location)
    rig = Rig(directory / "rig", location, lease_s=options.lease_seconds)
    try:
        measured = {name: [_once(rig, options, name, n) for n in range(options.repetitions)]
                    for name in options.scenarios}  # fmt: skip
    finally:
        rig.down()
    return {
        "nodes": len(rig.nodes),
        "cassandra_servers": options.nodes if not options.store else None,
        "lease_s": options.lease_seconds,
        "cpus": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "scenarios": {name: _summary(options, name, runs) for name, runs in measured.items()},
    }


def _once(rig: Rig, options: argparse.Namespace, name: str, number: int) -> dict[str, Any]:
    rig.up()
    seed = int.from_bytes(os.urandom(4))
    with Crowd(seed, rig.urls, rig.tokens, users=options.users) as crowd:
        crowd.heard(30)
        moved = SCENARIOS[name](Scene(rig, crowd))
        gaps = crowd.longest_gaps(moved.at_s, moved.users)
        others = crowd.longest_gaps(moved.at_s, set(crowd.users) - moved.users)
        crowd.settle()
    check_settled(rig.store, crowd)
    print(f"{name} {number}: longest gap {max(gaps):.2f} s of {len(gaps)} devices", file=sys.stderr)
    return {"gaps_s": gaps, "others_s": others, "away_s": moved.away_s}


def _summary(options: argparse.Namespace, name: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    target_s = STOP_TARGET_S if name == "stop" else options.lease_seconds + LOST_MARGIN_S
    gaps = [gap for run in runs for gap in run["gaps_s"]]
    longest = [round(max(run["gaps_s"]), 2) for run in runs]
    return {
        "target_s": target_s,
        "longest_gap_s": longest,
        "p50_gap_s": round(statistics.median(gaps), 2),
        "devices_within_target": round(sum(gap <= target_s for gap in gaps) / len(gaps), 3),
        "is_met": max(longest) <= target_s,
        "out_of_the_view_after_s": [round(run["away_s"], 2) for run in runs],
        "longest_gap_of_users_who_stayed_s": [round(max(run["others_s"]), 2) for run in runs],
    }


if __name__ == "__main__":
    main()
