"""Values as JSON that people can read, and back: structs with the names of their fields, not as arrays.

In the journal a struct is an array of its fields, as short as can be. Here it is an object, whose `is` has
the tag where a struct is one of several. Whatever comes back is checked against the type.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from domain.errors import InvalidArchive

TAG = "is"
DEPTH_MAX = 32

ValueT = TypeVar("ValueT")


def named(value: Any) -> Any:
    """`value` as what JSON has; bytes in base64."""
    if isinstance(value, msgspec.Struct):
        tag = value.__struct_config__.tag
        told = {TAG: tag} if tag is not None else {}
        return told | {name: named(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {key: named(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [named(inner) for inner in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def unnamed(found: Any, kind: Any, what: str) -> Any:
    """What `named` made `found` of, of type `kind`; raises InvalidArchive, which says `what` it is."""
    try:
        return msgspec.convert(_as_arrays(found, _described(kind), DEPTH_MAX), kind)
    except (msgspec.ValidationError, ValueError, TypeError, LookupError) as error:
        raise InvalidArchive(
            f"{what} is not what an export has ({error})",
            expected="a file that `muvr users export` wrote",
            remedy="use the file as it was written",
        ) from error


@lru_cache
def _described(kind: Any) -> inspect.Type:
    return inspect.type_info(kind)


def _as_arrays(found: Any, kind: inspect.Type, depth: int) -> Any:
    """`found` with objects that stand for structs as arrays; other things are left to be refused."""
    if depth == 0:
        raise ValueError("too deep")
    if isinstance(kind, inspect.UnionType):
        return _as_arrays(found, _chosen(found, kind), depth)
    if isinstance(kind, inspect.StructType) and isinstance(found, dict):
        return _struct(found, kind, depth)
    if isinstance(kind, inspect.DictType) and isinstance(found, dict):
        return {key: _as_arrays(inner, kind.value_type, depth - 1) for key, inner in found.items()}
    if isinstance(kind, inspect.VarTupleType) and isinstance(found, list):
        return [_as_arrays(inner, kind.item_type, depth - 1) for inner in found]
    if isinstance(kind, inspect.TupleType) and isinstance(found, list):
        if len(found) != len(kind.item_types):
            raise ValueError(f"{len(found)} values where {len(kind.item_types)} are expected")
        return [_as_arrays(*pair, depth - 1) for pair in zip(found, kind.item_types, strict=True)]
    return found


def _struct(found: dict[str, Any], kind: inspect.StructType, depth: int) -> Any:
    config = kind.cls.__struct_config__
    names = [field.name for field in kind.fields]
    unknown = set(found) - set(names) - {TAG}
    missing = {field.name for field in kind.fields if field.required} - set(found)
    if unknown or missing:
        raise ValueError(f"unknown fields {sorted(unknown)}, missing fields {sorted(missing)}")
    values: dict[str, Any] = {}
    for field in kind.fields:
        if field.name in found:
            values[field.name] = _as_arrays(found[field.name], field.type, depth - 1)
        else:
            values[field.name] = _default(field)
    if not config.array_like:
        return values
    return [*([config.tag] if config.tag is not None else []), *values.values()]


def _default(field: inspect.Field) -> Any:
    default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    return msgspec.to_builtins(default)


def _chosen(found: Any, union: inspect.UnionType) -> inspect.Type:
    """Which of a union's types `found` is to be: of structs that of the tag."""
    structs = [each for each in union.types if isinstance(each, inspect.StructType)]
    if isinstance(found, dict) and structs:
        if len(structs) == 1:
            return structs[0]
        for each in structs:
            if each.cls.__struct_config__.tag == found.get(TAG):
                return each
        raise ValueError(f"unknown kind {str(found.get(TAG))[:40]!r}")
    others = [each for each in union.types if not isinstance(each, inspect.StructType | inspect.NoneType)]
    return others[0] if others and found is not None else inspect.NoneType()
