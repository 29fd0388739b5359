"""Several schedulers in one thread, driven by one seed: each a greenlet that is switched away from at every
call of the store. Time, clocks, the store and the programs are simulated.

Between any two statements anything may happen: they fail before or after they took effect, take effect much
later; schedulers or whole machines stand still, die and are started again; wall clocks differ and jump. At
every event the checker looks whether two programs run at once; in the end, whether every night had its turn.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from functools import partial
from typing import Any

from greenlet import getcurrent, greenlet

from actors.night import Plan, Step
from actors.scheduler import Scheduler, Surroundings
from domain.errors import StoreError, StoreFull, StoreUnavailable
from persistence.jobs import CANCEL, RUN, SCHEDULE_NAME
from persistence.night_tables import JOB_REQUEST, JobRequestRow
from persistence.ports import Insert
from persistence.schema import Timestamp
from tests.actors.night_checker import Checker
from tests.actors.night_machines import EPOCH_MS, SKEW_MS_MAX, Machine, Program, Programs
from tests.actors.night_store import Link, Tables

LEASE_S = 8.0
ROUND_S = 0.5
FAULTS_S = 300.0
SETTLE_S = 3000.0
NIGHT_EVERY_S = 60
MACHINES = ("a", "b", "c")
FAULTS = ("lost", "unanswered", "late", "slow", "refused")
PLAN = Plan(
    steps=(
        Step("batch", ("batch",), 40.0),
        Step("train", ("train",), 30.0, after=("batch",)),
        Step("tell", ("tell",), 30.0, after=("train",)),
    ),
    catch_up_max=1000,
    attempts_max=3,
    interruptions_max=1000,
    backoff_s=2.0,
    backoff_s_max=8.0,
)


class Process:
    """A scheduler on a machine."""

    def __init__(self, world: World, machine: Machine) -> None:
        self.machine = machine
        self._world = world
        self.is_alive = True
        self._paused_until_s = 0.0
        self.fault_rate = world.fault_rate()
        known = world.cluster_programs
        self.programs = Programs(
            world,
            machine if known is None else world.cluster,
            {} if known is None else known,
            is_local=known is None,
        )
        around = Surroundings(
            clock_s=machine.clock_s, now_ms=machine.now_ms, random=world.rng.random, new_id=world.new_id
        )
        self.scheduler = Scheduler(
            Link(world.tables, partial(world.call, self)),  # type: ignore[arg-type]
            self.programs,
            PLAN,
            world.almanac,  # type: ignore[arg-type]
            around,
            lease_s=LEASE_S,
        )
        self.greenlet = greenlet(self._run)

    @property
    def paused_until_s(self) -> float:
        return max(self._paused_until_s, self.machine.paused_until_s)

    def pause(self, seconds: float) -> None:
        self._paused_until_s = max(self._paused_until_s, self._world.now_s + seconds)

    def _run(self) -> None:
        while True:
            self.scheduler.round()
            self._world.later(ROUND_S, self.greenlet.switch, self)
            if self._world.switch() == "close":
                break
        try:
            self.scheduler.close()
        except StoreError:
            self.programs.close()
        self.is_alive = False


class Almanac:
    """A night every NIGHT_EVERY_S, as long as there are faults."""

    _step_ms = NIGHT_EVERY_S * 1000
    last_ms = (EPOCH_MS + int(FAULTS_S * 1000)) // _step_ms * _step_ms

    def between(self, after_ms: int, until_ms: int) -> list[int]:
        first_ms = (after_ms // self._step_ms + 1) * self._step_ms
        return list(range(first_ms, min(until_ms, self.last_ms) + 1, self._step_ms))


class World:
    """`run` lets faults happen for a while, and then waits until every night is over."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.now_s = 0.0
        self.is_calm = False
        self.checker = Checker(self)
        self.tables = Tables(self.checker.changed)
        self.almanac = Almanac()
        self.machines = {name: Machine(self, name) for name in MACHINES[: self.rng.randint(1, 3)]}
        self.cluster = Machine(self, "cluster")
        self.cluster_programs: dict[str, Program] | None = {} if self.rng.random() < 0.25 else None
        self.processes: list[Process] = []
        self.programs: list[Program] = []
        self.asked: list[str] = []
        self._main = getcurrent()
        self._events: list[tuple[float, int, bool, Callable[[], Any], Any]] = []
        self._numbers = itertools.count(1)
        self._fault_rates = self.rng.choice([[0.0], [0.02], [0.1], [0.3], [0.0, 0.0, 0.5]])
        self._faults = self.rng.sample(FAULTS, self.rng.randint(1, len(FAULTS)))
        self._event_every_s = self.rng.choice([2.0, 8.0, 25.0])

    def run(self) -> None:
        for machine in self.machines.values():
            self.later(self.rng.uniform(0, 5), partial(self.start, machine))
        self.later(self.rng.expovariate(1 / self._event_every_s), self._happen)
        self.run_for(FAULTS_S)
        self._calm_down()
        end_s = self.now_s + SETTLE_S
        while not self.checker.is_settled():
            assert self.now_s < end_s, "the nights do not come to an end"
            self.run_for(5.0)
        self.checker.check_over()
        for process in self.processes:
            process.greenlet.throw()

    def start(self, machine: Machine) -> None:
        """A scheduler on that machine, unless one runs."""
        self.processes = [process for process in self.processes if process.is_alive]
        machine.is_on = True
        if all(process.machine is not machine for process in self.processes):
            process = Process(self, machine)
            self.processes.append(process)
            self.later(0.0, process.greenlet.switch, process)

    def kill(self, process: Process) -> None:
        """The guards notice. What it has asked the store for may still come about."""
        process.is_alive = False
        self.processes.remove(process)
        process.greenlet.throw()
        for program in process.programs.known.values() if self.cluster_programs is None else ():
            program.stop()

    def power_off(self, machine: Machine) -> None:
        for process in [process for process in self.processes if process.machine is machine]:
            self.kill(process)
        for program in self.programs:
            if program.machine is machine and program.is_alive:
                program._stopped()

    def run_for(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while self._events and self._events[0][0] <= end_s:
            self.now_s, number, _, do, by = heapq.heappop(self._events)
            if by is not None and not by.is_alive:
                continue
            if by is not None and self.now_s < by.paused_until_s:
                # Guards come first when a machine goes on: they wait for nothing but the clock.
                order = -number if isinstance(by, Program) else number
                heapq.heappush(self._events, (by.paused_until_s, order, False, do, by))
                continue
            do()
            self.checker.look(self.programs)
        self.now_s = end_s
        self.programs = [program for program in self.programs if program.is_alive]

    def new_id(self) -> str:
        return f"{next(self._numbers)}"

    def fault_rate(self) -> float:
        return self.rng.choice(self._fault_rates)

    def later(
        self, seconds: float, do: Callable[[], Any], by: Any = None, *, is_answer: bool = False
    ) -> None:
        """`do` something, unless the process or program `by` which it is done is dead then."""
        heapq.heappush(self._events, (self.now_s + seconds, next(self._numbers), is_answer, do, by))

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
        if self.is_calm or rng.random() >= process.fault_rate:
            self.later(quick_s, lambda: self._answer(process, effect()), is_answer=True)
            return
        what = rng.choice(self._faults)
        timeout_s = rng.choice([quick_s, 0.3, LEASE_S / 2])
        if what == "slow":
            back_s = rng.uniform(0, 2 * LEASE_S)
            self.later(
                rng.uniform(0, LEASE_S), lambda: self._answer(process, effect(), back_s), is_answer=True
            )
            return
        if what == "unanswered":
            self.later(rng.uniform(0, timeout_s), effect, is_answer=True)
        elif what == "late":
            self.later(timeout_s + rng.uniform(0, 4 * LEASE_S), effect, is_answer=True)
        error = StoreFull("refused") if what == "refused" else StoreUnavailable(what)
        self.later(timeout_s, partial(self._answer, process, error), is_answer=True)

    def _answer(self, process: Process, answer: Any, after_s: float = 0.0) -> None:
        if process.is_alive:
            after_s = 0.0 if self.is_calm else after_s
            self.later(after_s, partial(process.greenlet.switch, answer), process, is_answer=True)

    def _happen(self) -> None:
        """Something that does not depend on what the schedulers do."""
        if self.is_calm:
            return
        self.later(self.rng.expovariate(1 / self._event_every_s), self._happen)
        rng, what = self.rng, self.rng.random()
        machine = rng.choice(list(self.machines.values()))
        process = next((process for process in self.processes if process.machine is machine), None)
        if what < 0.1:
            self.ask(is_cancel=False)
        elif what < 0.15:
            self.ask(is_cancel=True)
        elif process is None or not process.is_alive:
            self.start(machine)
        elif what < 0.3:
            process.pause(rng.uniform(0, 3 * LEASE_S))
        elif what < 0.45:
            until_s = self.now_s + rng.uniform(0, 3 * LEASE_S)
            machine.paused_until_s = max(machine.paused_until_s, until_s)
        elif what < 0.65:
            self.kill(process)
            if rng.random() < 0.7:
                self.later(rng.choice([0.0, 0.3, LEASE_S]), partial(self.start, machine))
        elif what < 0.75:
            self.power_off(machine)
        elif what < 0.85:
            machine.wall_off_ms = rng.randint(-SKEW_MS_MAX, SKEW_MS_MAX)

    def ask(self, *, is_cancel: bool) -> None:
        """Somebody asks for a night, or for the end of one."""
        request_id = f"asked-{self.new_id()}"
        night_id = request_id
        if is_cancel:
            night_id = self.checker.some_night(self.rng)
        else:
            self.asked.append(request_id)
        kind = CANCEL if is_cancel else RUN
        row = JobRequestRow(SCHEDULE_NAME, request_id, kind, night_id, Timestamp(EPOCH_MS + int(self.now_s)))
        self.tables.apply([Insert(JOB_REQUEST, row)])

    def _calm_down(self) -> None:
        """No more faults; what was under way comes about now."""
        self.is_calm = True
        for machine in self.machines.values():
            self.start(machine)
        soon_s = self.now_s + 0.1
        self._events = [
            (min(time_s, soon_s) if is_answer else time_s, number, is_answer, do, by)
            for time_s, number, is_answer, do, by in self._events
        ]
        heapq.heapify(self._events)
