"""`muvr config show`: every setting, its value, and where it comes from."""

from __future__ import annotations

import argparse
import json
import os
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from cli.configuration.applying import Bound, fill
from cli.configuration.reading import Configuration, read
from cli.configuration.registry import SETTINGS, Setting
from cli.parsing import Parser, explain
from domain.errors import ConfigurationError

MASK = "(secret)"

_EXAMPLES = """
muvr config show                             every setting
muvr config show --json                      the same, for programs
muvr config show --config gym.toml           as with that file
muvr config show -- up --gateway-port 9000   as that command would have it
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    explain(parser, _EXAMPLES)
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    words = "say every setting's value and where it comes from"
    show = actions.add_parser("show", help=words, description=words[0].upper() + words[1:] + ".")
    show.add_argument("--json", action="store_true", help="the result as one JSON object")
    show.add_argument(
        "command", nargs="*", metavar="COMMAND", help="after --: only what this command would have"
    )
    explain(show, _EXAMPLES)


def run(options: argparse.Namespace) -> int:
    configuration = read(options.config, os.environ, Path())
    shown = list(_of_command(options.command, configuration) if options.command else _all(configuration))
    if options.json:
        file = str(configuration.file) if configuration.file else None
        print(json.dumps({"file": file, "settings": shown}))
        return 0
    print(f"file  {configuration.file or 'none'}")
    width = max(len(item["key"]) for item in shown) if shown else 0
    for item in shown:
        print(f"{item['key']:<{width}}  {_text(item['value'])}  [{item['source']}]")
    return 0


def _of_command(arguments: Sequence[str], configuration: Configuration) -> Iterator[dict[str, Any]]:
    from cli.main import parser_of

    given = parser_of(arguments[0]).parse_args(arguments)
    fill(given, given.bound, configuration)
    for bound in given.bound:
        yield _item(bound.setting, getattr(given, bound.action.dest), given.sources[bound.setting.key])


def _all(configuration: Configuration) -> Iterator[dict[str, Any]]:
    for setting in SETTINGS:
        said = configuration.said.get(setting.key)
        bound = _bound(setting)
        # Filled as the command does, so that a value which its flag does not take is an error here, too.
        found = argparse.Namespace()
        fill(found, [bound], configuration)
        yield _item(setting, getattr(found, bound.action.dest), said.place if said else "default")


def _bound(setting: Setting) -> Bound:
    for leaf in _command(setting.shown_by).leaves():
        bounds: list[Bound] = leaf.get_default("bound")
        for bound in bounds:
            if bound.setting is setting:
                return bound
    raise ConfigurationError(f"no command has the setting {setting.key}", remedy="report it")


@cache
def _command(name: str) -> Parser:
    from cli.main import parser_of

    branches = parser_of(name).branches
    assert branches is not None
    return branches.choices[name]


def _item(setting: Setting, value: Any, source: str) -> dict[str, Any]:
    if setting.is_secret and value is not None:
        value = MASK
    elif isinstance(value, Path):
        value = str(value)
    return {"key": setting.key, "value": value, "source": source, "variable": setting.variable}


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(shlex.quote, map(str, value)))
    return "-" if value is None else str(value)
