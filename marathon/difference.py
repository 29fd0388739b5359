"""What would change if definitions were handed over, readable before it is done. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from marathon.findings import Path, place
from marathon.raml import schema
from marathon.render.group import Definitions, apps_of, volumes_of

# What Marathon adds to an app when it is asked for one.
REPORTED = frozenset(
    (
        "version", "versionInfo", "tasks", "tasksStaged", "tasksRunning", "tasksHealthy", "tasksUnhealthy",
        "deployments", "lastTaskFailure", "readinessCheckResults", "taskStats", "tasksStats",
    )
)  # fmt: skip
JOB_REPORTED = frozenset(("activeRuns", "history", "historySummary", "schedules"))
NEXT_RUN = frozenset(("nextRunAt",))
SCALING = "instances"
LINE_CHARACTERS_MAX = 160
Kind = Literal["add", "change", "remove"]
_SIGNS = {"add": "+", "change": "~", "remove": "-"}


@dataclass(frozen=True)
class Line:
    """One field: `before` and `after` are None where there is none."""

    path: Path
    before: Any
    after: Any

    def __str__(self) -> str:
        sign = "+" if self.before is None else "-" if self.after is None else "~"
        values = [_told(value) for value in (self.before, self.after) if value is not None]
        return f"{sign} {place(self.path)}: {' -> '.join(values)}"


@dataclass(frozen=True, kw_only=True)
class Change:
    """Of an app, a job or a schedule. `volumes` are lost with it."""

    what: str
    name: str
    kind: Kind
    lines: tuple[Line, ...] = ()
    volumes: tuple[str, ...] = ()

    @property
    def is_scaling(self) -> bool:
        """Nothing that runs is started anew."""
        return self.kind == "change" and all(line.path == (SCALING,) for line in self.lines)

    @property
    def effect(self) -> str:
        if self.kind == "remove":
            lost = f", with its volumes {', '.join(self.volumes)}" if self.volumes else ""
            return f"is stopped{lost}"
        if self.kind == "add":
            return "is added"
        if self.what != "app":
            return "changes; what runs goes on"
        return "is scaled" if self.is_scaling else "every instance is started anew"

    def words(self) -> list[str]:
        return [
            f"{_SIGNS[self.kind]} {self.what} {self.name} {self.effect}",
            *(f"    {line}" for line in self.lines),
        ]


@dataclass(frozen=True)
class Plan:
    changes: tuple[Change, ...] = field(default=())

    def __bool__(self) -> bool:
        return bool(self.changes)

    @property
    def is_of_group(self) -> bool:
        return any(change.what == "app" for change in self.changes)

    @property
    def lost(self) -> dict[str, tuple[str, ...]]:
        """Volumes that would be lost, by their app."""
        return {
            change.name: change.volumes
            for change in self.changes
            if change.kind == "remove" and change.volumes
        }

    def words(self) -> list[str]:
        if not self.changes:
            return ["nothing to do: what runs is what is described"]
        counts = {kind: sum(change.kind == kind for change in self.changes) for kind in _SIGNS}
        total = f"{counts['add']} to add, {counts['change']} to change, {counts['remove']} to remove"
        return [line for change in self.changes for line in change.words()] + [total]


def plan(
    wanted: Definitions,
    group: Mapping[str, Any] | None,
    jobs: Mapping[str, tuple[Mapping[str, Any], Iterable[Mapping[str, Any]]]],
) -> Plan:
    """From what there is (`group` of Marathon, `jobs` of Metronome with their schedules, by name)."""
    changes = list(_app_changes(apps_of(wanted.group), apps_of(dict(group or {}))))
    changes += _job_changes(wanted, jobs)
    return Plan(tuple(changes))


def _app_changes(wanted: Mapping[str, Any], there: Mapping[str, Any]) -> Iterator[Change]:
    for name, app in wanted.items():
        if name not in there:
            lines = tuple(Line((field_,), None, app[field_]) for field_ in ("instances", "cpus", "mem"))
            yield Change(what="app", name=name, kind="add", lines=lines)
        elif lines := tuple(_lines(app, _cleared(there[name], REPORTED), _app_defaults(), ())):
            yield Change(what="app", name=name, kind="change", lines=lines)
    for name in sorted(set(there) - set(wanted)):
        yield Change(what="app", name=name, kind="remove", volumes=tuple(volumes_of(there[name])))


def _job_changes(wanted: Definitions, there: Mapping[str, Any]) -> Iterator[Change]:
    for job in wanted.jobs:
        name, schedule = job["id"], wanted.schedules.get(job["id"])
        found, schedules = there.get(name, (None, ()))
        if found is None:
            yield Change(what="job", name=name, kind="add")
        elif lines := tuple(_lines(job, _cleared(found, JOB_REPORTED), {}, ())):
            yield Change(what="job", name=name, kind="change", lines=lines)
        if schedule is not None:
            yield from _schedule_changes(name, schedule, list(schedules))
    for name in sorted(set(there) - {job["id"] for job in wanted.jobs}):
        yield Change(what="job", name=name, kind="remove")


def _schedule_changes(
    job: str, wanted: Mapping[str, Any], there: list[Mapping[str, Any]]
) -> Iterator[Change]:
    found = next((each for each in there if each.get("id") == wanted["id"]), None)
    if found is None:
        cron = Line(("cron",), None, wanted["cron"])
        yield Change(what="schedule", name=job, kind="add", lines=(cron,))
    elif lines := tuple(_lines(wanted, _cleared(found, NEXT_RUN), {}, ())):
        yield Change(what="schedule", name=job, kind="change", lines=lines)


def _lines(wanted: Any, there: Any, defaults: Mapping[str, Any], path: Path) -> Iterator[Line]:
    """Fields that differ. What is only there counts if it is neither empty nor a default of Marathon's."""
    if isinstance(wanted, Mapping) and isinstance(there, Mapping):
        for name, value in wanted.items():
            default = defaults.get(name)
            yield from _lines(value, there.get(name, default), {}, (*path, name))
        for name in there:
            if name not in wanted and there[name] and there[name] != defaults.get(name) and _is_ours(path):
                yield Line((*path, name), there[name], None)
    elif _is_list_of_objects(wanted) and isinstance(there, list) and len(wanted) == len(there):
        for index, (one, other) in enumerate(zip(wanted, there, strict=True)):
            yield from _lines(one, other, {}, (*path, index))
    elif wanted != there and (wanted or there):
        yield Line(path, there, wanted)


def _is_ours(path: Path) -> bool:
    """Whether what is written at `path` is all that there should be; elsewhere Marathon fills fields in."""
    return path in ((), ("env",), ("labels",), ("secrets",), ("run", "env"), ("run", "secrets"))


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) for each in value)


def _app_defaults() -> dict[str, Any]:
    """What Marathon fills in where an app says nothing, by its types, or by its code."""
    properties = schema("app.App")["definitions"]["app.App"]["properties"]
    said = {name: each["default"] for name, each in properties.items() if "default" in each}
    return {**said, "killSelection": "YOUNGEST_FIRST", "role": "*"}


def _cleared(found: Mapping[str, Any], reported: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in reported}


def _told(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= LINE_CHARACTERS_MAX else f"{text[:LINE_CHARACTERS_MAX]}..."
