"""`muvr`: one command, a sub-command per job."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from domain.errors import MuvrError

_EXAMPLES = """examples:
  muvr demo                              the whole loop with simulated people
  muvr demo --recordings DIR --exit      the same on real recordings, then end
  muvr up --data muvr-data               run a node
  muvr token --data muvr-data --user me  a token for a device
  muvr batch run --data muvr-data        the night's jobs now
  muvr train --data muvr-data            train now, without waiting for the night
  muvr evaluate --data D --past 5        the last models on the latest data, and serve the best
  muvr models list --data muvr-data      what there is, and what is served
  muvr jobs run --wait                   a night now, as the scheduler runs it
  muvr cassandra up                      a Cassandra server of this machine
  muvr read-models check                 whether what the API shows is what the journal says
  muvr exercises list                    what users contributed to the catalogue
  muvr users check anna                  whether what is stored of a user can be read
"""

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
    ("schema", "cli.schema", "show, make or check the tables of a store"),
    ("read-models", "cli.readmodels", "compare what the API shows with the journal, and make it again"),
    ("exercises", "cli.exercises", "review the exercises that users contributed"),
    ("users", "cli.users", "check that what is stored of a user can be read"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 failed with one line on stderr, 2 wrong usage, 130 ended by Ctrl-C."""
    given = sys.argv[1:] if arguments is None else arguments
    options = _parser(given[0] if given else None).parse_args(given)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        status: int = options.run(options)
    except MuvrError as error:
        if options.debug:
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


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    """Knows the arguments of the `chosen` command alone, of others what they are for."""
    parser = argparse.ArgumentParser(
        prog="muvr",
        description="A real-time personal trainer that you host yourself.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, place, words in COMMANDS:
        command = commands.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        if name == chosen:
            # Imported here: the night starts several programs, and a node's packages take a second to import.
            module, _, attribute = place.partition(":")
            found: Any = importlib.import_module(module)
            found = getattr(found, attribute) if attribute else found
            found.add_arguments(command)
            command.add_argument("--debug", action="store_true", help="show tracebacks and log more")
            command.set_defaults(run=found.run)
    return parser
