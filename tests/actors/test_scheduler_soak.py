"""Real schedulers that are killed, stopped and continued, with programs that notice each other."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from actors.messages import Started
from actors.night import SUCCEEDED
from actors.night_requests import ask_to_run
from actors.node import actor_system
from persistence.location import prepare_store
from tests.actors.helpers import eventually
from tests.actors.scheduling import LEASE_S, Scheduling, step
from tests.persistence.backends import BACKENDS, location_of

EVENTS = 60
SCHEDULERS = 3
SETTLE_SECONDS = 900.0

# Holds a lock while it runs, and writes down if somebody else does.
CAREFUL = """
import fcntl, os, sys, time
with open(sys.argv[1], "a") as lock:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with open(sys.argv[2], "a") as met:
            met.write(f"{sys.argv[3]} met another\\n")
    time.sleep(0.7)
"""


class Crowd:
    """Schedulers of one store; those that are killed are started again."""

    def __init__(self, nights: Scheduling, directory: Path, seed: int) -> None:
        self._nights = nights
        self._rng = random.Random(seed)
        self._processes: list[psutil.Process] = []
        self._stopped: list[psutil.Process] = []
        self.asked: list[str] = []
        self.met = directory / "met"
        names = ("batch", "train", "tell")
        self._steps = [step(name, CAREFUL, directory / "lock", self.met, name) for name in names]

    def happen(self) -> None:
        """One thing, then some time."""
        what = self._rng.random()
        if len(self._processes) < SCHEDULERS:
            self._start()
        elif what < 0.3:
            self.asked.append(ask_to_run(self._nights.store))
        elif what < 0.55:
            self._kill()
        elif what < 0.85:
            victim = self._rng.choice(self._processes)
            victim.send_signal(signal.SIGSTOP)
            self._stopped.append(victim)
        else:
            self.resume()
        until_s = time.monotonic() + self._rng.uniform(0.0, LEASE_S)
        eventually(lambda: time.monotonic() >= until_s, "time goes by")

    def resume(self) -> None:
        for process in self._stopped:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
        self._stopped.clear()

    def _start(self) -> None:
        answer = self._nights.start(*self._steps, attempts_max=1)
        assert isinstance(answer, Started)
        self._processes.append(psutil.Process(answer.pid))

    def _kill(self) -> None:
        victim = self._processes.pop(self._rng.randrange(len(self._processes)))
        victim.kill()


@pytest.fixture
def system() -> Iterator[Any]:
    system = actor_system(None)
    yield system
    system.shutdown()


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("backend", BACKENDS)
def test_nights_have_their_turn_once_whoever_dies(
    backend: str, seed: int, system: Any, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    location = location_of(backend, request, tmp_path)
    prepare_store(location)
    nights = Scheduling(system, location, tmp_path)
    crowd = Crowd(nights, tmp_path, seed)
    for _ in range(EVENTS):
        crowd.happen()
    crowd.resume()
    over = [nights.over(night_id, SETTLE_SECONDS) for night_id in crowd.asked]
    nights.close()
    assert not crowd.met.exists(), crowd.met.read_text()
    assert len(over) == len(crowd.asked) > 0
    assert {night.state for night in over} == {SUCCEEDED}, Counter(night.state for night in over)
