"""A night of a rendered deployment, from its schedule to the model that devices get.

Marathon and Metronome are fakes; everything that they run is muvr's own.
"""

from __future__ import annotations

import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from actors.night import SUCCEEDED
from actors.night_record import read_nights
from gateway.auth import Tokens
from marathon.apply import apply, current_plan
from marathon.description import Deployment, parse_deployment
from marathon.fake.marathon import agents, fake_marathon
from marathon.fake.metronome import FakeMetronome, fake_metronome
from marathon.render.group import render
from marathon.rollout import Rollout
from marathon.status import status_of
from marathon.validation import validate
from persistence.location import open_store
from persistence.secret_files import load_or_make_key
from tests.actors.helpers import eventually
from tests.marathon.small import checkout_programs, cluster
from tests.played_day import play_day, take_model

NIGHT_SECONDS = 1500.0  # generous: it only bounds a test that fails
BEFORE = datetime(2026, 11, 26, 2, 29, tzinfo=UTC)
DESCRIPTION = """
environment = "dev"
group = "/gym"
store = "sqlite:DIRECTORY/store"
program = "PROGRAM"
python = "PYTHON"
[cassandra]
nodes = 0
[node]
instances = 1
cpus = 1
memory_mb = 1024
listen = "127.0.0.1"
start_seconds = 120
keys_path = "DIRECTORY/keys"
[night]
cron = "30 2 * * *"
[services]
marathon = "MARATHON"
metronome = "METRONOME"
mesos = "METRONOME"
"""


def described(directory: Path, marathon: str, metronome: str) -> Deployment:
    program, python = checkout_programs(directory)
    said = {"DIRECTORY": directory, "PROGRAM": program, "PYTHON": python}
    text = DESCRIPTION
    for name, value in {**said, "MARATHON": marathon, "METRONOME": metronome}.items():
        text = text.replace(name, str(value))
    return parse_deployment(text)


@pytest.mark.soak
@pytest.mark.timeout(2400)
def test_a_night_from_its_schedule_to_the_model_that_devices_get(tmp_path: Path) -> None:
    with (
        fake_marathon(tmp_path / "marathon", agents(1, spot_from=0)) as marathon,
        fake_metronome(tmp_path) as metronome,
    ):
        deployment = described(tmp_path, marathon.url, metronome.url)
        wanted = render(deployment)
        assert validate(wanted) == []
        there = cluster(marathon.url, [], threading.Event().wait, metronome_url=metronome.url, patience_s=300)
        rollout = apply(there, wanted, current_plan(there, wanted))
        assert isinstance(rollout, Rollout)
        assert rollout.state == "done", rollout.reason
        (task,) = there.marathon.tasks("/gym/node")
        url = f"ws://{task['host']}:{task['ports'][0]}"
        tokens = Tokens(load_or_make_key(tmp_path / "keys" / "tokens.key"), time.time)
        assert play_day(url, tokens)
        assert metronome.run_due(BEFORE, BEFORE + timedelta(minutes=2)) == ["gym.night"]
        eventually(lambda: ended(metronome, "gym.night"), "the night is over", NIGHT_SECONDS)
        check_night(tmp_path)
        assert status_of(there, "/gym", "gym").jobs["gym.night"] == "succeeded; 30 2 * * * UTC"
        steps = {name for name in metronome.jobs if name.startswith("gym.steps.")}
        assert len(steps) == len(metronome.jobs) - 1 > 0, "each step was a job of its own"
        take_model(url, tokens, tmp_path / "keys")


def ended(metronome: FakeMetronome, name: str) -> bool:
    (run,) = metronome.jobs[name].runs
    return run.process.poll() is not None


def check_night(directory: Path) -> None:
    with closing(open_store(f"sqlite:{directory / 'store'}")) as store:
        (night,) = read_nights(store, 2)
    told = [f"{step.name} {step.state}: {step.message}" for step in night.steps]
    assert night.state == SUCCEEDED, told
    assert {"batch", "train", "evaluate", "promote"} <= {step.name.partition(" ")[0] for step in night.steps}
