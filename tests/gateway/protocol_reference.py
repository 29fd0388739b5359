"""Reads the reference of docs/protocol.md: messages and maps, their fields, types, defaults and limits."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect

from gateway.devices import care_messages, coach_messages, protocol

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
REQUIRED = ("**required**", "always there")
MAPS = {
    "place": coach_messages.PlaceOfTraining,
    "planned session": coach_messages.PlanSession,
    "planned exercise": coach_messages.PlannedExercise,
    "prescription": care_messages.Prescription,
    "bounds": care_messages.Bounds,
    "given tip": care_messages.GivenTip,
    "set of the plan": coach_messages.PlannedSet,
    "day of the plan": coach_messages.PlannedDay,
    "week": care_messages.WeekOfExercise,
}
_DEFAULTS: dict[Any, str] = {
    None: "nil",
    (): "an empty list",
    "": "empty",
    care_messages.Bounds(): "no bounds",
}


class Field(NamedTuple):
    """A row of the page."""

    kind: str
    default: str
    limit: str


def described() -> dict[str, dict[str, Field]]:
    """By heading, as "device `hello`", the fields that the page has."""
    found = {}
    for title, body in re.findall(r"^#### (.+?)\n\n((?:\|.*\n)+)", PAGE, re.MULTILINE):
        rows = [row.strip("|").split(" | ") for row in body.splitlines()[2:]]
        found[title] = {
            name.strip(" `"): Field(kind.strip(), default.strip(), limit.strip())
            for name, kind, default, limit in rows
        }
    return found


def written(kind: Any) -> dict[str, tuple[str, str]]:
    """Of a struct of the code each field's type and default, in the page's words."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return {each.encode_name: (_type(each.type), _default(each)) for each in info.fields}


def title_of(kind: Any, sender: str) -> str:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return f"{sender} `{info.tag}`"


def _type(kind: inspect.Type) -> str:
    match kind:
        case inspect.UnionType():
            (only,) = (each for each in kind.types if not isinstance(each, inspect.NoneType))
            return f"{_type(only)} or nil"
        case inspect.VarTupleType():
            return f"list of {_type(kind.item_type)}"
        case inspect.StructType() if kind.cls is protocol.Offer:
            return "map `model`"
        case inspect.StructType() if kind.array_like:
            return f"[{', '.join(_type(each.type) for each in kind.fields)}]"
        case inspect.StructType():
            return "map " + next(name for name, each in MAPS.items() if each is kind.cls)
        case _:
            names = {"Int": "int", "Float": "float", "Str": "str", "Bytes": "bin", "Bool": "bool"}
            return names[type(kind).__name__.removesuffix("Type")]


def _default(each: inspect.Field) -> str:
    if each.required:
        return REQUIRED[0]
    value = each.default if each.default is not msgspec.NODEFAULT else each.default_factory()
    if isinstance(value, bool):
        return str(value).lower()
    if value in _DEFAULTS:
        return _DEFAULTS[value]
    return f"`{value}`" if isinstance(value, str) else f"{value:g}"
