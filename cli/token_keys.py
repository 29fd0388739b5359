"""`muvr keys`: another key to sign tokens with, and an end to those before it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from cli.keys import token_key
from cli.parsing import explain
from cli.settings import NodeSettings
from domain.errors import ConfigurationError
from persistence.secret_files import drop_old_keys, make_next_key

_ACTIONS = {
    "rotate": "sign tokens with a new key; those that were signed before stay good",
    "drop": "let only the newest key remain; tokens that another one signed are good no more",
}


_EXAMPLES = {
    "rotate": "muvr keys rotate --data muvr-data   new tokens by a new key; the old ones stay good",
    "drop": "muvr keys drop --data muvr-data   when those have expired, or must not be good any more",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Keys that tokens are signed with. Nodes follow within seconds."
    explain(parser, "\n".join(_EXAMPLES.values()))
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    for name, words in _ACTIONS.items():
        action = actions.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        action.add_argument(
            "--data", type=Path, default=Path("muvr-data"), metavar="DIR", help="default: %(default)s"
        )
        action.add_argument("--keys", type=Path, metavar="DIR", help="default: keys in --data")
        action.add_argument("--json", action="store_true", help="the result as one JSON object")
        explain(action, _EXAMPLES[name])


def run(options: argparse.Namespace) -> int:
    first = token_key(NodeSettings(data=options.data.absolute(), keys=options.keys))
    if not first.exists():
        raise ConfigurationError(
            f"there is no key {first}", remedy="run `muvr up` first, or correct --data or --keys"
        )
    if options.action == "rotate":
        number = make_next_key(first)
        print(json.dumps({"signs": number}) if options.json else f"key {number} signs from now on")
    else:
        gone = drop_old_keys(first)
        words = f"gone: {', '.join(map(str, gone))}" if gone else "there is one key alone"
        print(json.dumps({"gone": gone}) if options.json else words)
    return 0
