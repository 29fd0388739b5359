"""How many machines so many users need, and what those cost; worked out from what was measured.

    python -m benchmarks.sizing
    python -m benchmarks.sizing --json --kept-days 365

Nothing is run. `Measured` are figures of docs/performance.md and of decision 0009; `Assumed` are habits of
users, kinds of machines and prices, which everybody has others of. It was never tried with more than three
nodes: the table says what the figures add up to, if they do.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

USERS = (100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)
KEPT_DAYS = 30
_HOURS_A_WEEK, _HOURS_A_MONTH, _SECONDS_A_MONTH = 168, 730, 730 * 3600
_TB, _GB, _MIB = 1e12, 1e9, 1 << 20


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Of sensors with three axes at 50 Hz in frames of a second; CPU is that of one core."""

    sensor_hour_bytes: float = 0.98 * _MIB  # of one copy, after compaction (0009)
    window_hour_bytes: float = (
        4e6  # of one copy, of an hour with two sensors, two sensor sets (performance.md)
    )
    event_bytes: float = 600  # of a journal row, and about as much for what is readable beside it (0011)
    row_network_bytes: float = (
        950  # of a frame to one Cassandra node (journal benchmark: 1.9 KB for 300 numbers)
    )
    frame_wire_bytes: float = 420  # from a device: 300 of samples and the message around them
    cassandra_write_us: float = 66  # of a frame, one copy (performance.md, closed loop)
    cassandra_compaction_us: float = 100  # over the row's life, one copy (0009)
    node_us: float = 57  # of a frame: shard host 34, gateway 23 (performance.md, closed loop)
    sliced_sensor_hours_per_core_hour: float = 30 * 60  # performance.md, if it holds
    night_user_core_seconds: float = (
        0.028  # the other jobs, looking at 30 sessions (performance.md, if it holds)
    )


@dataclass(frozen=True, kw_only=True)
class Assumed:
    """`busy` is the share of a core that a machine may use at the peak; prices in dollars."""

    sessions_a_week: float = 3
    session_hours: float = 1
    sensors: int = 2
    sets_a_session: float = 12
    peak: float = 3  # the busiest hour beside the average
    copies: int = 3
    kept_days: int = KEPT_DAYS
    windows_kept_days: int = KEPT_DAYS  # what the night cuts, and may cut again
    window_share: float = 0.1  # of sessions that windows are cut of
    busy: float = 0.4
    connections_per_node: int = 10_000  # half of what one takes
    cassandra_cores: int = 8
    cassandra_memory_gb: int = 32
    cassandra_data_tb: float = 2  # of a node; the disk has as much again, for compaction
    node_cores: int = 2
    night_hours: float = 4
    core_hour: float = 0.05  # on demand, with 4 GB of memory
    spot_share: float = 0.3  # of that price
    disk_gb_month: float = 0.08
    zone_gb: float = 0.02  # from one zone to another, both ends


@dataclass(frozen=True, kw_only=True)
class Size:
    """Of `users`. Sizes are of all copies; costs a month, in dollars."""

    users: int
    at_once: int
    frames_per_s: int
    data_tb: float
    cassandra_nodes: int
    decided_by: str
    nodes: int
    night_cores: int
    devices_mbit_s: float
    cassandra_mbit_s: float
    cassandra_cost: int
    rest_on_demand_cost: int
    rest_on_spot_cost: int

    @property
    def on_demand(self) -> int:
        return self.cassandra_cost + self.rest_on_demand_cost

    @property
    def with_spot(self) -> int:
        return self.cassandra_cost + self.rest_on_spot_cost


def size(users: int, measured: Measured, assumed: Assumed) -> Size:
    """What `users` need at the busiest hour, with everything kept as long as `assumed` says."""
    week_hours = users * assumed.sessions_a_week * assumed.session_hours
    at_once = week_hours / _HOURS_A_WEEK * assumed.peak
    frames_per_s = at_once * assumed.sensors
    data_bytes = assumed.copies * _kept_bytes(week_hours, users, measured, assumed)
    by = {
        "copies": assumed.copies,
        "disk": math.ceil(data_bytes / (assumed.cassandra_data_tb * _TB)),
        "CPU": math.ceil(_cassandra_cores(frames_per_s, measured, assumed) / assumed.cassandra_cores),
    }
    cassandra_nodes = max(by.values())
    node_cores = frames_per_s * measured.node_us / 1e6 / assumed.busy
    nodes = max(
        3, math.ceil(node_cores / assumed.node_cores), math.ceil(at_once / assumed.connections_per_node)
    )
    night_cores = math.ceil(_night_core_hours(week_hours, users, measured, assumed) / assumed.night_hours)
    compute = nodes * assumed.node_cores * _HOURS_A_MONTH + night_cores * assumed.night_hours * 30
    average_row_bytes_s = frames_per_s / assumed.peak * measured.row_network_bytes * assumed.copies
    return Size(
        users=users,
        at_once=round(at_once),
        frames_per_s=round(frames_per_s),
        data_tb=round(data_bytes / _TB, 3),
        cassandra_nodes=cassandra_nodes,
        decided_by=next(name for name, count in by.items() if count == cassandra_nodes),
        nodes=nodes,
        night_cores=night_cores,
        devices_mbit_s=round(frames_per_s * measured.frame_wire_bytes * 8 / 1e6, 1),
        cassandra_mbit_s=round(frames_per_s * measured.row_network_bytes * assumed.copies * 8 / 1e6, 1),
        cassandra_cost=round(_cassandra_cost(cassandra_nodes, data_bytes, average_row_bytes_s, assumed)),
        rest_on_demand_cost=round(compute * assumed.core_hour),
        rest_on_spot_cost=round(compute * assumed.core_hour * assumed.spot_share),
    )


def markdown(sizes: Sequence[Size]) -> str:
    """A table, as docs/cassandra-production.md has it."""
    lines = [
        "| users | at once | frames/s | data, all copies | Cassandra nodes, by | muvr nodes | night cores"
        " | from devices | to Cassandra | $ a month, on demand | with spot | $ a user and year |",
        "|" + "---|" * 12,
    ]
    for one in sizes:
        lines.append(
            f"| {one.users:,} | {one.at_once:,} | {one.frames_per_s:,} | {one.data_tb:,.2f} TB"
            f" | {one.cassandra_nodes:,} {one.decided_by} | {one.nodes:,} | {one.night_cores:,}"
            f" | {one.devices_mbit_s:,.1f} Mbit/s | {one.cassandra_mbit_s:,.1f} Mbit/s"
            f" | {one.on_demand:,} | {one.with_spot:,} | {12 * one.with_spot / one.users:,.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, nargs="+", default=USERS)
    parser.add_argument("--kept-days", type=int, default=KEPT_DAYS, help="of samples (default: %(default)s)")
    parser.add_argument(
        "--json", action="store_true", help="instead of Markdown, with what it was worked out from"
    )
    options = parser.parse_args()
    measured, assumed = Measured(), Assumed(kept_days=options.kept_days)
    sizes = [size(users, measured, assumed) for users in options.users]
    if options.json:
        rows = [{**asdict(one), "on_demand": one.on_demand, "with_spot": one.with_spot} for one in sizes]
        print(json.dumps({"measured": asdict(measured), "assumed": asdict(assumed), "sizes": rows}, indent=2))
    else:
        print(markdown(sizes))


def _kept_bytes(week_hours: float, users: int, measured: Measured, assumed: Assumed) -> float:
    """Of one copy. Events are kept for ever; those of three years are counted."""
    samples = week_hours * assumed.sensors * measured.sensor_hour_bytes * assumed.kept_days / 7
    windows = week_hours * measured.window_hour_bytes * assumed.window_share * assumed.windows_kept_days / 7
    events_a_week = users * assumed.sessions_a_week * (2 + 2 * assumed.sets_a_session)
    return samples + windows + events_a_week * 2 * measured.event_bytes * 156


def _cassandra_cores(frames_per_s: float, measured: Measured, assumed: Assumed) -> float:
    row_us = measured.cassandra_write_us + measured.cassandra_compaction_us
    return frames_per_s * assumed.copies * row_us / 1e6 / assumed.busy


def _night_core_hours(week_hours: float, users: int, measured: Measured, assumed: Assumed) -> float:
    slices = (
        week_hours / 7 * assumed.sensors * assumed.window_share / measured.sliced_sensor_hours_per_core_hour
    )
    return slices + users * measured.night_user_core_seconds / 3600


def _cassandra_cost(nodes: int, data_bytes: float, row_bytes_s: float, assumed: Assumed) -> float:
    """On demand; disks with as much room again as is used; two of three copies cross a zone."""
    cores = nodes * assumed.cassandra_cores * _HOURS_A_MONTH * assumed.core_hour
    disks = 2 * data_bytes / _GB * assumed.disk_gb_month
    zones = row_bytes_s * 2 / 3 * _SECONDS_A_MONTH / _GB * assumed.zone_gb
    return cores + disks + zones


if __name__ == "__main__":
    main()
