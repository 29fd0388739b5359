"""`muvr metrics`: what a node counts, a dashboard and alert rules for it."""

from __future__ import annotations

import argparse
import json
from typing import Any

from cli.parsing import explain
from telemetry.alerts import rules_file
from telemetry.dashboard import dashboard
from telemetry.kinds import AnyMetric
from telemetry.metrics import DECLARED

_EXAMPLES = {
    "list": "muvr metrics list      every metric with its labels\nmuvr metrics list --json",
    "dashboard": "muvr metrics dashboard > muvr.json        for Grafana's import",
    "alerts": "muvr metrics alerts > muvr.rules.yml      for rule_files of prometheus.yml",
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
        if name == "list":
            action.add_argument("--json", action="store_true", help="a list of objects")
        explain(action, _EXAMPLES[name])


def run(options: argparse.Namespace) -> int:
    if options.action == "dashboard":
        print(json.dumps(dashboard(), indent=2))
    elif options.action == "alerts":
        print(rules_file(), end="")
    elif options.json:
        print(json.dumps([_described(metric) for metric in DECLARED.metrics]))
    else:
        print("\n".join(map(_line, DECLARED.metrics)))
    return 0


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
