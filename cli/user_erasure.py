"""`muvr users erase` and `receipt`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cli.parsing import explain
from cli.privacy import confirm, erasing, keep_receipt, secrets_of, settings_of, user_of
from cli.upkeep import add_place_arguments, opened
from domain.errors import ConfigurationError, InvalidArchive
from domain.identifiers import UserId, check_identifier
from persistence import receipts
from persistence.backup import users_in
from persistence.keys import DataKeyStore
from persistence.receipts import Receipt
from persistence.secret_files import load_or_make_key

ERASE_EXAMPLES = """
muvr users erase anna                 asks for the name once more
muvr users erase anna --yes --json    the receipt as JSON
muvr users erase --pending            go on with erasures that were cut off
muvr users erase --again              erase those again whom a restored backup brought back
"""
RECEIPT_EXAMPLES = """
muvr users receipt receipts/3f2a.json                whether this installation signed it
muvr users receipt FILE --user anna                  and whether it is anna's
muvr users receipt FILE --public-key HEX             without the installation's keys
"""
_DESCRIPTION = """Erase all about a user, for ever: the data key is destroyed, rows are deleted in every
store, nodes let go of the user, models that learned from the user are named, and a signed receipt is written.
A node may be running; whatever is cut off is begun again. Nobody can use the name any more."""


def add_erase_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.add_argument("user", metavar="USER", nargs="?")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--pending", action="store_true", help="every erasure that is not over")
    which.add_argument("--again", action="store_true", help="everyone who is there and was erased before")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_place_arguments(parser)
    explain(parser, ERASE_EXAMPLES)


def erase(options: argparse.Namespace) -> int:
    if (options.user is not None) == (options.pending or options.again):
        raise ConfigurationError("say whom to erase", expected="USER, or --pending, or --again")
    with opened(options) as (store, keys), erasing(options, store, keys) as eraser:
        if options.again:
            found = [*eraser.again(list(users_in(store)))]
            print(json.dumps({"erased_again": found}) if options.json else "\n".join(found) or "nobody")
            return 0
        if options.pending:
            made = list(eraser.resume())
        else:
            user = user_of(options)
            confirm(options, f"All about {user} is erased for ever, and the name is never used again.")
            made = [eraser.erase(user)]
    told = [{"file": str(keep_receipt(settings_of(options), each)), **_told(each)} for each in made]
    if options.json:
        print(json.dumps(told if options.pending else told[0]))
    else:
        print("\n\n".join("\n".join(_lines(each)) for each in told) or "there is nothing to go on with")
    return 0


def add_receipt_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--user", help="whose it is to be")
    parser.add_argument("--public-key", metavar="HEX", help="who is to have signed it (default: this node)")
    add_place_arguments(parser)
    explain(parser, RECEIPT_EXAMPLES, statuses={1: "failed, or the receipt is not right"})


def receipt(options: argparse.Namespace) -> int:
    found = receipts.decode(options.file.read_bytes())
    settings = settings_of(options)
    if options.public_key is None:
        seed = secrets_of(settings).signing_key
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    else:
        public = _hex(options.public_key)
    receipts.verify(found, public)
    if options.user is not None:
        _check_user(found, UserId(check_identifier("user", options.user)), options)
    print(json.dumps({"is_right": True, **_told(found)}) if options.json else "\n".join(_lines(_told(found))))
    return 0


def _check_user(found: Receipt, user: UserId, options: argparse.Namespace) -> None:
    master = settings_of(options).key_directory / "master.key"
    if not master.exists():
        raise ConfigurationError(f"there is no {master}", remedy="correct --data or --keys")
    with opened(options) as (store, _):
        digest = DataKeyStore(store, load_or_make_key(master)).digest_of(user)
    if digest != found.digest:
        raise InvalidArchive(f"the receipt is not {user}'s", expected=f"digest {digest}", remedy="see --user")


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise ConfigurationError(f"{text[:80]!r} is no key", expected="64 hexadecimal digits") from error


def _told(found: Receipt) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(found)
    return told


def _lines(told: dict[str, Any]) -> list[str]:
    parts = ", ".join(f"{name} {count}" for name, count in told["parts"].items()) or "nothing was left"
    models = [f"{each['model_id']} ({each['scope']})" for each in told["models"]]
    kept = [name for name, each in zip(models, told["models"], strict=True) if not each["is_deleted"]]
    return [
        f"erased    {told['digest']}",
        f"data key  {'destroyed' if told['key_destroyed'] else 'STILL THERE'}",
        f"deleted   {parts}",
        f"models that learned from it and are kept: {', '.join(kept) or 'none'}",
        f"signed by {told['public_key']}",
        *([f"receipt   {told['file']}"] if "file" in told else []),
    ]
