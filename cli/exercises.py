"""`muvr exercises`: what users contributed to the catalogue, and which of it everyone may use."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import msgspec

from cli.parsing import explain
from cli.places import add_store_arguments, existing_store
from domain.contributed import Contributed
from domain.identifiers import UserId, check_identifier
from persistence.exercises import ExerciseStore

_EXAMPLES = {
    "list": "muvr exercises list   what waits for review, and what was accepted\n"
    "muvr exercises list --json --data muvr-data",
    "accept": "muvr exercises accept zercher-squat --user anna --by coach   as anna described it",
    "withdraw": "muvr exercises withdraw zercher-squat   only those use it from now on who described it",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    explain(parser, "\n".join(_EXAMPLES.values()))
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    for name, words in (
        ("list", "what users contributed, and whether it was accepted"),
        ("accept", "let everyone use what a user contributed"),
        ("withdraw", "let only those use it who contributed it"),
    ):
        action = actions.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        if name != "list":
            action.add_argument("name", metavar="NAME")
        if name == "accept":
            action.add_argument("--user", required=True, help="who described it as it is to be")
            action.add_argument("--by", required=True, metavar="REVIEWER", help="who accepts it")
        add_store_arguments(action, default=Path("muvr-data"))
        action.add_argument("--json", action="store_true", help="the result as one JSON object")
        explain(action, _EXAMPLES[name])


def run(options: argparse.Namespace) -> int:
    with existing_store(options) as store:
        exercises = ExerciseStore(store)
        if options.action == "accept":
            by = check_identifier("reviewer", options.by)
            user = UserId(check_identifier("user", options.user))
            exercises.accept(user, options.name, by=by, now_ms=time.time_ns() // 1_000_000)
        elif options.action == "withdraw":
            exercises.withdraw(options.name)
        found = _listed(exercises)
    print(json.dumps({"exercises": found}) if options.json else "\n".join(map(_line, found)) or "none")
    return 0


def _listed(exercises: ExerciseStore) -> list[dict[str, Any]]:
    accepted = {each.name: each for each in exercises.accepted()}
    return [
        {**msgspec.structs.asdict(each), "user": user, "accepted": _is_as(each, accepted.get(each.name))}
        for user, each in sorted(exercises.contributed(), key=lambda found: (found[1].name, found[0]))
    ]


def _is_as(exercise: Contributed, accepted: Contributed | None) -> bool:
    """Whether it is this description that was accepted."""
    return accepted is not None and msgspec.structs.replace(accepted, at_ms=exercise.at_ms) == exercise


def _line(found: dict[str, Any]) -> str:
    state = "accepted" if found["accepted"] else "to be reviewed"
    needs = ", ".join(found["equipment"]) or "nothing"
    muscles = ", ".join((*found["primary"], *found["secondary"]))
    return f"{found['name']:24} {state:14} by {found['user']}: {found['movement']}, {muscles}; needs {needs}"
