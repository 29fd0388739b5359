"""Golden files: blobs as each format version wrote them, and what they are read as today.

`python -m tests.persistence.golden.files` writes those of today's version. Never change the `blob`, `plain`
and `fields` of a file that was released: people have such blobs. `value` is what today's code makes of them.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from domain.events import JournalEvent
from domain.user import User
from persistence.blobs import FORMAT_VERSION, BlobCodec, context_of
from persistence.keys import Cipher
from tests.persistence.golden.values import EVENTS, STATES

DIRECTORY = Path(__file__).parent
KEY = bytes(range(32))
USER = "ada"
KINDS: dict[str, Any] = {"event": JournalEvent, "snapshot": User}
VALUES: dict[str, Mapping[str, Any]] = {"event": EVENTS, "snapshot": STATES}


def path_of(kind: str, version: int) -> Path:
    return DIRECTORY / f"{kind}-v{version}.json"


def versions_of(kind: str) -> list[int]:
    return sorted(int(path.stem.rpartition("v")[2]) for path in DIRECTORY.glob(f"{kind}-v*.json"))


def read(kind: str, version: int) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path_of(kind, version).read_text(encoding="utf-8"))
    return content


def named(value: Any) -> Any:
    """A value with the names of its classes and fields, as JSON has it; bytes in hexadecimal."""
    if isinstance(value, msgspec.Struct):
        fields = {name: named(getattr(value, name)) for name in value.__struct_fields__}
        return {"is": type(value).__name__, **fields}
    if isinstance(value, Mapping):
        return {key: named(inner) for key, inner in value.items()}
    if isinstance(value, bytes):
        return value.hex()
    return [named(inner) for inner in value] if isinstance(value, list | tuple) else value


def fields_of(kind: Any) -> dict[str, list[str]]:
    """Of each class that is in a blob of that kind its tag, if it has one, and its fields in order."""
    found: dict[str, list[str]] = {}
    _add_fields(kind, found)
    return dict(sorted(found.items()))


def content_of(kind: str) -> dict[str, Any]:
    """Today's golden file of a kind. The blobs of two calls differ, as each is sealed with its own nonce."""
    cipher = Cipher(KEY)
    entries = []
    for number, (name, value) in enumerate(VALUES[kind].items(), start=1):
        blob = BlobCodec.seal(cipher, value, context_of(USER, number))
        plain = cipher.open(blob[1:], context_of(USER, number))
        entry = {"name": name, "sequence_nr": number, "blob": blob.hex()}
        entries.append({**entry, "plain": msgspec.msgpack.decode(plain), "value": named(value)})
    return {
        "format_version": FORMAT_VERSION,
        "key": KEY.hex(),
        "user": USER,
        "fields": fields_of(KINDS[kind]),
        "entries": entries,
    }


def _add_fields(hint: Any, found: dict[str, list[str]]) -> None:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct) and hint.__name__ not in found:
        fields = msgspec.structs.fields(hint)
        tag = hint.__struct_config__.tag
        shape = "array" if hint.__struct_config__.array_like else "map"
        told = [f"{shape}, tag {tag}" if tag else shape]
        found[hint.__name__] = told + [f"{field.encode_name}: {_name(field.type)}" for field in fields]
        for field in fields:
            _add_fields(field.type, found)
    for inner in typing.get_args(hint):
        _add_fields(inner, found)


def _name(hint: Any) -> str:
    """A type by what is stored of it: a NewType is what it is made of."""
    if supertype := getattr(hint, "__supertype__", None):
        return _name(supertype)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return " | ".join(map(repr, arguments))
    if origin in (typing.Union, types.UnionType):
        return " | ".join(_name(each) for each in arguments)
    if origin is not None:
        return f"{origin.__name__}[{', '.join(_name(each) for each in arguments)}]"
    return {type(None): "None", Ellipsis: "..."}.get(hint) or str(hint.__name__)


def main() -> None:
    for kind in KINDS:
        path = path_of(kind, FORMAT_VERSION)
        if path.exists():
            print(f"{path} is there: its blobs are out in the world, so it is not written again")
            continue
        text = json.dumps(content_of(kind), indent=1, ensure_ascii=False, default=bytes.hex)
        path.write_text(text + "\n", encoding="utf-8")
        print(f"wrote {path}: commit it")


if __name__ == "__main__":
    main()
