"""`muvr schema`: shows, makes and checks the tables of a store."""

from __future__ import annotations

import argparse

from persistence.location import apply_schema, schema_differences, schema_statements

DEFAULT = "cassandra://127.0.0.1/muvr"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run_command, words in (
        ("show", _show, "print the statements that make the tables"),
        ("apply", _apply, "make the tables, or bring those of an earlier version forward"),
        ("check", _check, "compare the tables with what this version wants; exit status 1 if they differ"),
    ):
        command = commands.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        command.add_argument(
            "--store",
            default=DEFAULT,
            metavar="LOCATION",
            help="sqlite:DIRECTORY or cassandra://HOST[:PORT][,...]/KEYSPACE[?OPTION=VALUE&...]"
            " (default: %(default)s)",
        )
        # Said once more for those who write it last; it must not undo what stands before the command.
        command.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks and log more"
        )
        command.set_defaults(schema=run_command)


def run(options: argparse.Namespace) -> int:
    status: int = options.schema(options)
    return status


def _show(options: argparse.Namespace) -> int:
    print("\n\n".join(schema_statements(options.store)))
    return 0


def _apply(options: argparse.Namespace) -> int:
    done = apply_schema(options.store)
    print("\n".join(done) if done else "nothing to do")
    return 0


def _check(options: argparse.Namespace) -> int:
    differences = schema_differences(options.store)
    print("\n".join(differences) if differences else "as it should be")
    return 1 if differences else 0
