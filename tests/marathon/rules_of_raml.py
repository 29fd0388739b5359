"""Marathon's RAML read a second time, apart from `marathon/raml.py`: a definition is walked beside its types,
and every rule that it keeps is broken once.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

import marathon

RAML = Path(marathon.__file__).parent / "schemas" / "raml"
PLAIN = {"string": "text", "number": 1.5, "integer": 3, "boolean": True}
WRONG = {"string": 17, "number": "x", "integer": 1.5, "boolean": "yes", "array": {"a": 1}, "object": [1]}


class Mutation(NamedTuple):
    """`value` is the whole definition with `rule` broken at `path`."""

    path: tuple[str | int, ...]
    rule: str
    value: Any


class _Type(NamedTuple):
    file: str
    declaration: Any


def mutations(file: str, name: str, value: Any) -> Iterator[Mutation]:
    """Every rule that holds for something in `value`, broken."""
    for path, rule, broken in _walk(_Type(file, name), value, ()):
        yield Mutation(path, rule, _with(value, path, broken))


def _walk(found: _Type, value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], str, Any]]:
    kind, rules, file = _resolved(found)
    if kind == "union":
        yield path, "union", ["none", "of", "these"]
        branch = next((each for each in rules["of"] if _fits(_Type(file, each), value)), None)
        if branch is not None:
            inner_kind = _resolved(_Type(file, branch))[0]
            for where, rule, broken in _walk(_Type(file, branch), value, path):
                # The type of a branch is not the union's: another branch may have it.
                if not (where == path and (rule == "type" or inner_kind != "object")):
                    yield where, rule, broken
        return
    yield path, "type", WRONG[kind]
    yield from _own_rules(rules, path, value)
    if kind == "object" and "properties" in rules:
        yield from _object(file, rules, value, path)
    if kind == "array" and "items" in rules:
        for index, item in enumerate(value):
            yield from _walk(_Type(file, rules["items"]), item, (*path, index))


def _object(
    file: str, rules: dict[str, Any], value: Any, path: tuple[Any, ...]
) -> Iterator[tuple[tuple[Any, ...], str, Any]]:
    properties = rules["properties"]
    patterns = [each for each in properties if each.startswith("/")]
    if not patterns:
        yield (*path, "noSuchField"), "unknown", 1
    for written, declaration in properties.items():
        name = written.removesuffix("?")
        if name in value:
            yield from _walk(_Type(file, declaration), value[name], (*path, name))
            has_default = isinstance(declaration, dict) and "default" in declaration
            if not written.endswith("?") and not has_default:
                yield (*path, name), "required", _Gone
    for written in patterns:
        for name in value:
            if re.search(written.strip("/").rstrip("?"), name):
                yield from _walk(_Type(file, properties[written]), value[name], (*path, name))


def _own_rules(rules: dict[str, Any], path: tuple[Any, ...], value: Any) -> Iterator[tuple[Any, str, Any]]:
    if "minimum" in rules:
        yield path, "minimum", rules["minimum"] - 1
    if "maximum" in rules:
        yield path, "maximum", rules["maximum"] + 1
    if "enum" in rules:
        yield path, "enum", "NONE_OF_THEM"
    if "pattern" in rules and not re.search(rules["pattern"], "Not An Id!"):
        yield path, "pattern", "Not An Id!"
    if rules.get("minLength"):
        yield path, "minLength", ""
    if "maxLength" in rules:
        yield path, "maxLength", "a" * (rules["maxLength"] + 1)
    if rules.get("minItems"):
        yield path, "minItems", value[: rules["minItems"] - 1]
    if "maxItems" in rules:
        yield path, "maxItems", (list(value) * (rules["maxItems"] + 1))[: rules["maxItems"] + 1]
    if rules.get("uniqueItems") and value:
        yield path, "uniqueItems", [value[0], value[0]]


def _resolved(found: _Type) -> tuple[str, dict[str, Any], str]:
    """Kind, rules along the way (the nearest first), and the file that names the kind's inner types."""
    file, declaration = found
    rules: dict[str, Any] = {}
    while True:
        if isinstance(declaration, dict):
            rules = {**declaration, **rules}
            declaration = declaration.get("type", "object" if "properties" in declaration else "string")
        words = str(declaration).strip().strip("()")
        if "|" in words:
            return "union", {**rules, "of": [part.strip() for part in words.split("|")]}, file
        if words.endswith("[]"):
            return "array", {**rules, "items": words.removesuffix("[]")}, file
        if words in ("string", "number", "integer", "boolean", "array", "object"):
            return words, rules, file
        if words == "datetime":
            return "string", rules, file
        alias, dot, inner = words.partition(".")
        if dot:
            file = _library(file)["uses"][alias].removesuffix(".raml")
        declaration = _library(file)["types"][inner if dot else words]


def _fits(found: _Type, value: Any) -> bool:
    kind, rules, _ = _resolved(found)
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float)}
    if kind not in kinds or not isinstance(value, kinds[kind]):  # type: ignore[arg-type]
        return False
    if kind != "object":
        return True
    names = {name.removesuffix("?") for name in rules["properties"]}
    needed = {name for name in rules["properties"] if not name.endswith("?")}
    return set(value) <= names and needed <= set(value)


def _library(file: str, known: dict[str, Any] = {}) -> Any:  # noqa: B006 (a cache of this module)
    if file not in known:
        known[file] = yaml.safe_load((RAML / f"{file}.raml").read_text())
    return known[file]


class _Gone:
    """Instead of a value: there is none."""


def _with(value: Any, path: tuple[Any, ...], broken: Any) -> Any:
    if not path:
        return broken
    whole = copy.deepcopy(value)
    place = whole
    for step in path[:-1]:
        place = place[step]
    if broken is _Gone:
        del place[path[-1]]
    else:
        place[path[-1]] = broken
    return whole
