"""`muvr schema`: shows, makes and checks the tables of a store."""

from __future__ import annotations

import argparse
import json

from cli.parsing import explain
from persistence.location import apply_schema, schema_differences, schema_statements

_SHOW = """
muvr schema show                                            CQL of a Cassandra of this machine
muvr schema show --store sqlite:muvr-data/store             the same as SQL
"""
_APPLY = """
muvr schema apply --store cassandra://10.0.0.1/muvr         before a node of a new version is started
muvr schema apply --store sqlite:muvr-data/store
"""
_CHECK = """
muvr schema check --store cassandra://10.0.0.1/muvr         what is not as this version wants it
muvr schema check --store sqlite:muvr-data/store --json
"""
DEFAULT = "cassandra://127.0.0.1/muvr"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    explain(parser, _SHOW + _APPLY + _CHECK)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run_command, words, examples in (
        ("show", _show, "print the statements that make the tables", _SHOW),
        ("apply", _apply, "make the tables, or bring those of an earlier version forward", _APPLY),
        (
            "check",
            _check,
            "compare the tables with what this version wants; exit status 1 if they differ",
            _CHECK,
        ),
    ):
        command = commands.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        command.add_argument(
            "--store",
            default=DEFAULT,
            metavar="LOCATION",
            help="sqlite:DIRECTORY or cassandra://HOST[:PORT][,...]/KEYSPACE[?OPTION=VALUE&...]"
            " (default: %(default)s)",
        )
        command.add_argument("--json", action="store_true", help="the result as one JSON object")
        explain(command, examples, statuses={1: "failed, or the tables differ"} if name == "check" else None)
        command.set_defaults(schema=run_command)


def run(options: argparse.Namespace) -> int:
    status: int = options.schema(options)
    return status


def _show(options: argparse.Namespace) -> int:
    statements = list(schema_statements(options.store))
    print(json.dumps({"statements": statements}) if options.json else "\n\n".join(statements))
    return 0


def _apply(options: argparse.Namespace) -> int:
    done = apply_schema(options.store)
    print(json.dumps({"done": done}) if options.json else "\n".join(done) or "nothing to do")
    return 0


def _check(options: argparse.Namespace) -> int:
    differences = schema_differences(options.store)
    if options.json:
        print(json.dumps({"differences": differences}))
    else:
        print("\n".join(differences) or "as it should be")
    return 1 if differences else 0
