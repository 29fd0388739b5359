"""A week of muvr's nodes on a spot market, simulated: availability, frames lost, cost; prints JSON.

    python -m benchmarks.spot --description docs/deployments/staging.toml

What is simulated is what the definitions do: how many nodes on how many machines, in which zones; what is
lost is started elsewhere at once; a notice, where somebody drains the agent, ends a node within its grace.
The rates of the market are ASSUMED, since no traces of prices or reclaims are here; `market` in the output
has them all. The times of muvr's own parts are the description's, or rounded up from docs/performance.md.
Every frame of every device is followed: sent, stored, acknowledged, sent again. The ring, on machines that
stay, is taken to answer always. On demand, the same is simulated in the same run, with the same seeds.
Not simulated: nodes on demand (`node.on_demand`), prices that change, a network that fails, Mesos or Marathon
being away, Spark.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from domain.identifiers import SHARD_COUNT
from marathon.description import Deployment, read_deployment

DAY_S, HOUR_S = 86_400.0, 3_600.0
WRITE_S = 0.02  # from a frame's arrival until it is durable and acknowledged
FRAME_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Market:
    """Assumptions. `price` is of a machine for an hour, on demand; spot costs `spot_share` of it."""

    reclaims_per_machine_day: float
    droughts_per_zone_week: float  # every machine of a zone goes at once, and none comes for a while
    drought_hours: float = 1.0
    new_machine_s: float = 180.0  # until another machine has joined Mesos
    unreachable_s: float = 75.0  # until Mesos says that an agent is gone: five pings of 15 s
    offer_s: float = 5.0
    start_s: float = 10.0  # of a node, its image being there
    hand_over_s: float = 1.0  # of a node that is stopped
    spares: int = 1  # machines beside those that the nodes are on
    price: float = 0.20
    spot_share: float = 0.35
    has_notice: bool = True  # somebody drains an agent when its notice comes


MARKETS = {
    "calm": Market(reclaims_per_machine_day=0.1, droughts_per_zone_week=0.0),
    "usual": Market(reclaims_per_machine_day=0.5, droughts_per_zone_week=0.25),
    "usual, nobody heeds the notice": Market(
        reclaims_per_machine_day=0.5, droughts_per_zone_week=0.25, has_notice=False
    ),
    "rough": Market(reclaims_per_machine_day=4.0, droughts_per_zone_week=2.0, has_notice=False),
}
ON_DEMAND = Market(
    reclaims_per_machine_day=0.001, droughts_per_zone_week=0.0, spot_share=1.0, has_notice=False
)


@dataclass(kw_only=True)
class Machine:
    number: int
    zone: str
    since_s: float
    is_there: bool = True
    has_node: bool = False


@dataclass(order=True)
class Event:
    at_s: float
    number: int
    what: str = field(compare=False)
    about: Any = field(compare=False, default=None)


class Week:
    """Machines and nodes over time; `serving` are the intervals in which each node serves."""

    def __init__(self, deployment: Deployment, market: Market, seed: int, end_s: float) -> None:
        self._market = market
        self._rng = random.Random(seed)
        self._zones = deployment.placement.zones
        self._nodes = deployment.node.instances
        self._lease_s = deployment.node.lease_seconds
        self._end_s = end_s
        self._numbers = itertools.count()
        self._events: list[Event] = []
        self._dry_until_s = dict.fromkeys(self._zones, 0.0)
        self._open: dict[int, float] = {}  # since when the node of a machine serves
        self.machines: list[Machine] = []
        self.machine_s = 0.0
        self.reclaims = 0
        self.serving: list[tuple[float, float, bool]] = []  # from, to, whether it ended in peace
        self.waiting = 0  # nodes that have no machine

    def run(self) -> None:
        for number in range(self._nodes + self._market.spares):
            self._machine(0.0, self._zones[number % len(self._zones)])
        for machine in self.machines[: self._nodes]:
            machine.has_node = True
            self._open[machine.number] = 0.0
        for zone in self._zones:
            self._next_drought(0.0, zone)
        while self._events and (event := heapq.heappop(self._events)).at_s < self._end_s:
            getattr(self, f"_{event.what}")(event.at_s, event.about)
        self.serving += [(since, self._end_s, True) for since in self._open.values()]
        self.machine_s += sum(self._end_s - each.since_s for each in self.machines if each.is_there)

    def _at(self, at_s: float, what: str, about: Any = None) -> None:
        heapq.heappush(self._events, Event(at_s, next(self._numbers), what, about))

    def _machine(self, now_s: float, zone: str) -> None:
        """Another one in a zone that has any, preferably `zone`."""
        wet = [each for each in self._zones if self._dry_until_s[each] <= now_s]
        if not wet:
            self._at(min(self._dry_until_s.values()), "machine", zone)
            return
        machine = Machine(
            number=len(self.machines), zone=zone if zone in wet else self._rng.choice(wet), since_s=now_s
        )
        self.machines.append(machine)
        life_s = self._rng.expovariate(self._market.reclaims_per_machine_day / DAY_S)
        self._at(now_s + life_s, "reclaim", machine)
        if self.waiting:
            self.waiting -= 1
            self._place(now_s, None)

    def _next_drought(self, now_s: float, zone: str) -> None:
        if self._market.droughts_per_zone_week:
            rate = self._market.droughts_per_zone_week / (7 * DAY_S)
            self._at(now_s + self._rng.expovariate(rate), "drought", zone)

    def _drought(self, now_s: float, zone: str) -> None:
        self._dry_until_s[zone] = now_s + self._rng.expovariate(1 / (self._market.drought_hours * HOUR_S))
        for machine in self.machines:
            if machine.zone == zone and machine.is_there:
                self._reclaim(now_s, machine)
        self._next_drought(self._dry_until_s[zone], zone)

    def _reclaim(self, now_s: float, machine: Machine) -> None:
        if not machine.is_there:
            return
        machine.is_there = False
        self.machine_s += now_s - machine.since_s
        self.reclaims += 1
        self._at(now_s + self._market.new_machine_s, "machine", machine.zone)
        if machine.has_node:
            since = self._open.pop(machine.number, None)
            if since is not None:
                self.serving.append((since, now_s, self._market.has_notice))
            # Marathon starts another one once it knows: at the drain, or when the agent is unreachable.
            known_s = 0.0 if self._market.has_notice else self._market.unreachable_s
            self._at(now_s + known_s, "place")

    def _place(self, now_s: float, _: object) -> None:
        free = [machine for machine in self.machines if machine.is_there and not machine.has_node]
        if not free:
            self.waiting += 1
            return
        machine = free[0]
        machine.has_node = True
        self._at(now_s + self._market.offer_s + self._market.start_s, "serve", machine)

    def _serve(self, now_s: float, machine: Machine) -> None:
        if machine.is_there:
            self._open[machine.number] = now_s


def outages(week: Week, lease_s: float, hand_over_s: float, shards: int) -> list[list[tuple[float, float]]]:
    """Per shard, when nobody serves it: after its node went, until another one has it; where none is left,
    until one starts.
    """
    ends = sorted((to_s, is_peaceful) for _, to_s, is_peaceful in week.serving)
    starts = sorted(since_s for since_s, _, _ in week.serving)
    found: list[list[tuple[float, float]]] = [[] for _ in range(shards)]
    rng = random.Random(shards)
    for to_s, is_peaceful in ends:
        if to_s >= week._end_s:
            continue
        others = sum(since <= to_s < end for since, end, _ in week.serving)
        wait_s = hand_over_s if is_peaceful else lease_s + hand_over_s
        following = next((start for start in starts if start > to_s), week._end_s)
        back_s = to_s + wait_s if others else max(to_s + wait_s, following)
        for shard in range(shards):
            if rng.random() < 1 / (others + 1):
                found[shard].append((to_s, min(back_s, week._end_s)))
    return found


@dataclass
class Frames:
    """Of all devices. `lost_if_acknowledged_on_arrival` are those that a server would have lost in the same
    week that does not keep to muvr's rule: only what is durable is acknowledged.
    """

    sent: int = 0
    acknowledged: int = 0
    stored: int = 0
    sent_again: int = 0
    lost_if_acknowledged_on_arrival: int = 0
    delayed_s_max: float = 0.0


def follow(outage: list[tuple[float, float]], since_s: float, until_s: float, frames: Frames) -> None:
    """One session of one device: each frame is kept by the device until it is acknowledged."""
    stored: set[int] = set()
    times = itertools.takewhile(lambda at_s: at_s < until_s, itertools.count(since_s, FRAME_S))
    for number, at_s in enumerate(times):
        frames.sent += 1
        sent_s, arrived_s = at_s, at_s + WRITE_S
        while (gap := _within(outage, sent_s, arrived_s)) is not None:
            # It was on its way to the disk; nobody could say whether it came there, so it is sent again.
            frames.lost_if_acknowledged_on_arrival += sent_s < gap[0]
            frames.sent_again += 1
            sent_s = gap[1]
            arrived_s = sent_s + WRITE_S
        stored.add(number)
        frames.acknowledged += 1
        frames.delayed_s_max = max(frames.delayed_s_max, arrived_s - at_s)
    frames.stored += len(stored)


def _within(outage: list[tuple[float, float]], from_s: float, to_s: float) -> tuple[float, float] | None:
    return next((gap for gap in outage if gap[0] < to_s and from_s < gap[1]), None)


def sessions(users: int, days: float, seed: int) -> Iterator[tuple[int, float]]:
    """A user's shard and when an hour of training begins, each day once."""
    rng = random.Random(seed)
    for _ in range(users):
        shard = rng.randrange(SHARD_COUNT)
        for day in range(int(days)):
            yield shard, day * DAY_S + rng.uniform(5 * HOUR_S, 22 * HOUR_S)


def simulate(deployment: Deployment, market: Market, options: argparse.Namespace) -> dict[str, Any]:
    """All seeds; frames are summed up, and the worst week is told beside the mean."""
    end_s, frames = options.days * DAY_S, Frames()
    weeks = []
    for seed in options.seeds:
        week = Week(deployment, market, seed, end_s)
        week.run()
        found = outages(week, deployment.node.lease_seconds, market.hand_over_s, SHARD_COUNT)
        for shard, since_s in sessions(options.users, options.days, seed):
            near = [gap for gap in found[shard] if since_s - DAY_S < gap[1] and gap[0] < since_s + DAY_S]
            follow(near, since_s, min(since_s + HOUR_S, end_s), frames)
        away_s = sum(to_s - from_s for shard in found for from_s, to_s in shard) / SHARD_COUNT
        weeks.append((away_s, week.reclaims, week.machine_s))
    mean_s, worst_s = sum(week[0] for week in weeks) / len(weeks), max(week[0] for week in weeks)
    hours = sum(week[2] for week in weeks) / len(weeks) / HOUR_S
    ring = deployment.cassandra.nodes * options.days * DAY_S / HOUR_S * market.price
    return {
        "market": asdict(market),
        "reclaims_per_week": round(sum(week[1] for week in weeks) / len(weeks), 1),
        "availability": round(1 - mean_s / end_s, 6),
        "availability_worst_week": round(1 - worst_s / end_s, 6),
        "frames": asdict(frames),
        "frames_lost": frames.sent - frames.stored,
        "cost_of_nodes": round(hours * market.price * market.spot_share, 2),
        "cost_with_ring": round(hours * market.price * market.spot_share + ring, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--description", type=Path, required=True)
    parser.add_argument("--days", type=float, default=7.0)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    options = parser.parse_args()
    deployment = read_deployment(options.description)
    on_demand = simulate(deployment, ON_DEMAND, options)
    markets = {**MARKETS, "usual, no spare machine": replace(MARKETS["usual"], spares=0)}
    results = {name: simulate(deployment, market, options) for name, market in markets.items()}
    for result in results.values():
        for cost in ("cost_of_nodes", "cost_with_ring"):
            result[f"{cost}_to_on_demand"] = round(result[cost] / on_demand[cost], 3)
    told = {"description": str(options.description), "days": options.days, "users": options.users}
    print(json.dumps({**told, "seeds": options.seeds, "on_demand": on_demand, "spot": results}, indent=2))


if __name__ == "__main__":
    main()
