"""`muvr`: one command, a sub-command per job."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from cli.parsing import Parser, explain
from domain.errors import MuvrError

_EXAMPLES = """
muvr demo                              the whole loop with simulated people
muvr demo --recordings DIR --exit      the same on real recordings, then end
muvr up --data muvr-data               run a node
muvr token --data muvr-data --user me  a token for a device
muvr keys rotate                       sign tokens with a new key
muvr batch run --data muvr-data        the night's jobs now
muvr train --data muvr-data            train now, without waiting for the night
muvr evaluate --data D --past 5        the last models on the latest data, and serve the best
muvr models list --data muvr-data      what there is, and what is served
muvr jobs run --wait                   a night now, as the scheduler runs it
muvr cassandra up                      a Cassandra server of this machine
muvr marathon plan staging.toml        what a deployment on Mesos would change
muvr schema check                      whether the tables are as this version wants them
muvr read-models check                 whether what the API shows is what the journal says
muvr exercises list                    what users contributed to the catalogue
muvr users export anna                 all about a user, to read and to take along
muvr users erase anna                  for ever, with a signed receipt
muvr restore /backups/monday           a backup in the place of the embedded store
muvr backup /backups/monday            the embedded store, while a node runs
muvr retention --dry-run               what is older than it is to be kept
muvr import strong.csv --user anna     what another app has of anna's training
muvr export --user anna --format csv   anna's sets, as other apps read them
muvr doctor                            what is wrong here, and what to do
muvr top                               a running node, live
muvr profile --out node.folded         what a running node is busy with
muvr metrics list                      what a node counts, for Prometheus
muvr config show                       every setting, and where its value comes from
muvr completion bash                   what makes a shell complete these commands
"""
_MORE = """Settings come from flags, then the environment (MUVR_...), then the file that --config or
MUVR_CONFIG names, or muvr.toml in the working directory, then defaults: `muvr config show` says which.
`muvr COMMAND --help` says what a command takes, with examples."""

COMMANDS = (
    ("demo", "cli.demo.command", "record, learn overnight, recognise: the whole loop, on this machine"),
    ("up", "cli.node:up", "run a node until Ctrl-C"),
    ("token", "cli.node:token", "make a token for a device, a user or an operator"),
    ("keys", "cli.token_keys", "sign tokens with a new key, and end those of the keys before it"),
    ("batch", "cli.batch", "run the night's jobs on Spark, and list their runs"),
    ("train", "cli.train", "train a model on a store's windows or on recordings"),
    ("evaluate", "cli.evaluate", "say how good models are, and serve the best"),
    ("models", "cli.models", "list, show, promote, roll back and export models"),
    ("jobs", "cli.jobs", "list and show the nights, run one now, cancel one"),
    ("cassandra", "cli.cassandra.command", "run Cassandra on this machine, to keep a node's data in"),
    ("marathon", "cli.marathon.command", "make and manage what runs on Mesos, from one description"),
    ("schema", "cli.schema", "show, make or check the tables of a store"),
    ("read-models", "cli.readmodels", "compare what the API shows with the journal, and make it again"),
    ("exercises", "cli.exercises", "review the exercises that users contributed"),
    ("users", "cli.users", "export, import, erase and check users, their consents and who looked at them"),
    ("import", "cli.imports.command", "take in files of other programs: FIT, TCX, GPX, Strong, Hevy, wger"),
    ("export", "cli.exports", "write a user's sessions and sets as CSV, FIT or TCX"),
    ("backup", "cli.backup:up_to", "save the embedded store while a node runs"),
    ("restore", "cli.backup:back", "put a backup in the place of the embedded store"),
    ("retention", "cli.retention", "delete what is older than it is to be kept"),
    ("doctor", "cli.doctor.command", "check machine, store and keys, and say what to do"),
    ("top", "cli.top.command", "watch a running node in the terminal"),
    ("profile", "cli.profile", "see what the processes of a running node are busy with"),
    ("metrics", "cli.metrics", "list what a node counts; print a dashboard and alert rules"),
    ("config", "cli.config", "show every setting, and where its value comes from"),
    ("completion", "cli.completion", "print what makes a shell complete commands and options"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 failed with one line on stderr, 2 wrong usage or setting, 130 Ctrl-C."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if "_ARGCOMPLETE" in os.environ:
        _complete()
    options = parser_of(_chosen(given)).parse_args(given)
    signal.signal(signal.SIGTERM, _interrupt)
    # Imported here and below: `muvr --help` and a wrong usage need none of it.
    from cli.configuration.applying import fill
    from cli.configuration.reading import WrongSetting, read

    try:
        configuration = read(options.config, os.environ, Path())
        fill(options, options.bound, configuration)
        with configuration.passed_on():
            return _run(options)
    except WrongSetting as error:
        print(f"muvr: {error}", file=sys.stderr)
        return 2


def parser_of(chosen: str | None) -> Parser:
    """Knows the arguments of the `chosen` command alone, of others what they are for."""
    parser = Parser(prog="muvr", description="A real-time personal trainer that you host yourself.")
    explain(parser, _EXAMPLES, more=_MORE)
    _add_common(parser, default=None)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, place, words in COMMANDS:
        command = commands.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        if name == chosen:
            # Imported here: the night starts several programs, and a node's packages take a second to import.
            module, _, attribute = place.partition(":")
            found: Any = importlib.import_module(module)
            found = getattr(found, attribute) if attribute else found
            found.add_arguments(command)
            from cli.configuration.applying import bind

            for leaf in command.leaves():
                _add_common(leaf, default=argparse.SUPPRESS)
                leaf.set_defaults(run=found.run, bound=bind(name, leaf))
    return parser


def _add_common(parser: Parser, default: Any) -> None:
    """What stands anywhere; what is said before a command must hold without being said after it."""
    parser.add_argument(
        "--config", type=Path, default=default, metavar="FILE", help="default: muvr.toml [MUVR_CONFIG]"
    )
    parser.add_argument(
        "--debug", action="store_true", default=default or False, help="show tracebacks and log more"
    )


def _chosen(given: Sequence[str]) -> str | None:
    """The command: the first argument that is neither an option nor the file of --config."""
    waits = False
    for argument in given:
        if not waits and not argument.startswith("-"):
            return argument
        waits = argument == "--config"
    return None


def _complete() -> NoReturn:
    """Answer the shell, which says in COMP_LINE what was typed so far."""
    import argcomplete

    typed = os.environ.get("COMP_LINE", "")[: int(os.environ.get("COMP_POINT", "0"))]
    argcomplete.autocomplete(parser_of(_chosen(typed.split()[1:])))
    sys.exit(0)


def _run(options: argparse.Namespace) -> int:
    try:
        status: int = options.run(options)
    except MuvrError as error:
        if options.debug or error.code == "wrong_setting":
            raise
        print(f"muvr: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # What read the output has gone; Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if options.debug:
            raise
        place = f"{error.filename}: " if error.filename else ""
        print(f"muvr: {place}{error.strerror or error}", file=sys.stderr)
        return 1
    except Exception as error:
        if options.debug:
            raise
        print(f"muvr: internal error: {error!r}; run it again with --debug and report it", file=sys.stderr)
        return 1
    return status


def _interrupt(number: int, frame: object) -> NoReturn:
    """SIGTERM ends a command as Ctrl-C does: everything that it started is stopped."""
    raise KeyboardInterrupt
