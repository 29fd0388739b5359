"""`muvr doctor`: runs the checks one after the other and tells what they find."""

from __future__ import annotations

import argparse
import dataclasses
import fcntl
import json
import time
from collections.abc import Iterator
from pathlib import Path

from cli.doctor import machine, stored
from cli.doctor.findings import Check, Finding, Patient
from cli.parsing import explain
from cli.settings import API_PORT, GATEWAY_PORT, LOOPBACK, NodeSettings

CHECKS: dict[str, Check] = {
    "python": machine.check_python,
    "packages": machine.check_packages,
    "java": machine.check_java,
    "files": machine.check_files,
    "ports": machine.check_ports,
    "clock": machine.check_clock,
    "disk": machine.check_disk,
    "store": stored.check_store,
}
SIGNS = {"ok": "ok     ", "warning": "warning", "problem": "PROBLEM"}

_EXAMPLES = """
muvr doctor                                           before the first start, or while a node runs
muvr doctor --store cassandra://10.0.0.1/muvr --keys DIR
muvr doctor --skip java --json                        a machine that runs no nights
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, default=Path("muvr-data"), metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument("--store", metavar="LOCATION", help="default: the embedded one in --data")
    parser.add_argument("--keys", type=Path, metavar="DIR", help="default: keys in --data")
    parser.add_argument("--host", default=LOOPBACK, help="of both ports (default: %(default)s)")
    parser.add_argument("--gateway-port", type=int, default=GATEWAY_PORT, help="default: %(default)s")
    parser.add_argument("--api-port", type=int, default=API_PORT, help="default: %(default)s")
    parser.add_argument(
        "--lease-seconds", type=float, default=NodeSettings.lease_s, metavar="S", help="default: %(default)s"
    )
    parser.add_argument(
        "--skip", nargs="+", choices=CHECKS, default=[], metavar="CHECK", help=f"one of {', '.join(CHECKS)}"
    )
    parser.add_argument("--json", action="store_true", help="the findings as one JSON object")
    explain(parser, _EXAMPLES, statuses={0: "no problem; there may be warnings", 1: "there is a problem"})


def run(options: argparse.Namespace) -> int:
    settings = NodeSettings(
        data=options.data.absolute(),
        store=options.store,
        keys=options.keys and options.keys.absolute(),
        host=options.host,
        gateway_port=options.gateway_port,
        api_port=options.api_port,
        lease_s=options.lease_seconds,
    )
    patient = Patient(settings=settings, runs=_runs(settings.data), now_s=time.time)
    findings = list(found_by(patient, options.skip))
    is_well = all(finding.verdict != "problem" for finding in findings)
    if options.json:
        told = [dataclasses.asdict(finding) for finding in findings]
        print(json.dumps({"ok": is_well, "findings": told}))
    else:
        print("\n".join(map(_told, findings)))
    return 0 if is_well else 1


def found_by(patient: Patient, skipped: list[str]) -> Iterator[Finding]:
    for name, check in CHECKS.items():
        if name not in skipped:
            yield from check(patient)


def _told(finding: Finding) -> str:
    lines = [f"{SIGNS[finding.verdict]} {finding.check:9} {finding.found}"]
    if finding.expected:
        lines.append(f"{'':17} expected: {finding.expected}")
    if finding.remedy:
        lines.append(f"{'':17} do: {finding.remedy}")
    return "\n".join(lines)


def _runs(data: Path) -> bool:
    """Whether a node holds the directory: see cli/directory.py."""
    path = data / "node.lock"
    if not path.exists():
        return False
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
