"""The fake Marathon: it deploys, checks, upgrades, goes back and loses machines as Marathon does."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from marathon.apply import Cluster, apply, current_plan, destroy, follow, scale, under_way
from marathon.errors import ClusterRefused, ClusterUnavailable
from marathon.fake.marathon import FakeMarathon, agents, fake_marathon
from marathon.fake.metronome import fake_metronome
from marathon.raml import schema
from marathon.render.group import Definitions
from marathon.rollout import Rollout
from tests.actors.helpers import eventually
from tests.marathon.small import app, cluster, group, resident

ANSWERS = (
    ("/v2/apps", "app.AppList"),
    ("/v2/tasks", "task.TaskList"),
    ("/v2/groups", "group.GroupInfo"),
    ("/v2/info", "info.MarathonInfo"),
    ("/v2/queue", "queue.Queue"),
)
FAILS = "exit 3"


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeMarathon]:
    with fake_marathon(tmp_path, agents(4, spot_from=2)) as fake:
        yield fake


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def there(fake: FakeMarathon, told: list[str]) -> Cluster:
    return cluster(fake.url, told, threading.Event().wait)


def ask(fake: FakeMarathon, path: str) -> Any:
    with urllib.request.urlopen(fake.url + path) as answer:
        return json.load(answer)


def hosts(fake: FakeMarathon, name: str) -> list[str]:
    """Where tasks run now."""
    tasks = ask(fake, f"/v2/apps{name}/tasks")["tasks"]
    return sorted(task["host"] for task in tasks if task["state"] == "TASK_RUNNING")


def deployed(there: Cluster, wanted: Definitions) -> Rollout:
    rollout = apply(there, wanted, current_plan(there, wanted))
    assert rollout is not None
    return rollout


def test_apply_waits_until_everything_serves_and_does_nothing_the_second_time(
    fake: FakeMarathon, there: Cluster, told: list[str]
) -> None:
    wanted = group(app("/try/second", dependencies=["/try/first"]), app("/try/first", instances=2))
    assert deployed(there, wanted).state == "done"
    assert len(hosts(fake, "/try/first")) == 2
    assert told[0].startswith("deploying: step 1 of 2, StartApplication /try/first")
    assert not current_plan(there, wanted)
    assert apply(there, wanted, current_plan(there, wanted)) is None


def test_what_it_answers_has_the_types_of_marathons_own_api(fake: FakeMarathon, there: Cluster) -> None:
    fails = app("/try/fails", cmd=FAILS, backoffSeconds=60)
    wanted = group(app("/try/one"), resident("/try/two"), fails)
    there.marathon.put_group(wanted.group)
    (under_way,) = eventually(lambda: ask(fake, "/v2/deployments"), "it is under way")
    jsonschema.validate(under_way, schema("deploymentEventsInfo.DeploymentStepInfo") | {"unevaluated": 0})
    eventually(lambda: hosts(fake, "/try/one") and hosts(fake, "/try/two"), "both run")
    eventually(lambda: "lastTaskFailure" in str(ask(fake, "/v2/apps")), "the third has failed")
    for path, name in ANSWERS:
        jsonschema.validate(ask(fake, path), schema(name))


def test_an_upgrade_keeps_as_many_serving_as_there_should_be(fake: FakeMarathon, there: Cluster) -> None:
    wanted = group(app("/try/one", instances=2))
    deployed(there, wanted)
    events = Listener(fake)
    changed = group(app("/try/one", instances=2, env={"A": "1"}))
    assert deployed(there, changed).state == "done"
    kinds = events.until("deployment_success")
    statuses = [event["taskStatus"] for event in kinds if event["eventType"] == "status_update_event"]
    assert statuses == ["TASK_RUNNING", "TASK_KILLED", "TASK_RUNNING", "TASK_KILLED"]
    assert not current_plan(there, changed)


def test_what_has_data_is_stopped_first_and_starts_where_its_data_is(
    fake: FakeMarathon, there: Cluster
) -> None:
    command = 'echo "$A" >> data-of-it; ' + app("/x")["cmd"]
    deployed(there, group(resident("/try/one", cmd=command, env={"A": "before"})))
    (host,) = hosts(fake, "/try/one")
    events = Listener(fake)
    deployed(there, group(resident("/try/one", cmd=command, env={"A": "after"})))
    kinds = events.until("deployment_success")
    statuses = [event["taskStatus"] for event in kinds if event["eventType"] == "status_update_event"]
    assert statuses == ["TASK_KILLED", "TASK_RUNNING"]
    assert hosts(fake, "/try/one") == [host]
    (task,) = fake.state.apps["/try/one"].tasks
    assert (task.sandbox / "data-of-it").read_text() == "before\nafter\n"


def test_what_fails_is_taken_back(fake: FakeMarathon, there: Cluster, told: list[str]) -> None:
    good = group(app("/try/one", instances=2), app("/try/two", dependencies=["/try/one"]))
    deployed(there, good)
    before = hosts(fake, "/try/one")
    bad = group(app("/try/one", instances=2, cmd=FAILS), app("/try/two", dependencies=["/try/one"], mem=33),
                app("/try/three"))  # fmt: skip
    rollout = deployed(there, bad)
    assert rollout.state == "rolled back"
    assert rollout.reason == "the tasks of /try/one keep failing: Command exited with status 3"
    assert any(words.startswith("failed: the tasks of /try/one") for words in told)
    assert not current_plan(there, good), "all is as before"
    assert set(hosts(fake, "/try/one")) & set(before), "one went on serving all the time"


def test_what_finds_no_machine_is_taken_back_and_says_why(there: Cluster) -> None:
    impatient = Cluster(
        marathon=there.marathon, metronome=None, clock=there.clock, tell=there.tell, patience_s=1.0
    )
    nowhere = group(app("/try/one", constraints=[["zone", "IS", "z"]]))
    rollout = deployed(impatient, nowhere)
    assert rollout.state == "rolled back"
    assert "/try/one waits: UnfulfilledConstraint (4)" in rollout.reason
    assert there.marathon.group("/try") is None or not (there.marathon.group("/try") or {})["apps"]


def test_a_machine_that_is_taken_away_costs_nothing_but_the_time_to_start_elsewhere(
    fake: FakeMarathon, there: Cluster
) -> None:
    deployed(
        there, group(app("/try/one", instances=2, constraints=[["hostname", "UNIQUE"]]), resident("/try/two"))
    )
    (lost, kept), (with_data,) = hosts(fake, "/try/one"), hosts(fake, "/try/two")
    fake.reclaim(lost)
    eventually(
        lambda: len(hosts(fake, "/try/one")) == 2 and lost not in hosts(fake, "/try/one"), "it is whole"
    )
    assert kept in hosts(fake, "/try/one")
    fake.reclaim(with_data)
    eventually(lambda: hosts(fake, "/try/two") == [], "what has data waits for its machine")
    assert ask(fake, "/v2/apps/try/two/tasks")["tasks"][0]["state"] == "TASK_UNREACHABLE"


def test_scale_and_destroy(fake: FakeMarathon, there: Cluster) -> None:
    wanted = group(app("/try/one"))
    deployed(there, wanted)
    assert scale(there, "/try", "/try/one", 3).state == "done"
    assert len(hosts(fake, "/try/one")) == 3
    (change,) = current_plan(there, wanted).changes
    assert change.is_scaling
    gone = destroy(there, "/try", [])
    assert gone is not None
    assert gone.state == "done"
    assert there.marathon.group("/try") is None
    assert destroy(there, "/try", []) is None


def test_what_was_stopped_by_the_way_comes_back_with_the_rest(fake: FakeMarathon, there: Cluster) -> None:
    good = group(app("/try/one"), app("/try/two"))
    deployed(there, good)
    bad = group(app("/try/one", cmd=FAILS))
    assert deployed(there, bad).state == "rolled back"
    assert not current_plan(there, good)
    assert hosts(fake, "/try/two")


def test_two_deployments_of_the_same_exclude_each_other(there: Cluster) -> None:
    waits = group(app("/try/one", constraints=[["zone", "IS", "z"]]))
    there.marathon.put_group(waits.group)
    with pytest.raises(ClusterRefused, match="another deployment is under way"):
        deployed(there, group(app("/try/one", mem=64)))


def test_ctrl_c_says_what_it_leaves(fake: FakeMarathon, told: list[str]) -> None:
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    there = cluster(fake.url, told, interrupted)
    with pytest.raises(KeyboardInterrupt):
        deployed(there, group(app("/try/one", constraints=[["zone", "IS", "z"]])))
    assert told[-1].startswith("left while deploying: Marathon goes on with deployment ")


def test_apply_after_ctrl_c_waits_for_what_is_under_way(fake: FakeMarathon, there: Cluster) -> None:
    wanted = group(app("/try/one", instances=2))
    there.marathon.put_group(wanted.group)
    assert not current_plan(there, wanted), "Marathon has the definitions already"
    begun = under_way(there, "/try")
    assert begun is not None
    assert under_way(there, "/tr") is None
    assert follow(there, "/try", begun).state == "done"
    assert len(hosts(fake, "/try/one")) == 2
    assert under_way(there, "/try") is None


def test_a_marathon_that_is_away_for_a_moment_is_asked_again(
    there: Cluster, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_once, answers = type(there.marathon).deployments, iter([True, False, True])

    def sometimes(self: Any) -> Any:
        if next(answers, False):
            raise ClusterUnavailable("it is away")
        return ask_once(self)

    monkeypatch.setattr(type(there.marathon), "deployments", sometimes)
    assert deployed(there, group(app("/try/one"))).state == "done"
    assert any("asked again: it is away" in words for words in told)


def test_jobs_come_with_their_schedules_and_go(fake: FakeMarathon, tmp_path: Path, told: list[str]) -> None:
    job = {"id": "try.night", "run": {"cmd": "true", "cpus": 0.1, "mem": 32, "disk": 0}}
    schedule = {"id": "nightly", "cron": "30 2 * * *", "concurrencyPolicy": "FORBID"}
    (tmp_path / "jobs").mkdir()
    with fake_metronome(tmp_path / "jobs") as metronome:
        there = cluster(fake.url, told, threading.Event().wait, metronome_url=metronome.url)
        empty = {"id": "/try", "apps": [], "groups": []}
        wanted = Definitions(group=empty, jobs=(job,), schedules={"try.night": schedule})
        assert [change.what for change in current_plan(there, wanted).changes] == ["job", "schedule"]
        apply(there, wanted, current_plan(there, wanted))
        assert not current_plan(there, wanted)
        later = Definitions(
            group=empty, jobs=(job,), schedules={"try.night": schedule | {"cron": "0 3 * * *"}}
        )
        apply(there, later, current_plan(there, later))
        assert metronome.jobs["try.night"].schedules["nightly"]["cron"] == "0 3 * * *"
        apply(there, Definitions(group=empty), current_plan(there, Definitions(group=empty)))
        assert metronome.jobs == {}


class Listener:
    """Of the stream of events, from now on."""

    def __init__(self, fake: FakeMarathon) -> None:
        self._answer = urllib.request.urlopen(f"{fake.url}/v2/events", timeout=30)
        assert self._next()["eventType"] == "event_stream_attached"

    def until(self, kind: str) -> list[dict[str, Any]]:
        found = [self._next()]
        while found[-1]["eventType"] != kind:
            found.append(self._next())
        self._answer.close()
        return found

    def _next(self) -> dict[str, Any]:
        while not (line := self._answer.readline()).startswith(b"data: "):
            assert line, "the stream has ended"
        event: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
        return event
