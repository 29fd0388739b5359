"""What plan shows, of what Marathon and Metronome have and what is described."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings

from marathon.description import Deployment
from marathon.difference import Plan, plan
from marathon.fake.state import filled
from marathon.render.group import Definitions, apps_of, render
from tests.marathon.deployments import deployments, production

REPORTED = {"tasksRunning": 1, "tasksHealthy": 1, "version": "x", "deployments": [], "tasks": []}


def as_marathon_has_it(definitions: Definitions) -> dict[str, Any]:
    """With everything that Marathon fills in and reports."""
    group = copy.deepcopy(definitions.group)

    def fill(each: dict[str, Any]) -> dict[str, Any]:
        apps = [{**filled(app, "2026-11-26T00:00:00.000Z"), **REPORTED} for app in each["apps"]]
        return {**each, "apps": apps, "groups": [fill(inner) for inner in each["groups"]], "version": "x"}

    return fill(group)


def as_metronome_has_it(definitions: Definitions) -> dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]:
    return {
        job["id"]: (
            {**copy.deepcopy(job), "history": {}},
            [{**definitions.schedules[job["id"]], "nextRunAt": "2026-11-27"}],
        )
        for job in definitions.jobs
    }


def changed(wanted: Definitions, there: Definitions) -> Plan:
    return plan(wanted, as_marathon_has_it(there), as_metronome_has_it(there))


@given(deployments())
@settings(max_examples=30)
def test_what_runs_as_it_is_described_changes_nothing(deployment: Deployment) -> None:
    definitions = render(deployment)
    assert not changed(definitions, definitions)


@given(deployments())
@settings(max_examples=30)
def test_where_nothing_runs_everything_is_added(deployment: Deployment) -> None:
    definitions = render(deployment)
    found = plan(definitions, None, {})
    assert {change.kind for change in found.changes} == {"add"}
    names = {change.name for change in found.changes}
    assert names == set(apps_of(definitions.group)) | {job["id"] for job in definitions.jobs}


def test_a_field_that_changes_is_shown_with_both_values() -> None:
    there, wanted = render(production()), render(production())
    apps_of(wanted.group)["/muvr/node"]["healthChecks"][0]["intervalSeconds"] = 30
    (change,) = changed(wanted, there).changes
    assert change.words() == [
        "~ app /muvr/node every instance is started anew",
        "    ~ healthChecks[0].intervalSeconds: 10 -> 30",
    ]


def test_scaling_starts_nothing_anew() -> None:
    there, wanted = render(production()), render(production())
    apps_of(wanted.group)["/muvr/node"]["instances"] = 5
    (change,) = changed(wanted, there).changes
    assert change.words() == ["~ app /muvr/node is scaled", "    ~ instances: 3 -> 5"]


def test_what_somebody_else_has_set_is_taken_back() -> None:
    there, wanted = render(production()), render(production())
    node = apps_of(there.group)["/muvr/node"]
    node["env"] = {"DEBUG": "1"}
    node["acceptedResourceRoles"] = ["public"]
    (change,) = changed(wanted, there).changes
    assert {str(line) for line in change.lines} == {
        '- env: {"DEBUG": "1"}',
        '- acceptedResourceRoles: ["public"]',
    }


def test_a_part_that_is_described_no_more_goes_with_its_volumes() -> None:
    there, wanted = render(production()), render(production())
    wanted.group["groups"][0]["apps"].pop()
    found = changed(wanted, there)
    assert found.lost == {"/muvr/cassandra/node-2": ("data", "commitlog", "saved_caches")}
    assert "is stopped, with its volumes data, commitlog, saved_caches" in "\n".join(found.words())


def test_a_job_and_its_schedule_change_apart() -> None:
    there, wanted = render(production()), render(production())
    wanted.schedules["muvr.night"]["cron"] = "0 4 * * *"
    wanted.jobs[0]["run"]["mem"] = 512
    assert [str(line) for change in changed(wanted, there).changes for line in change.lines] == [
        "~ run.mem: 256 -> 512",
        '~ cron: "30 2 * * *" -> "0 4 * * *"',
    ]
    without = Definitions(group=wanted.group)
    assert [change.kind for change in changed(without, there).changes] == ["remove"]
