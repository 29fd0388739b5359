"""`muvr marathon render`, `validate`, `plan`, `apply`, `status`, `scale`, `destroy` and `fake`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from cli.marathon import fake, looking, managing
from cli.parsing import explain

FILE_HELP = "the description of the deployment, TOML"
Run = Callable[[argparse.Namespace], int]
_ACTIONS: tuple[tuple[str, Run, str, str, dict[int, str]], ...] = (
    ("render", looking.render_command, "print the definitions that a description makes",
     "muvr marathon render staging.toml          to look at, or to keep", {}),
    ("validate", looking.validate_command, "check a description, or definitions, by Marathon's own rules",
     "muvr marathon validate staging.toml\nmuvr marathon validate group.json            whoever wrote it",
     {1: "it has faults, each on a line with its place, the rule and a fix"}),
    ("plan", looking.plan_command, "show what apply would change",
     "muvr marathon plan staging.toml", {}),
    ("apply", managing.apply_command, "make what runs as it is described, and wait until it serves",
     "muvr marathon apply staging.toml\nmuvr marathon apply staging.toml --yes        without asking",
     {1: "failed, and what was there before is back, or the message says what is not"}),
    ("status", looking.status_command, "say how each part is, what is under way, and what waits for machines",
     "muvr marathon status staging.toml --json    for programs", {1: "not everything serves"}),
    ("scale", managing.scale_command, "change a number of instances until the next apply",
     "muvr marathon scale staging.toml node 5", {1: "failed, and the number is as before"}),
    ("destroy", managing.destroy_command, "stop everything; data in its volumes is lost",
     "muvr marathon destroy staging.toml", {}),
    ("fake", fake.fake_command, "run a fake Marathon and Metronome here, to try all this",
     "muvr marathon fake --agents 4 --zones a,b   commands run as local processes", {}),
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    explain(parser, "\n".join(examples.partition("\n")[0] for _, _, _, examples, _ in _ACTIONS))
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for name, function, words, examples, statuses in _ACTIONS:
        action = actions.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        if name == "fake":
            fake.add_fake_arguments(action)
        else:
            action.add_argument("deployment", type=Path, metavar="FILE", help=FILE_HELP)
        if name in ("plan", "apply", "status", "scale", "destroy"):
            _add_services(action)
        if name in ("apply", "scale", "destroy"):
            _add_changing(action, name)
        action.add_argument("--json", action="store_true", help="the result as JSON")
        explain(action, examples, statuses=statuses)
        action.set_defaults(marathon_action=function)


def run(options: argparse.Namespace) -> int:
    status: int = options.marathon_action(options)
    return status


def _add_services(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--marathon-url", metavar="URL", help="default: services.marathon of the description")
    parser.add_argument(
        "--metronome-url", metavar="URL", help="default: services.metronome of the description"
    )


def _add_changing(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--patience-seconds",
        type=float,
        default=900.0,
        metavar="S",
        help="for which nothing may change before it counts as failed (default: %(default)s)",
    )
    if name == "apply":
        parser.add_argument(
            "--lose-volumes", action="store_true", help="also stop parts whose volumes are lost with them"
        )
    if name == "scale":
        parser.add_argument("part", help="node, or spark/worker")
        parser.add_argument("instances", type=int, help="how many")
