"""Schedulers as real processes, and programs for them to run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from thespian.actors import ActorExitRequest, ActorSystemFailure

from actors.local_launcher import LocalLauncher
from actors.messages import Started
from actors.night import Plan, Step
from actors.night_record import NightRecord, find_night
from actors.night_requests import ask_to_run
from actors.scheduler_actor import SchedulerActor, StartScheduler
from persistence.jobs import JobStore
from persistence.location import open_store
from persistence.night_tables import JobRunRow
from tests.actors.helpers import DEADLINE_SECONDS, eventually

LEASE_S = 6.0  # of schedulers that are to be taken over
CALM_LEASE_S = 60.0  # of those that are not, however slow the machine
FINE = 'import json; print(json.dumps({"done": 1, "total": 4, "message": "half way"}))'
RESULT = 'print(\'{"result": {"models": 1}}\')'
HANGS = """
import os, subprocess, sys, time
print('{"done": 1, "total": 4, "message": "it hangs"}', flush=True)
print("hangs", file=sys.stderr, flush=True)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
with open(sys.argv[1], "a") as file:
    file.write(f"{os.getpid()} {child.pid}\\n")
time.sleep(600)
"""
HANGS_ONCE = f"import os, sys\nif not os.path.exists(sys.argv[1]):\n    exec({HANGS!r})"


def step(name: str, code: str, *arguments: object, after: str = "", seconds_max: float = 300) -> Step:
    argv = (sys.executable, "-c", code, *map(str, arguments))
    return Step(name, argv, seconds_max, after=(after,) if after else ())


class Scheduling:
    """Schedulers of one store, with these steps."""

    def __init__(self, system: Any, location: str, directory: Path) -> None:
        self._system = system
        self._location = location
        self._directory = directory
        self.actors: list[Any] = []
        self.store = open_store(location)

    def start(self, *steps: Step, attempts_max: int = 1, **changes: Any) -> Any:
        plan = Plan(steps=steps, attempts_max=attempts_max, interruptions_max=1000, backoff_s=0.1)
        fields = {
            "open_store": partial(open_store, self._location),
            "plan": plan,
            "open_launcher": partial(LocalLauncher, self._directory / "log"),
            "cron": None,
            "time_zone": "Europe/Berlin",
            "lease_s": CALM_LEASE_S,
        }
        self.actors.append(self._system.createActor(SchedulerActor))
        return self.ask(StartScheduler(**(fields | changes)))

    def ask(self, message: object) -> Any:
        return self._system.ask(self.actors[-1], message, DEADLINE_SECONDS)

    def tell(self, message: object) -> None:
        self._system.tell(self.actors[-1], message)

    def stop(self) -> None:
        """The scheduler that was started last."""
        with suppress(ActorSystemFailure):  # it was killed
            self._system.tell(self.actors.pop(), ActorExitRequest())

    def run(self, *steps: Step, **changes: Any) -> str:
        """Start a scheduler and ask for a night."""
        assert isinstance(self.start(*steps, **changes), Started)
        return ask_to_run(self.store)

    def when(
        self, night_id: str, condition: Callable[[NightRecord], bool], seconds: float = DEADLINE_SECONDS
    ) -> NightRecord:
        def look() -> NightRecord | None:
            night = find_night(self.store, night_id)
            return night if condition(night) else None

        return eventually(look, "the night comes so far", seconds)

    def over(self, night_id: str, seconds: float = DEADLINE_SECONDS) -> NightRecord:
        return self.when(night_id, lambda night: night.is_over, seconds)

    def runs(self, name: str) -> list[JobRunRow]:
        return list(JobStore(self.store).runs_since(name, 0))

    def families(self, file: Path, count: int = 1) -> list[list[psutil.Process]]:
        """The processes whose numbers runs of a program wrote into `file`, once there are `count` runs."""

        def look() -> list[str] | None:
            lines = file.read_text().splitlines(keepends=True) if file.exists() else []
            return lines if len(lines) >= count and lines[-1].endswith("\n") else None

        lines = eventually(look, "it runs")
        return [[psutil.Process(int(number)) for number in line.split()] for line in lines[-1:]]

    def close(self) -> None:
        while self.actors:
            self.stop()
        self.store.close()


def scheduler_of(program: psutil.Process) -> psutil.Process:
    """The process of the actor that runs the program, above its guard."""
    return program.parent().parent()
