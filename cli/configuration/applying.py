"""Puts what environment and file say where a flag was not given: flag, environment, file, default."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cli.configuration.reading import Configuration, Said, WrongSetting
from cli.configuration.registry import Setting, settings_of


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A flag of a command that is a setting, and its default."""

    setting: Setting
    action: argparse.Action
    default: Any


def bind(command: str, parser: argparse.ArgumentParser) -> list[Bound]:
    """The settings among the parser's flags, which are left out of what it parses unless they are given."""
    return [_bound(setting, action) for setting, action in _flags(command, parser)]


def fill(options: argparse.Namespace, bound: list[Bound], configuration: Configuration) -> None:
    """Set each flag that was not given; raises WrongSetting for a value that the flag does not take.

    `options.sources` says by key where the value stood.
    """
    options.sources = {}
    for each in bound:
        key, name = each.setting.key, each.action.dest
        if hasattr(options, name):
            options.sources[key] = each.setting.flag
            continue
        said = configuration.said.get(key)
        setattr(options, name, each.default if said is None else _taken(each, said))
        options.sources[key] = "default" if said is None else said.place


def _flags(command: str, parser: argparse.ArgumentParser) -> Iterator[tuple[Setting, argparse.Action]]:
    by_flag = {flag: action for action in parser._actions for flag in action.option_strings}
    for setting in settings_of(command):
        if setting.flag in by_flag:
            yield setting, by_flag[setting.flag]


def _bound(setting: Setting, action: argparse.Action) -> Bound:
    default = action.default
    if isinstance(default, str) and callable(action.type):
        default = action.type(default)
    shown = (action.help or "").replace("%(default)s", str(default))
    action.help = f"{shown} [{setting.variable}]".strip()
    action.default = argparse.SUPPRESS
    return Bound(setting=setting, action=action, default=default)


def _taken(bound: Bound, said: Said) -> Any:
    """The value as the flag would have given it."""
    action, value = bound.action, said.value
    try:
        if callable(action.type) and not isinstance(value, bool | list):
            value = action.type(str(value))
    except (argparse.ArgumentTypeError, ValueError) as error:
        raise WrongSetting(f"{said.place} cannot be used: {error}", remedy="correct it") from error
    if action.choices is not None and value not in action.choices:
        choices = ", ".join(map(str, action.choices))
        raise WrongSetting(f"{said.place} is {value!r}", expected=f"one of {choices}")
    return value
