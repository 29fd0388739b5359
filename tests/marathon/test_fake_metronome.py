"""The fake Metronome begins jobs at their times, as their schedules say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from marathon.errors import ClusterRefused
from marathon.fake.metronome import FakeMetronome, fake_metronome
from marathon.metronome import Metronome

NAME = "try.night"
BEFORE = datetime(2026, 11, 26, 1, 29, tzinfo=UTC)  # 02:29 in Prague
AFTER = BEFORE + timedelta(minutes=2)
SCHEDULE = {
    "id": "nightly",
    "cron": "30 2 * * *",
    "timezone": "Europe/Prague",
    "concurrencyPolicy": "FORBID",
    "startingDeadlineSeconds": 3600,
}


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeMetronome]:
    with fake_metronome(tmp_path) as fake:
        yield fake


def define(fake: FakeMetronome, command: str, **changes: Any) -> Metronome:
    client = Metronome(fake.url, timeout_s=5.0)
    for _ in range(2):
        client.put({"id": NAME, "run": {"cmd": command, "cpus": 0.1, "mem": 32, "disk": 0}})
        client.put_schedule(NAME, SCHEDULE | changes)
    return client


def test_a_job_begins_at_its_time_in_its_time_zone(fake: FakeMetronome) -> None:
    define(fake, "true")
    assert fake.run_due(BEFORE - timedelta(minutes=10), BEFORE) == []
    assert fake.run_due(BEFORE, AFTER) == [NAME]
    assert fake.run_due(AFTER, AFTER + timedelta(hours=20)) == []


def test_a_job_that_runs_and_forbids_another_is_not_begun_again(fake: FakeMetronome) -> None:
    define(fake, "sleep 600")
    assert fake.run_due(BEFORE, AFTER) == [NAME]
    assert fake.run_due(BEFORE, AFTER) == []
    define(fake, "sleep 600", concurrencyPolicy="ALLOW")
    assert fake.run_due(BEFORE, AFTER) == [NAME]


def test_a_start_that_is_later_than_its_deadline_is_left_out(fake: FakeMetronome) -> None:
    define(fake, "true")
    assert fake.run_due(BEFORE, BEFORE + timedelta(minutes=62)) == []
    define(fake, "true", startingDeadlineSeconds=4000)
    assert fake.run_due(BEFORE, BEFORE + timedelta(minutes=62)) == [NAME]


def test_a_schedule_that_is_off_begins_nothing(fake: FakeMetronome) -> None:
    client = define(fake, "true", enabled=False)
    assert fake.run_due(BEFORE, AFTER) == []
    found = client.definition(NAME)
    assert found is not None
    assert [schedule["enabled"] for schedule in found[1]] == [False]


def test_what_metronome_would_refuse_is_refused(fake: FakeMetronome) -> None:
    client = Metronome(fake.url, timeout_s=5.0)
    with pytest.raises(ClusterRefused, match="it is required"):
        client.put({"id": NAME, "run": {"cmd": "true", "cpus": 0.1, "mem": 32}})
    with pytest.raises(ClusterRefused, match="there is no such field"):
        define(fake, "true", cronn="x")


def test_a_job_that_runs_goes_only_with_its_runs(fake: FakeMetronome) -> None:
    client = define(fake, "sleep 600")
    client.run(NAME)
    with pytest.raises(ClusterRefused, match="active job runs"):
        client.remove(NAME)
    client.remove(NAME, with_runs=True)
    assert client.state(NAME) is None
