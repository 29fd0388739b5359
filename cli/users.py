"""`muvr users check USER`: whether what is stored of a user can be read, and what to do about what cannot."""

from __future__ import annotations

import argparse
import dataclasses
import json

from cli.parsing import explain
from cli.upkeep import add_place_arguments, opened
from domain.errors import ConfigurationError
from domain.identifiers import UserId
from persistence.inspection import Inspection, inspect

_EXAMPLES = """
muvr users check anna                      for people
muvr users check anna --data muvr-data --json
"""
_HELP = "opens the user's data key, snapshots and events, and names each row that does not open"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _HELP[0].upper() + _HELP[1:] + ". Writes nothing, and may run beside nodes."
    explain(parser, _EXAMPLES, statuses={1: "failed, or something that counts cannot be read"})
    parser.add_argument("what", choices=("check",), help=_HELP)
    parser.add_argument("user", metavar="USER")
    add_place_arguments(parser)


def run(options: argparse.Namespace) -> int:
    with opened(options) as (store, keys):
        found = inspect(store, keys, UserId(options.user))
    if not (found.journal_rows or found.deleted_nr or found.key_opens or found.snapshot_nrs):
        raise ConfigurationError(f"nothing is stored of user {options.user!r}", remedy="correct USER")
    if options.json:
        print(json.dumps({**dataclasses.asdict(found), "is_sound": found.is_sound}))
    else:
        print("\n".join(lines(found)))
    return 0 if found.is_sound else 1


def lines(found: Inspection) -> list[str]:
    """For people. The `SELECT`s are CQL, and as well SQL for sqlite3 on the keyspace's file."""
    snapshots = ", ".join(map(str, found.snapshot_nrs)) or "none"
    told = [
        f"user      {found.user}",
        f"data key  {'opens' if found.key_opens else 'DOES NOT OPEN'}",
        f"snapshots that can be read, by event: {snapshots}",
        f"journal   {found.journal_rows} rows, of which {found.counting_rows} count",
        f"          highest number {found.highest_nr}",
        f"          written under epochs {', '.join(map(str, found.epochs)) or 'none'}",
    ]
    if found.deleted_nr:
        told.append(f"          events 1 to {found.deleted_nr} were deleted")
    for fault in found.faults:
        told += [f"{'note' if fault.is_harmless else 'BROKEN'}: {fault.wrong}", f"    {fault.select}"]
        told.append(f"    {fault.remedy}")
    return [
        *told,
        "all that counts can be read" if found.is_sound else "this user is refused until it is mended",
    ]
