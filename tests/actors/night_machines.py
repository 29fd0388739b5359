"""The machines of simulated schedulers, and the programs that run there, each under a guard."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from actors.launcher import Report, RunState

if TYPE_CHECKING:
    from tests.actors.night_simulation import World

SKEW_MS_MAX = 40_000
CLOCK_RATE_OFF_MAX = 0.04  # the margin allows for a little more between two
EPOCH_MS = 1_700_000_000_000


class Machine:
    """Its clocks; what runs on it stands still while it does."""

    def __init__(self, world: World, name: str) -> None:
        self.name = name
        self._world = world
        self.rate = 1 + world.rng.uniform(-CLOCK_RATE_OFF_MAX, CLOCK_RATE_OFF_MAX)
        self._offset_s = world.rng.uniform(0, 1e6)
        self.wall_off_ms = world.rng.randint(-SKEW_MS_MAX, SKEW_MS_MAX)
        self.paused_until_s = 0.0
        self.is_on = True

    def clock_s(self) -> float:
        return self._offset_s + self._world.now_s * self.rate

    def now_ms(self) -> int:
        return EPOCH_MS + int(self._world.now_s * 1000) + self.wall_off_ms


class Program:
    """A program under its guard. It would end by itself after a while, with `status`."""

    def __init__(self, world: World, machine: Machine, key: str, until_s: float) -> None:
        self.key = key
        self.machine = machine
        self.until_s = until_s
        self.state = RunState.RUNNING
        self.status: int | None = None
        self._world = world
        rng = world.rng
        self._goal = 0 if world.is_calm or rng.random() < 0.8 else 1
        self.is_alive = machine.clock_s() < until_s
        if not self.is_alive:
            self._end(RunState.EXPIRED, -9)
            return
        hangs = not world.is_calm and rng.random() < 0.05
        world.later(1e9 if hangs else rng.uniform(0.0, 20.0), self._done, self)
        self._look()

    @property
    def paused_until_s(self) -> float:
        return self.machine.paused_until_s

    @property
    def is_executing(self) -> bool:
        return self.is_alive and self._world.now_s >= self.paused_until_s

    def stop(self) -> None:
        self._world.later(self._world.rng.uniform(0.0, 0.5), self._stopped, self)

    def _look(self) -> None:
        left_s = self.until_s - self.machine.clock_s()
        if left_s <= 0:
            self._end(RunState.EXPIRED, -15)
        else:
            self._world.later(left_s / self.machine.rate, self._look, self)

    def _done(self) -> None:
        is_late = self.machine.clock_s() >= self.until_s
        self._end(RunState.EXPIRED if is_late else RunState.ENDED, -15 if is_late else self._goal)

    def _stopped(self) -> None:
        self._end(RunState.ENDED, -15)

    def _end(self, state: RunState, status: int) -> None:
        self.is_alive, self.state, self.status = False, state, status
        self._world.checker.program_ended(self.key, status)


class Programs:
    """Launcher of a process on a machine; of a cluster, if the programs of all processes are in `known`."""

    def __init__(self, world: World, machine: Machine, known: dict[str, Program], *, is_local: bool) -> None:
        self._world = world
        self._machine = machine
        self.known = known
        self._is_local = is_local

    def start(self, key: str, argv: Sequence[str], until_s: float) -> None:
        if key not in self.known:
            until_s = until_s if self._is_local else float("inf")
            self.known[key] = Program(self._world, self._machine, key, until_s)
            if self.known[key].is_alive:
                self._world.checker.program_began(key)
            self._world.programs.append(self.known[key])

    def keep(self, key: str, until_s: float) -> None:
        if key in self.known:
            self.known[key].until_s = max(self.known[key].until_s, until_s)

    def poll(self, key: str) -> Report:
        program = self.known.get(key)
        if program is None:
            return Report(state=RunState.LOST)
        return Report(state=program.state, status=program.status)

    def stop(self, key: str) -> None:
        if key in self.known:
            self.known[key].stop()

    def log(self, key: str) -> str:
        return ""

    def retain(self, keys: Collection[str]) -> None:
        for key in [key for key, program in self.known.items() if not program.is_alive and key not in keys]:
            del self.known[key]

    def close(self) -> None:
        for program in self.known.values() if self._is_local else ():
            if program.is_alive:
                program._stopped()
