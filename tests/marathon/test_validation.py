"""Marathon's and Metronome's own examples are judged as they should be, and every broken rule is found."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marathon.findings import Finding
from marathon.raml import schema
from marathon.render.group import Definitions, apps_of, render
from marathon.validation import validate, validate_app, validate_group, validate_job, validate_schedule
from tests.marathon.deployments import production
from tests.marathon.rules_of_raml import mutations

EXAMPLES = Path(__file__).parent / "examples"


def example(name: str) -> Any:
    return json.loads((EXAMPLES / name).read_text())


def told(found: list[Finding]) -> list[str]:
    return [f"{finding.place}: {finding.rule}" for finding in found]


def test_marathons_example_of_a_group_is_right() -> None:
    assert validate_group(example("group.json")) == []


def test_marathons_example_of_an_app_shows_every_field_and_so_breaks_two_rules() -> None:
    """Its types are right. It has a cmd and args, which Marathon refuses, and names a secret that is not
    there.
    """
    assert told(validate_app(example("app.json"))) == [
        "args: an app has a cmd or args, not both",
        "env.PASSWORD.secret: no secret is called '/db/password'",
    ]


def test_marathons_example_of_an_app_is_right_without_them() -> None:
    app = example("app.json")
    del app["args"]
    app["secrets"]["/db/password"] = {"source": "/db/password"}
    assert validate_app(app) == []


@pytest.mark.parametrize("name", sorted(path.name for path in (EXAMPLES / "metronome").glob("*.json")))
def test_metronomes_examples_are_as_its_schema_says(name: str) -> None:
    value = example(f"metronome/{name}")
    found = validate_schedule(value) if name == "schedule.json" else validate_job(value)
    assert told(found) == (["run.disk: it is required"] if name == "job_docker_param.json" else [])


@pytest.mark.parametrize(
    ("part", "rules_least"),
    [("/muvr/node", 150), ("/muvr/cassandra/node-1", 150), ("/muvr/spark/master", 100), ("", 40)],
)
def test_every_rule_of_marathons_types_that_a_part_touches_is_found_when_broken(
    part: str, rules_least: int
) -> None:
    """`rules_least`, so that nobody loses rules unseen. The part without a name is the group around them."""
    group = render(production()).group
    value = apps_of(group)[part] if part else _with_least_apps(group)
    whose, check = (("app", "App"), validate_app) if part else (("group", "GroupUpdate"), validate_group)
    assert check(value) == []
    unseen, count = [], 0
    for mutation in mutations(*whose, value):
        count += 1
        places = [finding.path for finding in check(mutation.value)]
        if mutation.path not in places:
            unseen.append((mutation.path, mutation.rule, places))
    assert not unseen
    assert count >= rules_least


def _with_least_apps(group: dict[str, Any]) -> dict[str, Any]:
    apps = [{"id": "/muvr/one", "cmd": "true", "dependencies": ["/muvr/inner"]}]
    inner = {"id": "/muvr/inner", "apps": [{"id": "/muvr/inner/two", "cmd": "true"}], "groups": []}
    return {**group, "apps": apps, "groups": [inner], "dependencies": ["/other"]}


def test_a_deployments_every_part_is_an_app_of_marathons() -> None:
    for app in apps_of(render(production()).group).values():
        assert validate_app(app) == []


@pytest.mark.parametrize(
    ("change", "place", "fix"),
    [
        (lambda app: app.update(cpu=1), "cpu", "write cpus, or leave it out"),
        (lambda app: app.update(mem="1G"), "mem", "write a value of type number"),
        (lambda app: app["healthChecks"][0].update(portIndex=7), "healthChecks[0].portIndex", "name one"),
        (lambda app: app["healthChecks"][0].update(port=80), "healthChecks[0].port", "leave one out"),
        (lambda app: app["healthChecks"].append(app["healthChecks"][0] | {"protocol": "MESOS_TCP"}),
         "healthChecks", "leave the others out"),
        (lambda app: app["readinessChecks"][0].update(portName="web"), "readinessChecks[0].portName", "name"),
        (lambda app: app["readinessChecks"][0].update(timeoutSeconds=5), "readinessChecks[0].timeoutSeconds",
         "give less than 5"),
        (lambda app: app["constraints"].append(["zone", "SPREAD"]), "constraints[3]", "write one of UNIQUE"),
        (lambda app: app["constraints"].append(["zone", "IS"]), "constraints[3]", "give one as the third"),
        (lambda app: app["constraints"].append(["zone", "UNIQUE", "a"]), "constraints[3]", "leave it out"),
        (lambda app: app["constraints"].append(["zone", "MAX_PER", "a"]), "constraints[3]", "instead of 'a'"),
        (lambda app: app["constraints"].append(["zone", "LIKE", "("]), "constraints[3]", "correct it"),
        (lambda app: app["networks"][0].update(name="x"), "networks[0].name", "leave it out"),
        (lambda app: app.update(networks=[{"mode": "container"}]), "networks[0].name", "give it"),
        (lambda app: app["portDefinitions"][1].update(name="devices"), "portDefinitions", "rename"),
        (lambda app: app["unreachableStrategy"].update(inactiveAfterSeconds=9),
         "unreachableStrategy.inactiveAfterSeconds", "give 0 or less"),
        (lambda app: app["container"].update(type="DOCKER"), "container.type", "write MESOS"),
        (lambda app: app["secrets"].pop("master-key"), "container.volumes[0].secret", "add it to secrets"),
        (lambda app: app.update(env={"X": {"secret": "x"}}), "env.X.secret", "add it to secrets"),
        (lambda app: app["container"]["volumes"].append(
            {"containerPath": "/data", "mode": "RO", "persistent": {"size": 1}}),
         "container.volumes[5].containerPath", "without a slash"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_place_and_a_fix(
    change: Callable[[dict[str, Any]], Any], place: str, fix: str
) -> None:
    app = copy.deepcopy(apps_of(render(production()).group)["/muvr/node"])
    change(app)
    found = {finding.place: finding.fix for finding in validate_app(app)}
    assert fix in found[place], found


@pytest.mark.parametrize(
    ("name", "change", "rule"),
    [
        ("/muvr/cassandra/node-0", {"unreachableStrategy": {"expungeAfterSeconds": 9}}, "waited for"),
        ("/muvr/cassandra/node-0", {"constraints": [["lifecycle", "IS", "spot"]]}, "machines that stay"),
        ("/muvr/cassandra/node-0", {"constraints": []}, "machines that stay"),
        ("/muvr/cassandra/node-0",
         {"upgradeStrategy": {"minimumHealthCapacity": 1, "maximumOverCapacity": 0}}, "stopped before it"),
        ("/muvr/cassandra/node-0", {"mem": 8_192}, "a heap is at most half of its container"),
        ("/muvr/node", {"unreachableStrategy": "disabled"}, "replaced at once"),
        ("/muvr/node", {"taskKillGracePeriodSeconds": 119}, "within the notice"),
        ("/muvr/node", {"healthChecks": []}, "the agent checks"),
        ("/muvr/node", {"env": {"DB_PASSWORD": "x"}}, "a definition names secrets"),
        ("/muvr/node", {"cmd": "muvr up --store cassandra://me:x@host/muvr"}, "an address has no password"),
    ],
)  # fmt: skip
def test_what_muvrs_parts_keep_to_is_found_when_broken(name: str, change: dict[str, Any], rule: str) -> None:
    definitions = render(production())
    assert validate(definitions) == []
    apps_of(definitions.group)[name].update(change)
    assert [finding for finding in validate(definitions) if rule in finding.rule and finding.whose == name]


@pytest.mark.parametrize(
    ("schedule", "place"),
    [({"concurrencyPolicy": "ALLOW"}, "concurrencyPolicy"), ({"startingDeadlineSeconds": 0},
      "startingDeadlineSeconds"), ({"cronn": "x"}, "cronn")],
)  # fmt: skip
def test_a_schedules_faults(schedule: dict[str, Any], place: str) -> None:
    whole = render(production())
    schedules = {name: each | schedule for name, each in whole.schedules.items()}
    broken = Definitions(group=whole.group, jobs=whole.jobs, schedules=schedules)
    assert place in [finding.place for finding in validate(broken)]


def test_dependencies_are_there_and_go_in_no_circle() -> None:
    group = render(production()).group
    apps_of(group)["/muvr/cassandra/node-0"]["dependencies"] = ["/muvr/cassandra/node-2"]
    assert any("wait for each other" in finding.rule for finding in validate_group(group))
    apps_of(group)["/muvr/cassandra/node-0"]["dependencies"] = ["/muvr/nobody"]
    assert any("which is not there" in finding.rule for finding in validate_group(group))


@pytest.mark.parametrize("value", [None, [], "x", 3, {"id": 3}, {"apps": [None]}, {"id": "/a", "apps": [[]]}])
def test_anything_is_judged(value: Any) -> None:
    assert validate_group(value)
    assert validate_app(value)
    assert validate_job(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "apps", "groups", "cmd", "run", "env", "container", "volumes", "dependencies"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(JSON, JSON, st.dictionaries(st.text(max_size=3), JSON, max_size=2))
def test_whatever_json_there_is_is_judged(group: Any, job: Any, schedules: dict[str, Any]) -> None:
    for finding in validate(Definitions(group=group, jobs=(job,), schedules=schedules)):
        assert str(finding)
    validate_app(group)


def test_types_that_inherit_have_their_parents_fields() -> None:
    info = schema("app.AppInfo")["definitions"]["app.AppInfo"]["properties"]
    assert {"tasksRunning", "cmd"} <= set(info)
