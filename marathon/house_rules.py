"""What muvr's own definitions keep to, whatever was changed in how they are rendered.

They say why in `docs/operations.md`, "On Mesos and Marathon".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from marathon.checking import NOTICE_SECONDS, STOP_MARGIN_SECONDS
from marathon.findings import Finding

STATEFUL_UPGRADE = {"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0}
REPLACED_AT_ONCE = {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0}
_HEAP = re.compile(r"(\d+)M")
_SECRET_NAME = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|PRIVATE|_KEY$|^KEY_", re.IGNORECASE)
_SECRET_IN_URL = re.compile(r"://[^/\s:@]+:[^/\s:@]+@")


def house_findings(
    apps: Mapping[str, Mapping[str, Any]],
    jobs: Iterable[Mapping[str, Any]],
    schedules: Mapping[str, Mapping[str, Any]],
) -> Iterator[Finding]:
    for name, app in apps.items():
        rules = _stateful if _is_stateful(app) else _stateless
        found = (*rules(app), *_secrets(app), *_heap(app), *_checked(app))
        yield from (finding.within(name) for finding in found)
    for job in jobs:
        found = (*_secrets(job["run"]), *_scheduled(job, schedules.get(job["id"])))
        yield from (finding.within(f"job {job['id']}") for finding in found)


def _is_stateful(app: Mapping[str, Any]) -> bool:
    return any("persistent" in volume for volume in (app.get("container") or {}).get("volumes") or ())


def _lifecycle(app: Mapping[str, Any]) -> str | None:
    values = [c[2] for c in app.get("constraints") or () if c[1] == "IS" and "lifecycle" in c[0]]
    return values[0] if values else None


def _stateful(app: Mapping[str, Any]) -> Iterator[Finding]:
    if _lifecycle(app) in (None, "spot"):
        yield Finding(
            ("constraints",), "data is on machines that stay", 'add ["lifecycle", "IS", "ondemand"]'
        )
    if app.get("unreachableStrategy") != "disabled":
        yield Finding(("unreachableStrategy",), "a node with data is waited for", "write disabled")
    if app.get("upgradeStrategy") != STATEFUL_UPGRADE:
        yield Finding(("upgradeStrategy",), "one with data is stopped before it starts anew",
                      "write a capacity of 0.5 and 0")  # fmt: skip


def _stateless(app: Mapping[str, Any]) -> Iterator[Finding]:
    if app.get("unreachableStrategy") != REPLACED_AT_ONCE:
        yield Finding(("unreachableStrategy",), "what is lost is replaced at once", "write 0 and 0")
    grace, most = app.get("taskKillGracePeriodSeconds", 0), NOTICE_SECONDS - STOP_MARGIN_SECONDS
    if _lifecycle(app) == "spot" and not 0 < grace <= most:
        yield Finding(("taskKillGracePeriodSeconds",), f"it ends within the notice of {NOTICE_SECONDS} s",
                      f"write 1 to {most}")  # fmt: skip


def _checked(app: Mapping[str, Any]) -> Iterator[Finding]:
    protocols = [check.get("protocol", "HTTP") for check in app.get("healthChecks") or ()]
    if not protocols or not all(protocol.startswith("MESOS_") for protocol in protocols):
        yield Finding(("healthChecks",), "the agent checks, not Marathon through the network",
                      "write MESOS_HTTP or MESOS_TCP")  # fmt: skip


def _heap(app: Mapping[str, Any]) -> Iterator[Finding]:
    found = _HEAP.fullmatch(str((app.get("env") or {}).get("MAX_HEAP_SIZE", "")))
    if found and 2 * int(found[1]) > app.get("mem", 0):
        yield Finding(("env", "MAX_HEAP_SIZE"), "a heap is at most half of its container",
                      f"write {int(app.get('mem', 0)) // 2}M or less")  # fmt: skip


def _secrets(run: Mapping[str, Any]) -> Iterator[Finding]:
    """Neither variables that are named after secrets, nor addresses with a password in them."""
    for name, value in (run.get("env") or {}).items():
        if isinstance(value, str) and value and _SECRET_NAME.search(name):
            yield Finding(("env", name), "a definition names secrets, and has none", 'write {"secret": NAME}')
        if isinstance(value, str) and _SECRET_IN_URL.search(value):
            yield Finding(("env", name), "an address has no password in it", "use a file that is a secret")
    if _SECRET_IN_URL.search(run.get("cmd") or ""):
        yield Finding(("cmd",), "an address has no password in it", "use password-file")


def _scheduled(job: Mapping[str, Any], schedule: Mapping[str, Any] | None) -> Iterator[Finding]:
    if schedule is None:
        return
    if schedule.get("concurrencyPolicy") != "FORBID":
        yield Finding(("concurrencyPolicy",), "no two runs at a time", "write FORBID")
    if "startingDeadlineSeconds" not in schedule:
        yield Finding(("startingDeadlineSeconds",), "a run that is late is left out", "give it")
    if job["run"].get("restart", {}).get("policy") != "ON_FAILURE":
        yield Finding(("run", "restart"), "what failed is tried again", "write ON_FAILURE")
