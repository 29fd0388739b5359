"""Whether definitions are what Marathon and Metronome take: the path of each fault, its rule, and a fix.

Three kinds of rules: types, from Marathon's RAML and Metronome's JSON schema; what Marathon's code asks for
besides (`marathon/rules.py`); and what muvr's own parts have to keep to (`marathon/house_rules.py`).
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema

from marathon.findings import Finding, Path
from marathon.house_rules import house_findings
from marathon.raml import schema
from marathon.render.group import Definitions, apps_of
from marathon.rules import app_findings, group_findings

VALUE_CHARACTERS_MAX = 60


def validate(definitions: Definitions) -> list[Finding]:
    """Every fault of what was rendered; empty if it can be handed over."""
    found = validate_group(definitions.group)
    for job in definitions.jobs:
        found += [finding.within(f"job {_name(job)}") for finding in validate_job(job)]
    for job_id, schedule in definitions.schedules.items():
        found += [finding.within(f"schedule of {job_id}") for finding in validate_schedule(schedule)]
    if _has_right_types(definitions):  # which what follows relies on
        found += house_findings(apps_of(definitions.group), definitions.jobs, definitions.schedules)
    return found


def validate_group(group: Any) -> list[Finding]:
    """By Marathon's own rules, whoever wrote it."""
    found = _by_schema(_marathon("group.GroupUpdate"), group)
    if found:
        return found  # what follows relies on the types
    for path, app in _apps_with_paths(group, ()):
        found += [finding.under(path) for finding in app_findings(app)]
    return found + list(group_findings(apps_of(group), _groups_of(group)))


def validate_app(app: Any) -> list[Finding]:
    """By Marathon's own rules, whoever wrote it."""
    return _by_schema(_marathon("app.App"), app) or list(app_findings(app))


def validate_job(job: Any) -> list[Finding]:
    """By Metronome's own schema."""
    found = _by_schema(_metronome("jobspec"), job)
    run = job.get("run") if isinstance(job, dict) and not found else None
    if run is not None and ("cmd" in run) == ("args" in run) and not {"docker", "ucr"} & set(run):
        found.append(Finding(("run",), "a job has a cmd or args", "give one of the two"))
    return found


def validate_schedule(schedule: Any) -> list[Finding]:
    """By Metronome's own schema, of which all that it names is taken to be all that there is."""
    known = _metronome("schedulespec").schema
    found = _by_schema(_metronome("schedulespec"), schedule)
    assert isinstance(known, dict)
    if isinstance(schedule, dict):
        unknown = sorted(set(schedule) - set(known["properties"]))
        found += [Finding((name,), "there is no such field", "leave it out") for name in unknown]
    return found


def _name(job: Any) -> str:
    return str(job.get("id")) if isinstance(job, dict) else "(no object)"


def _has_right_types(definitions: Definitions) -> bool:
    whole: list[tuple[Any, Any]] = [(_marathon("group.GroupUpdate"), definitions.group)]
    whole += [(_metronome("jobspec"), job) for job in definitions.jobs]
    whole += [(_metronome("schedulespec"), schedule) for schedule in definitions.schedules.values()]
    return all(checker.is_valid(value) for checker, value in whole)


@cache
def _marathon(name: str) -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(schema(name))


@cache
def _metronome(name: str) -> jsonschema.Draft4Validator:
    source = files("marathon") / "schemas" / "metronome" / f"{name}.schema.json"
    return jsonschema.Draft4Validator(json.loads(source.read_text(encoding="utf-8")))


def _by_schema(checker: Any, value: Any) -> list[Finding]:
    found = [finding for error in checker.iter_errors(value) for finding in _findings(error, ())]
    return sorted(set(found), key=lambda finding: (finding.place, finding.rule))


def _findings(error: Any, path: Path) -> Iterator[Finding]:
    where = (*path, *error.relative_path)
    if error.validator in ("anyOf", "oneOf") and error.context:
        for inner in _nearest(error):
            yield from _findings(inner, where)
        return
    if error.validator == "additionalProperties":
        for name in _unknown(error):
            meant = difflib.get_close_matches(name, error.schema.get("properties", {}), n=1)
            fix = f"write {meant[0]}, or leave it out" if meant else "leave it out"
            yield Finding((*where, name), "there is no such field", fix)
        return
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        named = [name for name in missing if error.message.startswith(repr(name))]
        for name in named:
            yield Finding((*where, name), "it is required", "give it")
        return
    rule = f"{error.validator} {json.dumps(error.validator_value)}"
    yield Finding(where, rule, f"{_told(error.instance)} is not; {_FIXES[str(error.validator)](error)}")


def _nearest(error: Any) -> list[Any]:
    """Of a union's alternatives, the faults of the one that was most likely meant, by its shape."""
    branches: dict[Any, list[Any]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.relative_schema_path[0], []).append(inner)
    return min(branches.values(), key=_distance)


def _distance(errors: list[Any]) -> tuple[bool, int, int]:
    """Another type is furthest; then fields that the alternative does not have, or misses."""
    is_other = any(error.validator == "type" and not error.relative_path for error in errors)
    shape = sum(
        error.validator in ("additionalProperties", "required") and not error.relative_path
        for error in errors
    )
    return is_other, shape, len(errors)


def _unknown(error: Any) -> list[str]:
    known, patterns = error.schema.get("properties", {}), error.schema.get("patternProperties", {})
    return sorted(name for name in error.instance if name not in known and not patterns)


_FIXES: Mapping[str, Callable[[Any], str]] = {
    "type": lambda error: f"write a value of type {error.validator_value}",
    "enum": lambda error: f"write one of {', '.join(map(str, error.validator_value))}",
    "pattern": lambda error: "write it in that form",
    "minimum": lambda error: f"write {error.validator_value} or more",
    "maximum": lambda error: f"write {error.validator_value} or less",
    "minLength": lambda error: f"write at least {error.validator_value} characters",
    "maxLength": lambda error: f"write at most {error.validator_value} characters",
    "minItems": lambda error: f"give at least {error.validator_value}",
    "maxItems": lambda error: f"give at most {error.validator_value}",
    "uniqueItems": lambda error: "name each once",
}


def _told(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= VALUE_CHARACTERS_MAX else f"{text[:VALUE_CHARACTERS_MAX]}..."


def _apps_with_paths(group: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for index, app in enumerate(group.get("apps") or ()):
        yield (*path, "apps", index), app
    for index, inner in enumerate(group.get("groups") or ()):
        yield from _apps_with_paths(inner, (*path, "groups", index))


def _groups_of(group: Mapping[str, Any]) -> set[str]:
    inner = [_groups_of(each) for each in group.get("groups") or ()]
    return {group["id"]}.union(*inner)
