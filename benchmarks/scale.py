"""What more shard hosts, more users and more than the node can take do to it.

    python -m benchmarks.scale --store cassandra --json FILE

`hosts`: frames per second with 1 and 2 shard hosts, 1,000 users with 4 unacknowledged frames each. `users`:
the same with 1 host, for 100 to 10,000 connected users. `pressure`: 1,000 users with 1 to 32 unacknowledged
frames each, 32 being the credit that the server gives; throughput must stay, and the wait may only grow with
what is outstanding. The load generator runs on the same machine.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from benchmarks.nodes import Figures, Load, node, under_load
from benchmarks.stores import KINDS, Place, empty, place

SECONDS = 8.0


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how a node scales.")
    parser.add_argument("--store", default="cassandra", help=KINDS)
    parser.add_argument("--users", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--windows", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    with place(options.store) as found:
        _one("warm-up", found, Load(1000, 30.0), shard_hosts=1)
        result = {
            "store": options.store,
            "hosts": {n: _one(f"{n} hosts", found, Load(1000, SECONDS), shard_hosts=n) for n in (1, 2)},
            "users": {n: _one(f"{n} users", found, Load(n, SECONDS), shard_hosts=1) for n in options.users},
            "pressure": {
                n: _one(f"window {n}", found, Load(1000, SECONDS, window=n), shard_hosts=1)
                for n in options.windows
            },
            "measured_at": time.strftime("%Y-%m-%d"),
        }
    text = json.dumps(result, indent=2)
    print(text)
    if options.json is not None:
        options.json.write_text(text + "\n")


def _one(name: str, found: Place, load: Load, *, shard_hosts: int) -> Figures:
    with node(found, load.users, shard_hosts=shard_hosts) as (port, tokens):
        figures = under_load(load, found, port, tokens)
    empty(found)
    print(f"{name}: {json.dumps(figures)}", file=sys.stderr, flush=True)
    return figures


if __name__ == "__main__":
    main()
