"""The scheduler as a real process that runs real programs, over each backend."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from thespian.actors import Actor, WakeupMessage

from actors.leadership import NOBODY
from actors.local_launcher import LocalLauncher
from actors.messages import Directory, ModelsChanged, Started, StartFailed
from actors.night import (
    CANCELLED,
    FAILED,
    INTERRUPTED,
    RUNNING,
    SKIPPED,
    SUCCEEDED,
    WAITING,
    State,
    Step,
    encode,
)
from actors.night_record import NightRecord, read_nights
from actors.night_requests import ask_to_cancel, ask_to_run
from actors.node import actor_system
from actors.planning import Almanac
from actors.scheduler_actor import MODELS
from domain.errors import StoreUnavailable
from persistence.jobs import SCHEDULE_NAME, JobStore
from persistence.location import prepare_store
from persistence.models import EVERYONE, ModelStore
from persistence.night_tables import SCHEDULE, ScheduleRow
from persistence.ports import Store
from persistence.schema import Timestamp
from persistence.tables import ModelRow
from tests.actors.helpers import DEADLINE_SECONDS, are_gone, eventually, is_alive
from tests.actors.scheduling import FINE, HANGS, HANGS_ONCE, LEASE_S, RESULT, Scheduling, scheduler_of, step
from tests.persistence.backends import BACKENDS, location_of


def no_store() -> Store:
    raise StoreUnavailable("the disk is gone", remedy="mend it")


@pytest.fixture(scope="module")
def system() -> Iterator[Any]:
    system = actor_system(None)
    yield system
    system.shutdown()


@pytest.fixture(params=BACKENDS)
def nights(system: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scheduling]:
    location = location_of(request.param, request, tmp_path)
    prepare_store(location)
    scheduling = Scheduling(system, location, tmp_path)
    yield scheduling
    scheduling.close()


def states(night: NightRecord) -> list[str]:
    return [step.state for step in night.steps]


def test_steps_run_one_after_the_other_and_are_recorded(nights: Scheduling) -> None:
    night = nights.over(nights.run(step("batch", FINE), step("train", RESULT, after="batch")))
    assert (night.state, states(night)) == (SUCCEEDED, [SUCCEEDED, SUCCEEDED])
    assert [(s.progress, s.message) for s in night.steps] == [(1.0, "half way"), (1.0, "starting")]
    assert night.steps[1].result == '{"models": 1}'
    for name in ("batch", "train"):
        (row,) = nights.runs(name)
        assert (row.state, row.progress, row.attempt, row.night_id) == (SUCCEEDED, 1.0, 1, night.night_id)
        assert row.finished_at is not None
        assert row.finished_at >= row.started_at
    assert JobStore(nights.store).requests() == []


def test_a_dated_step_is_told_the_day_and_logs_of_forgotten_runs_go(
    nights: Scheduling, tmp_path: Path
) -> None:
    forgotten = tmp_path / "log" / "batch-0.log"
    forgotten.parent.mkdir(exist_ok=True)
    forgotten.touch()
    code = "import json, sys; print(json.dumps({'result': {'told': sys.argv[1:]}}))"
    night = nights.over(nights.run(replace(step("batch", code), is_dated=True)))
    day = datetime.fromtimestamp(night.due_ms / 1000, UTC).date()
    assert json.loads(night.steps[0].result or "") == {"told": ["--date", day.isoformat()]}
    assert [path.stem for path in forgotten.parent.iterdir()] == [night.steps[0].run_id]


def test_a_step_that_fails_is_tried_again_and_then_stops_the_others(
    nights: Scheduling, tmp_path: Path
) -> None:
    code = "import sys; print('first', file=sys.stderr); sys.exit('no room')"
    steps = step("batch", code), step("train", RESULT, after="batch"), step("other", FINE)
    night = nights.over(nights.run(*steps, attempts_max=2))
    assert (night.state, states(night)) == (FAILED, [FAILED, SKIPPED, SUCCEEDED])
    assert [s.message for s in night.steps[:2]] == ["no room (exit status 1)", "batch did not succeed"]
    assert night.steps[0].log == "first\nno room\n"
    assert [(row.state, row.attempt) for row in nights.runs("batch")] == [(FAILED, 2), (FAILED, 1)]
    assert nights.runs("train") == []


@pytest.mark.parametrize(
    ("code", "seconds_max", "why"),
    [
        ("import os; os.kill(os.getpid(), 9)", 300, "it was ended by SIGKILL"),
        ("import time; time.sleep(600)", 1, "it ran longer than its 1 s and was ended"),
    ],
)
def test_how_else_a_step_fails(code: str, seconds_max: float, why: str, nights: Scheduling) -> None:
    night = nights.over(nights.run(step("batch", code, seconds_max=seconds_max)))
    assert (states(night), night.steps[0].message) == ([FAILED], why)


def test_a_missing_program_is_a_failure_and_the_scheduler_goes_on(nights: Scheduling) -> None:
    night = nights.over(nights.run(Step("batch", ("/no/such/program",), 10)))
    assert "/no/such/program cannot be started" in night.steps[0].message
    assert states(nights.over(ask_to_run(nights.store))) == [FAILED]


def test_one_night_at_a_time_and_each_that_is_asked_for(nights: Scheduling) -> None:
    asked = [nights.run(step("batch", FINE)), *(ask_to_run(nights.store) for _ in range(2))]
    over = [nights.over(night_id) for night_id in asked]
    assert [night.state for night in over] == [SUCCEEDED] * 3
    times = sorted((row.started_at, row.finished_at or 0) for row in nights.runs("batch"))
    assert len(times) == 3
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(times))


def test_a_night_that_is_cancelled_ends_with_the_whole_tree(nights: Scheduling, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    night_id = nights.run(step("batch", HANGS, pids), step("train", RESULT, after="batch"))
    (family,) = nights.families(pids)
    running = nights.when(night_id, lambda night: night.steps[0].message == "it hangs")
    assert (running.state, running.steps[0].progress, running.steps[0].log) == (RUNNING, 0.25, "hangs\n")
    second = ask_to_run(nights.store)
    nights.when(second, lambda night: night.state == WAITING)
    for each in (second, night_id):
        ask_to_cancel(nights.store, each)
    night = nights.over(night_id)
    assert are_gone(family)
    assert (night.state, states(night)) == (CANCELLED, [CANCELLED, CANCELLED])
    (row,) = nights.runs("batch")
    assert (row.state, row.message) == (CANCELLED, "it was cancelled")
    assert nights.over(second).state == CANCELLED
    assert {night.night_id for night in read_nights(nights.store, 9)} == {night_id, second}


def test_leaving_in_mid_run_leaves_no_process_and_the_next_goes_on(
    nights: Scheduling, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    steps = step("first", FINE), step("batch", HANGS_ONCE, pids)
    night_id = nights.run(*steps)
    (family,) = nights.families(pids)
    nights.stop()
    eventually(lambda: are_gone(family), "the program and its child have ended")
    eventually(lambda: nights.runs("batch")[0].state == INTERRUPTED, "it is recorded")
    nights.start(*steps)
    assert states(nights.over(night_id)) == [SUCCEEDED, SUCCEEDED]
    assert [row.state for row in nights.runs("batch")] == [SUCCEEDED, INTERRUPTED]
    assert len(nights.runs("first")) == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_scheduler_that_is_killed_or_stands_still_is_taken_over(
    number: signal.Signals, nights: Scheduling, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    steps = step("first", FINE), step("batch", HANGS_ONCE, pids)
    night_id = nights.run(*steps, lease_s=LEASE_S)
    (family,) = nights.families(pids)
    scheduler = scheduler_of(family[0])
    nights.start(*steps, lease_s=LEASE_S)  # another node's
    scheduler.send_signal(number)
    try:
        night = nights.over(night_id)
        assert are_gone(family)
    finally:
        with suppress(psutil.NoSuchProcess):
            scheduler.kill()
    assert states(night) == [SUCCEEDED, SUCCEEDED]
    assert [step.attempt for step in night.steps] == [1, 2]
    assert [row.state for row in nights.runs("batch")] == [SUCCEEDED, INTERRUPTED]
    assert len(nights.runs("first")) == 1


def test_a_scheduler_that_wakes_up_too_late_changes_nothing(nights: Scheduling, tmp_path: Path) -> None:
    pids, others = tmp_path / "pids", tmp_path / "others"
    night_id = nights.run(step("batch", HANGS_ONCE, pids), lease_s=LEASE_S)
    (family,) = nights.families(pids)
    scheduler = scheduler_of(family[0])
    nights.start(step("batch", HANGS, others), lease_s=LEASE_S)
    scheduler.send_signal(signal.SIGSTOP)
    (successors,) = nights.families(others)
    assert are_gone(family)
    scheduler.send_signal(signal.SIGCONT)
    nights.when(night_id, lambda night: night.steps[0].message == "it hangs")
    ask_to_cancel(nights.store, night_id)
    assert nights.over(night_id).state == CANCELLED
    assert are_gone(successors)
    assert is_alive(scheduler)
    assert len(nights.runs("batch")) == 2


def test_a_step_that_is_killed_is_tried_again(nights: Scheduling, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    night_id = nights.run(step("batch", HANGS_ONCE, pids), attempts_max=2)
    ((program, child),) = nights.families(pids)
    os.kill(program.pid, signal.SIGKILL)
    night = nights.over(night_id)
    assert (states(night), night.steps[0].attempt) == ([SUCCEEDED], 2)
    assert are_gone([child])


@pytest.fixture
def embedded(system: Any, tmp_path: Path) -> Iterator[Scheduling]:
    scheduling = Scheduling(system, f"sqlite:{tmp_path / 'store'}", tmp_path)
    yield scheduling
    scheduling.close()


def test_a_night_that_was_missed_while_no_node_was_up_is_made_up_for(embedded: Scheduling) -> None:
    now_ms = time.time_ns() // 1_000_000
    state = State(seen_ms=now_ms - 3 * 86_400_000)
    row = ScheduleRow(SCHEDULE_NAME, NOBODY, 7, 7, encode(state))
    assert embedded.store.insert_if_absent(SCHEDULE, [row]) == [True]
    missed = Almanac("30 2 * * *", "Europe/Berlin").between(state.seen_ms, now_ms)
    assert isinstance(embedded.start(step("batch", FINE), cron="30 2 * * *"), Started)
    (night,) = eventually(lambda: read_nights(embedded.store, 9), "a night begins")
    assert (night.due_ms, night.is_asked) == (missed[-1], False)
    assert embedded.over(night.night_id).state == SUCCEEDED
    assert len(read_nights(embedded.store, 9)) == 1


def test_what_is_not_for_it_is_passed_over(embedded: Scheduling) -> None:
    night_id = embedded.run(step("batch", FINE))
    for message in (ModelsChanged(), Directory({"scheduler": embedded.actors[-1]}), "what is this"):
        embedded.tell(message)
    assert embedded.over(night_id).state == SUCCEEDED


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"cron": "99 * * * *"}, "no time to begin"),
        ({"time_zone": "Mars", "cron": "0 1 * * *"}, "no time zone"),
        ({"open_store": no_store}, "the disk is gone"),
        ({"open_launcher": partial(LocalLauncher, Path("/dev/null/log"))}, "/dev/null/log"),
        ({"open_store": None}, "not callable"),
    ],
)
def test_what_cannot_be_used_is_answered(embedded: Scheduling, changed: dict[str, Any], wrong: str) -> None:
    answer = embedded.start(**changed)
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


def test_a_model_that_was_trained_by_hand_is_told_of_once(system: Any, embedded: Scheduling) -> None:
    listener = system.createActor(ListenerActor)
    assert isinstance(embedded.start(), Started)
    embedded.tell(Directory({"listener": listener}))
    promote(embedded.store, "by-hand")
    for _ in range(2):
        embedded.tell(WakeupMessage(None, payload=MODELS))
    assert embedded.over(ask_to_run(embedded.store)).steps == ()  # it has taken everything before this
    assert system.ask(listener, "how many?", DEADLINE_SECONDS) == 1


def test_a_model_of_the_night_is_told_of_when_its_step_ends(system: Any, embedded: Scheduling) -> None:
    listener = system.createActor(ListenerActor)
    assert isinstance(embedded.start(step("train", FINE)), Started)
    embedded.tell(Directory({"listener": listener}))
    promote(embedded.store, "tonight")
    embedded.over(ask_to_run(embedded.store))
    eventually(lambda: system.ask(listener, "how many?", DEADLINE_SECONDS) == 1, "it is told of")


def promote(store: Store, model_id: str) -> None:
    digest = hashlib.sha256(b"weights").hexdigest()
    row = ModelRow(EVERYONE, "a@50", Timestamp(1), model_id, digest, "[]", 1, 7, 1.0, "{}")
    ModelStore(store).promote(row, 0.9)
