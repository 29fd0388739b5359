"""A cluster in one thread, driven by one seed: real memberships, each a greenlet that is switched away from
at every call of the store. Time, clocks, the store, the network and the hosts of the shards are simulated.

Between any two statements anything may happen: they fail before or after they took effect, take effect much
later, processes stand still, die and are started again, come and go, and wall clocks jump. At every switch it
is checked that no two processes may act for one shard and that epochs grow; in the end, that all is served.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from functools import partial
from typing import Any

from greenlet import getcurrent, greenlet

from actors.lease import STAMPS_PER_MS
from actors.membership import Holding, Membership
from actors.tenure import Tenure
from actors.view import Member, View
from domain.errors import StoreError, StoreFull, StoreUnavailable
from domain.identifiers import ShardNr
from tests.actors.cluster_checker import Checker
from tests.actors.cluster_store import VERSIONS_BACK_MAX, Link, Rows

LEASE_S = 5.0
FAULTS_S = 30.0
SETTLE_S = LEASE_S + 3
MEMBER_IDS = ("a", "b", "c", "d", "e")
CLOCK_RATE_OFF_MAX = 0.04  # the margin allows for a little more between two
FAULTS = ("lost", "unanswered", "late", "slow", "twice", "refused")
HOUR_MS = 3_600_000
LOOK_EVERY_S = 0.25


class Process:
    """A shard host's process: its membership in a greenlet, and a host that lets go of shards when it can."""

    def __init__(self, cluster: Cluster, member_id: str) -> None:
        rng = cluster.rng
        self.member_id = member_id
        self._cluster = cluster
        self._rate = 1 + rng.uniform(-CLOCK_RATE_OFF_MAX, CLOCK_RATE_OFF_MAX)
        self._offset_s = rng.uniform(0, 1e6)
        self.wall_off_ms = rng.randint(-3 * HOUR_MS, 3 * HOUR_MS)
        self._floor = (0, 0.0)  # its rows are stamped later; when that was set
        self.stamp_ms = 0  # of the last row that it may have acknowledged
        self.fault_rate = cluster.fault_rate()
        self.paused_until_s = self.cut_off_until_s = 0.0
        self.is_alive = True
        self.is_leaving = False
        self.tenure = Tenure(self.clock_s)
        self.acting: dict[ShardNr, int] = {}  # shards with epochs: what it may acknowledge while it is valid
        self.acting_mask = 0  # the same as bits
        self._handed: Holding | None = None
        self._sleeps = 0
        self._is_asleep = False
        self.membership = Membership(
            Link(  # type: ignore[arg-type]
                cluster.rows, self._call, versions_back=cluster.versions_back, not_before=self._not_before
            ),
            member_id,
            f"wss://{member_id}",
            self.tenure,
            self.clock_s,
            new_incarnation=cluster.new_incarnation,
            now_ms=self._wall_ms,
            lease_s=cluster.lease_s,
        )
        self.greenlet = greenlet(self._run)

    def clock_s(self) -> float:
        return self._offset_s + self._cluster.now_s * self._rate

    def now_stamp_ms(self) -> int:
        """What a row that is written now is stamped with."""
        floor_ms, since_s = self._floor
        return max(self._wall_ms(), floor_ms + int((self._cluster.now_s - since_s) * STAMPS_PER_MS / 2))

    def leave(self) -> None:
        self.is_leaving = True
        self._serve({})
        self._wake()

    def _run(self) -> None:
        while not self.is_leaving:
            try:
                holding = self.membership.step()
            except StoreError:
                holding = None
            if holding is not None:
                self._cluster.checker.handed(self, holding, self.membership._me.incarnation)
                self._handed = holding
                self._cluster.later(self._cluster.host_delay_s(), self._take, self)
            self._sleep(self.membership.pause_s)
        while not self._try_to_leave():
            self._sleep(self.membership.pause_s)
        self.is_alive = False

    def _try_to_leave(self) -> bool:
        try:
            return self.membership.leave()
        except StoreError:
            return False

    def _take(self) -> None:
        """The host has let go of all that it may not act on any more, and serves the newest holding."""
        holding, self._handed = self._handed, None
        if holding is not None and not self.is_leaving:
            self._serve(dict(holding.epochs))
            self._cluster.checker.served(self)
            self.membership.released(holding)
            self._wake()

    def _serve(self, acting: dict[ShardNr, int]) -> None:
        self._cluster.checker.let_go(self, acting)
        self.acting = acting
        self.acting_mask = sum(1 << shard for shard in acting)

    def _sleep(self, seconds: float) -> None:
        self._sleeps += 1
        self._is_asleep = True
        wake = partial(self._wake_from, self._sleeps)
        self._cluster.later(seconds / self._rate, wake, self, is_sleep=True)
        self._cluster.switch()

    def _wake_from(self, sleep_nr: int) -> None:
        if sleep_nr == self._sleeps:
            self._wake()

    def _wake(self) -> None:
        if self._is_asleep:
            self._is_asleep = False
            self.greenlet.switch()

    def _call(self, name: str, effect: Callable[[], Any]) -> Any:
        return self._cluster.call(self, effect)

    def _not_before(self, at_ms: int) -> None:
        self._floor = (max(self.now_stamp_ms(), at_ms + 1), self._cluster.now_s)

    def _wall_ms(self) -> int:
        return int(self._cluster.now_s * 1000) + 100 * HOUR_MS + self.wall_off_ms


class Cluster:
    """`run` lets faults happen for a while, and then waits for everything to be as it should."""

    def __init__(self, seed: int, *, lease_s: float = LEASE_S, is_calm: bool = False) -> None:
        self.rng = random.Random(seed)
        self.lease_s = lease_s
        self.rows = Rows()
        self.now_s = 0.0
        self.processes: list[Process] = []
        self._main = getcurrent()
        self._is_calm = is_calm
        self._events: list[tuple[float, int, bool, Callable[[], None], Process | None]] = []
        self._numbers = itertools.count(1)
        self._fault_rates = self.rng.choice([[0.0], [0.02], [0.1], [0.3], [0.0, 0.0, 0.5]])
        self._faults = self.rng.sample(FAULTS, self.rng.randint(1, len(FAULTS)))
        self._stale_rate = self.rng.choice([0.0, 0.0, 0.2])
        self._event_every_s = self.rng.choice([0.5, 2.0, 8.0])
        self._host_is_slow = self.rng.random() < 0.3
        self._clocks_jump = self.rng.random() < 0.5
        self.checker = Checker(check_stamps=not self._clocks_jump)

    def run(self) -> None:
        for member_id in MEMBER_IDS[: self.rng.randint(1, 4)]:
            self.later(self.rng.choice([0.0, self.rng.uniform(0, 8)]), partial(self.start, member_id))
        self.later(self.rng.expovariate(1 / self._event_every_s), self._happen)
        self.run_for(FAULTS_S)
        self._calm_down()
        self.settle(SETTLE_S)
        self.end()

    def start(self, member_id: str) -> Process | None:
        """A process of that name, unless it runs."""
        self.processes = [process for process in self.processes if process.is_alive]
        if any(process.member_id == member_id for process in self.processes):
            return None
        process = Process(self, member_id)
        self.processes.append(process)
        self.later(0.0, process.greenlet.switch, process)
        return process

    def kill(self, process: Process) -> None:
        """What it has asked the store for may still come about."""
        process.is_alive = False
        self.processes.remove(process)
        process.greenlet.throw()

    def settle(self, seconds_max: float) -> None:
        """Go on until each shard is served by whom it should."""
        end_s = self.now_s + seconds_max
        while not self._is_settled():
            assert self.now_s < end_s, "not all shards are served by whom they should"
            self.run_for(min(LOOK_EVERY_S, end_s - self.now_s))

    def run_for(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while self._events and self._events[0][0] <= end_s:
            self.now_s, number, _, do, by = heapq.heappop(self._events)
            if by is not None and not by.is_alive:
                continue
            if by is not None and self.now_s < by.paused_until_s:
                heapq.heappush(self._events, (by.paused_until_s, number, False, do, by))
                continue
            do()
            self.checker.look(self.processes)
        self.now_s = end_s

    def end(self) -> None:
        for process in self.processes:
            process.greenlet.throw()

    def new_incarnation(self) -> str:
        return f"i{next(self._numbers)}"

    def versions_back(self) -> int:
        is_stale = not self._is_calm and self.rng.random() < self._stale_rate
        return self.rng.randint(1, VERSIONS_BACK_MAX) if is_stale else 0

    def fault_rate(self) -> float:
        """How many of a process's statements fail: as many of all, or only of some."""
        return self.rng.choice(self._fault_rates)

    def host_delay_s(self) -> float:
        return self.rng.uniform(0, 2 * self.lease_s if self._host_is_slow and not self._is_calm else 0.05)

    def later(
        self, seconds: float, do: Callable[[], Any], by: Process | None = None, *, is_sleep: bool = False
    ) -> None:
        """`do` something, unless the process `by` which it is done is dead or stands still then."""
        heapq.heappush(self._events, (self.now_s + seconds, next(self._numbers), is_sleep, do, by))

    def switch(self) -> Any:
        """Called by a process: let others go on until it is resumed."""
        return self._main.switch()

    def call(self, process: Process, effect: Callable[[], Any]) -> Any:
        """What the store does with a statement of `process`, and when."""
        self._ask(process, effect)
        answer = self.switch()
        if isinstance(answer, StoreError):
            raise answer
        return answer

    def _ask(self, process: Process, effect: Callable[[], Any]) -> None:
        rng = self.rng
        quick_s = rng.expovariate(200)
        what = ""
        if self.now_s < process.cut_off_until_s:
            what = rng.choice(["lost", "unanswered"])
        elif not self._is_calm and rng.random() < process.fault_rate:
            what = rng.choice(self._faults)
        if not what:
            self.later(quick_s, lambda: self._answer(process, effect()))
            return
        timeout_s = rng.choice([quick_s, 0.3, self.lease_s / 2])
        back_s = rng.uniform(0, 2 * self.lease_s)
        match what:
            case "slow":
                out_s = rng.choice([quick_s, rng.uniform(0, 2 * self.lease_s)])
                self.later(out_s, lambda: self._answer(process, effect(), back_s))
                return
            case "twice":
                self.later(quick_s, lambda: self._answer(process, (effect(), effect())[1]))
                return
            case "unanswered":
                self.later(rng.uniform(0, timeout_s), effect)
            case "late":
                self.later(timeout_s + rng.uniform(0, 4 * self.lease_s), effect)
        error = StoreFull("refused") if what == "refused" else StoreUnavailable(what)
        self.later(timeout_s, partial(self._answer, process, error))

    def _answer(self, process: Process, answer: Any, after_s: float = 0.0) -> None:
        if after_s > 0 or self.now_s < process.paused_until_s:
            self.later(0.0 if self._is_calm else after_s, partial(process.greenlet.switch, answer), process)
        elif process.is_alive:
            process.greenlet.switch(answer)

    def _happen(self) -> None:
        """Something that does not depend on what processes do."""
        if self._is_calm:
            return
        self.later(self.rng.expovariate(1 / self._event_every_s), self._happen)
        process = self.rng.choice(self.processes) if self.processes else None
        what = self.rng.random()
        if what < 0.2 or process is None or not process.is_alive:
            self.start(self.rng.choice(MEMBER_IDS))
        elif what < 0.4:
            process.paused_until_s = self.now_s + self.rng.uniform(0, 3 * self.lease_s)
        elif what < 0.6:
            self.kill(process)
            if self.rng.random() < 0.7:
                self.later(self.rng.choice([0.0, 0.3, self.lease_s]), partial(self.start, process.member_id))
        elif what < 0.7:
            process.leave()
        elif what < 0.85:
            process.cut_off_until_s = self.now_s + self.rng.uniform(0, 3 * self.lease_s)
        elif self._clocks_jump:
            process.wall_off_ms = self.rng.randint(-3 * HOUR_MS, 3 * HOUR_MS)

    def _calm_down(self) -> None:
        """No more faults; what was under way comes about now."""
        self._is_calm = True
        for process in self.processes:
            process.paused_until_s = process.cut_off_until_s = 0.0
        soon_s = self.now_s + 0.1
        self._events = [
            (time_s if is_sleep else min(time_s, soon_s), number, is_sleep, do, by)
            for time_s, number, is_sleep, do, by in self._events
        ]
        heapq.heapify(self._events)

    def _is_settled(self) -> bool:
        live = [process for process in self.processes if process.is_alive]
        view = View(0, tuple(Member(name, "", "") for name in sorted(p.member_id for p in live)))
        return not any(process.is_leaving for process in live) and all(
            process.tenure.is_valid and process.acting.keys() == view.shards_of(process.member_id)
            for process in live
        )
