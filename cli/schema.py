"""`muvr schema`: shows, makes and checks the tables of a store; makes the roles of its programs."""

from __future__ import annotations

import argparse
import secrets
from pathlib import Path

from domain.errors import ConfigurationError
from persistence.location import apply_schema, make_roles, schema_differences, schema_statements
from persistence.secret_files import write_secret

DEFAULT = "cassandra://127.0.0.1/muvr"
PASSWORD_BYTES = 24


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run_command, words in (
        ("show", _show, "print the statements that make the tables"),
        ("apply", _apply, "make the tables, or bring those of an earlier version forward"),
        ("check", _check, "compare the tables with what this version wants; exit status 1 if they differ"),
        (
            "roles",
            _roles,
            "make the roles of nodes, nights and readers in a Cassandra that asks for passwords",
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
            command.add_argument(
                "--passwords",
                type=Path,
                default=Path("passwords"),
                metavar="DIR",
                help="a file for each role; what is missing is made (default: %(default)s)",
            )
            command.add_argument(
                "--superuser",
                action="store_true",
                help="give the store's user the password of that file, too",
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


def _roles(options: argparse.Namespace) -> int:
    names = ["node", "batch", "read", *(["superuser"] if options.superuser else [])]
    passwords = {name: _password(options.passwords / name) for name in names}
    print("\n".join(make_roles(options.store, passwords)))
    print(f"passwords: {', '.join(str(options.passwords / name) for name in names)}")
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
