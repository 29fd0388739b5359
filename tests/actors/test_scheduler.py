"""The scheduler as a real process that runs real programs."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from thespian.actors import Actor, ActorExitRequest, WakeupMessage

from actors.messages import Directory, ModelsChanged, Started, StartFailed
from actors.node import actor_system
from actors.scheduler import MODELS, GetNight, NightStatus, RunNight, SchedulerActor, StartScheduler, Step
from domain.errors import StoreUnavailable
from persistence.jobs import FAILED, RUNNING, SUCCEEDED, JobStore
from persistence.models import EVERYONE, ModelStore
from persistence.ports import Store
from persistence.schema import Timestamp
from persistence.sqlite import SqliteStore
from persistence.tables import ModelRow
from tests.actors.helpers import DEADLINE_SECONDS, are_gone, eventually, is_alive

FINE = 'import json; print(json.dumps({"done": 1, "total": 4, "message": "half way"}))'
RESULT = 'print(\'{"result": {"models": 1}}\')'
HANGS = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "w").write(f"{os.getpid()} {child.pid}\\n")
time.sleep(600)
"""


def step(name: str, code: str, *arguments: str, seconds_max: float = 300) -> Step:
    return Step(name, (sys.executable, "-c", code, *arguments), seconds_max)


def no_store() -> Store:
    raise StoreUnavailable("the disk is gone", remedy="mend it")


class Night:
    """A scheduler with these steps."""

    def __init__(self, system: Any, directory: Path, *steps: Step, cron: str | None = None) -> None:
        self._system = system
        self._directory = directory
        self.actor = system.createActor(SchedulerActor)
        store = partial(SqliteStore, directory / "store")
        self.start = StartScheduler(store, steps, directory / "log", cron, "Europe/Berlin", "me/")

    def begin(self) -> NightStatus:
        assert isinstance(self.ask(self.start), Started)
        status: NightStatus = self.ask(RunNight())
        return status

    def ask(self, message: object) -> Any:
        return self._system.ask(self.actor, message, DEADLINE_SECONDS)

    def status_when(self, condition: Callable[[NightStatus], bool]) -> NightStatus:
        def look() -> NightStatus | None:
            status = self.ask(GetNight())
            return status if condition(status) else None

        return eventually(look, "the night comes so far")

    def ended(self) -> NightStatus:
        return self.status_when(lambda status: not status.is_running)

    def stop(self) -> None:
        self._system.tell(self.actor, ActorExitRequest())

    def rows(self, name: str) -> list[Any]:
        store = SqliteStore(self._directory / "store")
        try:
            return list(JobStore(store).runs(name))
        finally:
            store.close()

    def family(self, file: Path) -> list[psutil.Process]:
        """The processes whose numbers a program wrote into `file`."""
        text = eventually(
            lambda: file.exists() and file.read_text().endswith("\n") and file.read_text(), "it runs"
        )
        return [psutil.Process(int(number)) for number in str(text).split()]


@pytest.fixture(scope="module")
def system() -> Iterator[Any]:
    system = actor_system(None)
    yield system
    system.shutdown()


@pytest.fixture
def nights(system: Any, tmp_path: Path) -> Iterator[Callable[..., Night]]:
    made: list[Night] = []

    def make(*steps: Step, cron: str | None = None) -> Night:
        made.append(Night(system, tmp_path, *steps, cron=cron))
        return made[-1]

    yield make
    for night in made:
        night.stop()


def test_steps_run_one_after_the_other_and_are_recorded(nights: Callable[..., Night]) -> None:
    night = nights(step("batch", FINE), step("train", RESULT))
    first = night.begin()
    assert first.is_running
    assert [s.state for s in first.steps] == [RUNNING, "waiting"]
    status = night.ended()
    assert status.has_succeeded
    assert [(s.progress, s.message) for s in status.steps] == [(1.0, "half way"), (1.0, "starting")]
    assert status.steps[1].result == {"models": 1}
    for name in ("batch", "train"):
        (row,) = night.rows(name)
        assert (row.state, row.progress) == (SUCCEEDED, 1.0)
        assert row.finished_at >= row.started_at


def test_a_failed_step_ends_the_night_and_the_next_night_works(
    nights: Callable[..., Night], tmp_path: Path
) -> None:
    marker = tmp_path / "mended"
    code = "import os, sys; print('first', file=sys.stderr)\n"
    code += f"sys.exit(0 if os.path.exists({str(marker)!r}) else 'no room')"
    night = nights(step("batch", code), step("train", RESULT))
    night.begin()
    status = night.ended()
    assert not status.has_succeeded
    assert [s.state for s in status.steps] == [FAILED, "waiting"]
    assert status.steps[0].message.startswith("no room (exit status 1, log ")
    (row,) = night.rows("batch")
    assert (row.state, row.log) == (FAILED, "first\nno room\n")
    assert night.rows("train") == []
    marker.touch()
    assert night.ask(RunNight()).is_running
    assert night.ended().has_succeeded
    assert [row.state for row in night.rows("batch")] == [SUCCEEDED, FAILED]


def test_a_killed_program_is_a_failure(nights: Callable[..., Night], tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    night = nights(
        step(
            "batch",
            HANGS.replace("time.sleep(600)", "child.kill(); child.wait(); os.kill(os.getpid(), 9)", 2),
            str(pids),
        )
    )
    night.begin()
    assert "it was ended by SIGKILL; run the night again" in night.ended().steps[0].message


def test_a_program_that_hangs_is_ended_with_its_children(
    nights: Callable[..., Night], tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    night = nights(step("batch", HANGS, str(pids), seconds_max=3), step("train", RESULT))
    night.begin()
    family = night.family(pids)
    assert "longer than its 3 s" in night.ended().steps[0].message
    eventually(lambda: are_gone(family), "the program and its child have ended")


def test_a_missing_program_is_a_failure_and_the_scheduler_goes_on(nights: Callable[..., Night]) -> None:
    night = nights(Step("batch", ("/no/such/program",), 10), step("train", RESULT))
    status = night.begin()
    assert not status.is_running
    assert [s.state for s in status.steps] == [FAILED, "waiting"]
    assert "/no/such/program cannot be started" in status.steps[0].message
    (row,) = night.rows("batch")
    assert row.state == FAILED
    assert not night.ask(RunNight()).is_running


def test_one_night_at_a_time(nights: Callable[..., Night], tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    night = nights(step("batch", HANGS, str(pids)))
    night.begin()
    (process, _) = night.family(pids)
    again = night.ask(RunNight())
    assert again.is_running
    assert is_alive(process)
    assert len(night.rows("batch")) == 1


def test_leaving_in_mid_run_leaves_no_process(nights: Callable[..., Night], tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    night = nights(step("batch", HANGS, str(pids)), step("train", RESULT))
    night.begin()
    family = night.family(pids)
    night.stop()
    eventually(lambda: are_gone(family), "the program and its child have ended")
    (row,) = eventually(lambda: [r for r in night.rows("batch") if r.state == FAILED], "the run is recorded")
    assert row.message == "the node was stopped"
    assert night.rows("train") == []


def test_what_a_killed_scheduler_left_is_recorded_as_failed(
    nights: Callable[..., Night], tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    night = nights(step("batch", HANGS, str(pids)))
    night.begin()
    program, child = night.family(pids)
    program.parent().kill()
    eventually(lambda: are_gone([program]), "the program has ended with its scheduler")
    child.kill()
    assert isinstance(nights(*night.start.steps).ask(night.start), Started)
    (row,) = night.rows("batch")
    assert (row.state, row.message) == (FAILED, "the scheduler ended in the middle of it")


def test_odd_output_harms_nothing(nights: Callable[..., Night]) -> None:
    code = """
print('{"done": NaN, "total": 1}')
print('{"done": 1%s, "total": 1}' % ("0" * 400))
print('{"done": 1, "total": 0}')
print('{"done": "1", "total": [1]}')
print('{"result": "fine"}')
print('{"done": 5, "total": 4, "message": ["x"]}')
"""
    night = nights(step("batch", code))
    night.begin()
    (status,) = night.ended().steps
    assert (status.state, status.message, status.result) == (SUCCEEDED, "['x']", {})


def test_who_is_told_and_what_is_not_for_it(system: Any, nights: Callable[..., Night]) -> None:
    """What is sent to all parts of a node is passed over, and the watch over the program goes on."""
    night = nights(step("batch", FINE + "; import time; time.sleep(0.5)"))
    night.begin()
    for message in (ModelsChanged(), Directory({"scheduler": night.actor}), "what is this"):
        system.tell(night.actor, message)
    assert night.ended().has_succeeded


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"cron": "99 * * * *"}, "no time to begin"),
        ({"time_zone": "Mars", "cron": "0 1 * * *"}, "no time zone"),
        ({"open_store": no_store}, "the disk is gone"),
        ({"log_directory": Path("/dev/null/log")}, "/dev/null/log"),
        ({"open_store": None}, "not callable"),
    ],
)
def test_what_cannot_be_used_is_answered(
    nights: Callable[..., Night], changed: dict[str, Any], wrong: str
) -> None:
    night = nights()
    fields = {name: getattr(night.start, name) for name in night.start.__dataclass_fields__}
    answer = night.ask(StartScheduler(**(fields | changed)))
    assert isinstance(answer, StartFailed)
    assert wrong in answer.message


class ListenerActor(Actor):
    """Counts the news of models; answers any other message with the count."""

    news = 0

    def receiveMessage(self, message: object, sender: Any) -> None:  # noqa: N802
        if isinstance(message, ModelsChanged):
            self.news += 1
        else:
            self.send(sender, self.news)


def test_a_model_that_was_trained_by_hand_is_told_of_once(
    system: Any, nights: Callable[..., Night], tmp_path: Path
) -> None:
    night = nights()
    listener = system.createActor(ListenerActor)
    assert isinstance(night.ask(night.start), Started)
    system.tell(night.actor, Directory({"listener": listener}))
    digest = hashlib.sha256(b"weights").hexdigest()
    row = ModelRow(EVERYONE, "a@50", Timestamp(1), "by-hand", digest, "[]", 1, 7, 1.0, "{}")
    store = SqliteStore(tmp_path / "store")
    ModelStore(store).promote(row, 0.9)
    store.close()
    for _ in range(2):
        system.tell(night.actor, WakeupMessage(None, payload=MODELS))
    assert night.ask(GetNight()).steps == ()  # the scheduler has taken everything before this
    eventually(lambda: system.ask(listener, "how many?", DEADLINE_SECONDS) == 1, "it is told of")
