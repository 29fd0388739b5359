"""Programs as jobs of Metronome: the contract, for whoever asks, and while it cannot be reached."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actors.launcher import Report, RunState
from actors.metronome_launcher import FOLDER, SETTLE_SECONDS, MetronomeLauncher, MetronomeSettings
from actors.tenure import machine_s
from domain.errors import ProcessFailed
from marathon.fake.metronome import FakeMetronome, fake_metronome
from marathon.metronome import job_id
from tests.actors.helpers import eventually
from tests.actors.launchers import HANGS, LauncherContract, ended, python, until


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeMetronome]:
    with fake_metronome(tmp_path) as fake:
        yield fake


def launcher_of(fake: FakeMetronome, clock_s: Callable[[], float] = machine_s) -> MetronomeLauncher:
    settings = MetronomeSettings(url=fake.url, mesos_url=fake.url, python=sys.executable)
    return MetronomeLauncher(settings, clock_s, poll_s=0.0)


@pytest.fixture
def launcher(fake: FakeMetronome) -> MetronomeLauncher:
    return launcher_of(fake)


class TestMetronome(LauncherContract):
    """The contract, on a cluster."""


def starts(fake: FakeMetronome) -> int:
    return sum(method == "POST" and path.endswith("/runs") for method, path in fake.asked)


def test_a_run_is_known_to_every_launcher(fake: FakeMetronome) -> None:
    code = 'print(\'{"done": 1, "total": 2}\', flush=True); import time; time.sleep(600)'
    first, second = launcher_of(fake), launcher_of(fake)
    first.start("one", python(code), until())
    first.close()
    second.start("one", python(code), until())
    assert starts(fake) == 1
    assert eventually(lambda: second.poll("one").lines, "it prints") == [{"done": 1, "total": 2}]
    second.stop("one")
    assert ended(second, "one")[0].state is RunState.ENDED
    assert ended(launcher_of(fake), "one")[0].state is RunState.ENDED


def test_an_answer_that_is_lost_starts_nothing_twice(
    fake: FakeMetronome, launcher: MetronomeLauncher
) -> None:
    fake.refusals = [503]
    launcher.start("one", python("exit(3)"), until())
    assert starts(fake) == 0
    assert launcher.poll("one") == Report(state=RunState.LOST)
    launcher.start("one", python("exit(3)"), until())
    assert ended(launcher, "one")[0].status == 3
    assert starts(fake) == 1


def test_a_job_whose_run_was_never_begun_is_begun_after_a_while(fake: FakeMetronome) -> None:
    now_s = 0.0
    launcher = launcher_of(fake, lambda: now_s)
    launcher.start("one", python("exit(3)"), until_s=0.0)  # its time was over before it could be
    assert list(fake.jobs) == [job_id(FOLDER, "one")]
    assert starts(fake) == 0
    assert launcher.poll("one").state is RunState.RUNNING
    now_s = SETTLE_SECONDS
    assert launcher.poll("one").state is RunState.LOST
    launcher.start("one", python("exit(3)"), until_s=100.0)
    assert ended(launcher, "one")[0].status == 3


def test_while_metronome_cannot_be_reached_nothing_is_known(fake: FakeMetronome) -> None:
    launcher = launcher_of(fake)
    launcher.start("one", python(HANGS), until())
    eventually(lambda: launcher.poll("one").state is RunState.RUNNING, "it runs")
    fake.refusals = [500, 503, 429]
    assert [launcher.poll("one").state for _ in range(3)] == 3 * [RunState.RUNNING]
    fake.refusals = [503]
    launcher.stop("one")
    assert ended(launcher, "one")[0].state is RunState.ENDED


def test_what_metronome_refuses_is_never_started(fake: FakeMetronome, launcher: MetronomeLauncher) -> None:
    fake.refusals = [422]
    with pytest.raises(ProcessFailed, match="as the test wants it"):
        launcher.start("one", python(HANGS), until())


def test_a_log_that_cannot_be_read_says_where_it_is(fake: FakeMetronome, launcher: MetronomeLauncher) -> None:
    assert job_id(FOLDER, "one") in launcher.log("one")
    launcher.start("two", python("import sys; print('so it is', file=sys.stderr)"), until())
    ended(launcher, "two")
    assert launcher.log("two") == "so it is\n"


def test_what_is_printed_last_is_waited_for_but_not_for_ever(fake: FakeMetronome, tmp_path: Path) -> None:
    now_s = 0.0
    launcher = launcher_of(fake, lambda: now_s)
    launcher.start("one", python("print('{}'); exit(3)"), until_s=100.0)
    (run,) = fake.jobs[job_id(FOLDER, "one")].runs
    run.process.wait()
    (run.directory / "stdout").rename(tmp_path / "gone")
    assert launcher.poll("one").state is RunState.RUNNING
    now_s = SETTLE_SECONDS
    assert launcher.poll("one").state is RunState.ENDED
    (tmp_path / "gone").rename(run.directory / "stdout")
    assert ended(launcher_of(fake), "one") == (Report(state=RunState.ENDED, status=3, lines=[{}]), [{}])


def test_jobs_of_runs_that_are_forgotten_are_removed(
    fake: FakeMetronome, launcher: MetronomeLauncher
) -> None:
    for key, code in (("old", "exit(0)"), ("kept", "exit(1)"), ("long", HANGS)):
        launcher.start(key, python(code), until())
    for key in ("old", "kept"):
        ended(launcher, key)
    launcher.retain(["kept"])
    assert sorted(fake.jobs) == sorted([job_id(FOLDER, "kept"), job_id(FOLDER, "long")])
    assert launcher.poll("old").state is RunState.LOST
    fake.refusals = [503]
    launcher.retain([])
    assert job_id(FOLDER, "kept") in fake.jobs


def test_long_output_is_read_in_parts(fake: FakeMetronome, launcher: MetronomeLauncher) -> None:
    code = """
import json
for nr in range(20_000):
    print(json.dumps({"nr": nr, "words": "größer"}, ensure_ascii=False))
"""
    launcher.start("one", python(code), until())
    lines = ended(launcher, "one")[1]
    assert [line["nr"] for line in lines] == list(range(20_000))
    assert json.dumps(lines[-1]["words"]) == json.dumps("größer")
