"""`muvr users`: what is stored of a user, to take along, to erase, and who may and did look at it."""

from __future__ import annotations

import argparse
import dataclasses
import json

from cli import user_consent, user_erasure, user_export
from cli.parsing import explain
from cli.privacy import audited
from cli.upkeep import add_place_arguments, opened
from domain.errors import ConfigurationError
from domain.identifiers import UserId
from persistence.inspection import Inspection, inspect

_EXAMPLES = """
muvr users check anna                      whether all can be read
muvr users export anna                     all about anna, to anna.zip
muvr users import anna.zip --as anna-2     and back, also elsewhere
muvr users erase anna                      for ever, with a signed receipt
muvr users consent anna --training yes     what may be learned from anna
muvr users audit anna                      who else looked at anna's data
"""
_CHECK_EXAMPLES = """
muvr users check anna                      for people
muvr users check anna --data muvr-data --json
"""
_CHECK = "opens the user's data key, snapshots and events, and names each row that does not open"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    explain(parser, _EXAMPLES)
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    for name, words, add, function in (
        ("check", _CHECK, _add_check_arguments, _check),
        ("export", "writes all about a user as a ZIP", user_export.add_export_arguments, user_export.export),
        ("import", "stores a user from such a ZIP", user_export.add_import_arguments, user_export.load),
        ("erase", "erases all about a user", user_erasure.add_erase_arguments, user_erasure.erase),
        ("receipt", "checks a receipt", user_erasure.add_receipt_arguments, user_erasure.receipt),
        ("consent", "shows or changes consents", user_consent.add_consent_arguments, user_consent.consent),
        ("audit", "shows who else looked", user_consent.add_audit_arguments, user_consent.audit),
    ):
        action = actions.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        add(action)
        action.set_defaults(act=function)


def run(options: argparse.Namespace) -> int:
    status: int = options.act(options)
    return status


def _add_check_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        _CHECK[0].upper() + _CHECK[1:] + ". Writes nothing of the user's, and may run beside nodes."
    )
    explain(parser, _CHECK_EXAMPLES, statuses={1: "failed, or something that counts cannot be read"})
    parser.add_argument("user", metavar="USER")
    add_place_arguments(parser)


def _check(options: argparse.Namespace) -> int:
    with opened(options) as (store, keys):
        found = inspect(store, keys, UserId(options.user))
        if found.journal_rows:
            audited(store, found.user, "users check", "")
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
