"""The actions that change nothing: render, validate, plan, status."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from cli.marathon.services import cluster_of, described
from domain.errors import ConfigurationError
from marathon.apply import current_plan
from marathon.description import read_deployment
from marathon.difference import Plan
from marathon.findings import Finding
from marathon.render.group import Definitions, render
from marathon.status import AppStatus, Status, status_of
from marathon.validation import validate, validate_app, validate_group, validate_job

BYTES_MAX = 16 << 20


def render_command(options: argparse.Namespace) -> int:
    _, definitions = described(options)
    print(json.dumps(definitions.as_json(), indent=None if options.json else 2))
    return 0


def validate_command(options: argparse.Namespace) -> int:
    found = _findings(options.deployment)
    if options.json:
        items = [
            {"place": each.place, "of": each.whose, "rule": each.rule, "fix": each.fix} for each in found
        ]
        print(json.dumps({"findings": items}))
    else:
        for finding in found:
            print(finding)
        if not found:
            print(f"{options.deployment} is as Marathon and Metronome want it")
    return 1 if found else 0


def plan_command(options: argparse.Namespace) -> int:
    deployment, definitions = described(options)
    print_plan(current_plan(cluster_of(options, deployment), definitions), as_json=options.json)
    return 0


def print_plan(plan: Plan, *, as_json: bool) -> None:
    if not as_json:
        print("\n".join(plan.words()))
        return
    changes = [
        {"what": each.what, "name": each.name, "kind": each.kind, "effect": each.effect,
         "lines": [str(line) for line in each.lines], "volumes": list(each.volumes)}
        for each in plan.changes
    ]  # fmt: skip
    print(json.dumps({"changes": changes}))


def status_command(options: argparse.Namespace) -> int:
    deployment = read_deployment(options.deployment)
    status = status_of(cluster_of(options, deployment), deployment.group, deployment.folder)
    if options.json:
        print(json.dumps(status.as_json()))
    else:
        print("\n".join(_words(status)))
    return 0 if status.serves else 1


def _words(status: Status) -> list[str]:
    if not status.apps:
        return ["nothing runs: `muvr marathon apply` starts it"]
    lines = [_app_words(app) for app in status.apps]
    lines += [
        f"under way: {each.deployment_id}, step {each.step} of {each.steps}: {', '.join(each.current)}"
        for each in status.deployments
    ]
    return lines + [f"job {name}: {words}" for name, words in status.jobs.items()]


def _app_words(app: AppStatus) -> str:
    words = f"{app.name}: {app.running} of {app.instances} run, {app.healthy} healthy"
    words += f", on {', '.join(sorted(app.hosts))}" if app.hosts else ""
    words += f"; waits: {app.waits}" if app.waits else ""
    return words + (f"; last failure {app.failure}" if app.failure else "")


def _findings(path: Path) -> list[Finding]:
    if path.suffix == ".toml":
        return validate(render(read_deployment(path)))
    value = _json(path)
    if isinstance(value, dict) and "group" in value:
        return validate(_whole(path, value))
    if isinstance(value, dict) and "run" in value:
        return validate_job(value)
    if isinstance(value, dict) and {"apps", "groups"} & set(value):
        return validate_group(value)
    return validate_app(value)


def _whole(path: Path, value: dict[str, Any]) -> Definitions:
    """As `render` prints it."""
    jobs, schedules = value.get("jobs", []), value.get("schedules", {})
    if not isinstance(jobs, list) or not isinstance(schedules, dict):
        raise ConfigurationError(
            f"{path} has other jobs or schedules than `muvr marathon render` prints",
            expected="a list, and an object",
        )
    return Definitions(group=value["group"], jobs=tuple(jobs), schedules=schedules)


def _json(path: Path) -> Any:
    try:
        with sys.stdin.buffer if str(path) == "-" else path.open("rb") as file:
            return json.loads(file.read(BYTES_MAX))
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} is no JSON: {error}") from error
