"""`muvr schema`: shows, makes and checks the tables of a store."""

from __future__ import annotations

import argparse
import json
import secrets
from pathlib import Path

from cli.parsing import explain
from domain.errors import ConfigurationError
from persistence.location import apply_schema, make_roles, schema_differences, schema_statements
from persistence.secret_files import write_secret

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
_ROLES = """
muvr schema roles --store cassandra://cassandra@10.0.0.1/muvr?password-file=FILE    after `muvr schema apply`
muvr schema roles --superuser --store cassandra://cassandra@10.0.0.1/muvr?password-file=FILE
"""
PASSWORD_BYTES = 24
DEFAULT = "cassandra://127.0.0.1/muvr"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    explain(parser, _SHOW + _APPLY + _CHECK + _ROLES)
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
        (
            "roles",
            _roles,
            "make the roles of nodes, nights and readers in a Cassandra with passwords",
            _ROLES,
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
        if run_command is _roles:
            _add_role_arguments(command)
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


def _add_role_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--passwords",
        type=Path,
        default=Path("passwords"),
        metavar="DIR",
        help="a file for each role; what is missing is made (default: %(default)s)",
    )
    command.add_argument(
        "--superuser", action="store_true", help="give the store's user the password of that file, too"
    )


def _roles(options: argparse.Namespace) -> int:
    names = ["node", "batch", "read", *(["superuser"] if options.superuser else [])]
    passwords = {name: _password(options.passwords / name) for name in names}
    done = make_roles(options.store, passwords)
    if options.json:
        files = {name: str(options.passwords / name) for name in names}
        print(json.dumps({"done": done, "password_files": files}))
    else:
        print("\n".join([*done, f"passwords: {', '.join(str(options.passwords / name) for name in names)}"]))
    return 0


def _password(path: Path) -> str:
    """What the file says; made if there is none."""
    try:
        if not path.exists():
            write_secret(path, secrets.token_urlsafe(PASSWORD_BYTES).encode())
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            f"the password {path} cannot be read or made: {error}", remedy="correct --passwords"
        ) from error
