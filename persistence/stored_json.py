"""JSON in a row's column: a value of its kind, or who reads it is told what cannot be read."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from domain.errors import StoredValueCorrupt

ValueT = TypeVar("ValueT")


def decode_stored(text: str, kind: type[ValueT] | Any, what: str, remedy: str) -> ValueT:
    """The value of `kind` in `text`; whatever else is in it raises StoredValueCorrupt, which names `what`."""
    try:
        value: ValueT = msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise StoredValueCorrupt(f"{what} cannot be read ({error})", remedy=remedy) from error
    return value
