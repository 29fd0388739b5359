"""`muvr metrics`: what a node counts, a dashboard and alert rules for it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from cli.parsing import explain
from cli.places import write_whole
from telemetry.alerts import rules, rules_file
from telemetry.dashboard import dashboard
from telemetry.kinds import AnyMetric
from telemetry.metrics import DECLARED

_EXAMPLES = {
    "list": "muvr metrics list      every metric with its labels\nmuvr metrics list --json",
    "dashboard": "muvr metrics dashboard --out muvr.json   for Grafana's import",
    "alerts": "muvr metrics alerts --out muvr.rules.yml   for rule_files of prometheus.yml",
}

_AS_JSON = {
    "list": "a list of objects",
    "dashboard": "on one line",
    "alerts": "as JSON, which Prometheus reads too",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    explain(parser, "\n".join(_EXAMPLES.values()))
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    for name, words in (
        ("list", "name, type, labels and meaning of every metric"),
        ("dashboard", "a dashboard of Grafana, as JSON"),
        ("alerts", "alert rules of Prometheus, as YAML"),
    ):
        action = actions.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        if name != "list":
            action.add_argument(
                "--out", type=Path, default=Path("-"), metavar="FILE", help="default: standard output"
            )
        action.add_argument("--json", action="store_true", help=_AS_JSON[name])
        explain(action, _EXAMPLES[name])


def run(options: argparse.Namespace) -> int:
    if options.action == "list":
        described = list(map(_described, DECLARED.metrics))
        print(json.dumps(described) if options.json else "\n".join(map(_line, DECLARED.metrics)))
    elif options.action == "dashboard":
        _write(options.out, json.dumps(dashboard(), indent=None if options.json else 2))
    else:
        _write(options.out, json.dumps(rules()) if options.json else rules_file())
    return 0


def _write(path: Path, text: str) -> None:
    if str(path) == "-":
        print(text.rstrip("\n"))
    else:
        write_whole(path, (text.rstrip("\n") + "\n").encode())


def _described(metric: AnyMetric) -> dict[str, Any]:
    return {
        "name": metric.name,
        "type": metric.kind,
        "labels": {label: list(metric.labels.get(label, ())) for label in metric.label_names},
        "help": metric.help_text,
    }


def _line(metric: AnyMetric) -> str:
    labels = f"{{{', '.join(metric.label_names)}}}" if metric.label_names else ""
    return f"{metric.name + labels:64} {metric.kind:9} {metric.help_text}"
