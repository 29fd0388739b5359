"""Functions that are generated for a table, as `namedtuple` and `dataclass` do.

The driver's own way costs some microseconds a value; here neighbouring values are packed together. For a
table of a text, three numbers and a blob it reads:

    def encode(row, timestamp):
        v0, v1, v2, v3, v4, = row
        b0 = v0.encode()
        return join((prefix, pack_0(len(b0)), b0, pack_1(8, v1, 8, v2, 8, v3, len(v4)), v4,
                     pack_2(8, timestamp)))
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from persistence.cassandra.values import NULL, Kind, with_length
from persistence.schema import Table

RowT = TypeVar("RowT", bound=NamedTuple)


def compiled_encoder(table: Table[Any], kinds: Sequence[Kind], prefix: bytes) -> Callable[[Any, int], bytes]:
    """Fails with one of MISFITS where a value is not of its type, or None but not declared so."""
    source = _Source()
    source.lines.append("def encode(row, timestamp):")
    source.lines.append(f"    {', '.join(f'v{index}' for index in range(len(kinds)))}, = row")
    pieces = [source.name("prefix", prefix)]
    letters, arguments = "", list[str]()

    def flush() -> None:
        nonlocal letters, arguments
        if letters:
            pieces.append(f"{source.name('pack', struct.Struct('>' + letters).pack)}({', '.join(arguments)})")
        letters, arguments = "", []

    for index, (name, kind) in enumerate(zip(table.columns, kinds, strict=True)):
        if name in table.optional or kind.name == "bool":
            flush()
            pieces.append(f"{source.name('optional', _optional(kind))}(v{index})")
        elif kind.letter:
            letters += "i" + kind.letter
            arguments += ["8", f"v{index}"]
        else:
            value = _encoding_of(source, kind, index)
            if (name,) == table.partition:
                source.lines.append(f"    if not {value}: raise ValueError")
            letters += "xxH" if name in table.key else "i"  # H fails above KEY_BYTES_MAX
            arguments.append(f"len({value})")
            flush()
            pieces.append(value)
    letters += "iq"
    arguments += ["8", "timestamp"]
    flush()
    source.lines.append(f"    return {source.name('join', b''.join)}(({', '.join(pieces)}))")
    return source.compiled("encode")  # type: ignore[no-any-return]


def _encoding_of(source: _Source, kind: Kind, index: int) -> str:
    """What stands for column `index`, which is not of equal width, once it is encoded."""
    if kind.name == "blob":
        return f"v{index}"
    if kind.name == "text":
        source.lines.append(f"    b{index} = v{index}.encode()")
    else:
        source.lines.append(f"    b{index} = {source.name('of', kind.encode)}(v{index})")
    return f"b{index}"


def _optional(kind: Kind) -> Callable[[Any], bytes]:
    def encode(value: Any) -> bytes:
        return NULL if value is None else with_length(kind.encode(value))

    return encode


def compiled_decoder(table: Table[RowT], kinds: Sequence[Kind]) -> Callable[[bytes, int, int], list[RowT]]:
    """Fails with one of MISFITS where a column is null but not declared so."""
    source = _Source()
    values = ", ".join(f"v{index}" for index in range(len(kinds)))
    source.lines += ["def decode(buffer, position, count):", "    rows = []", "    for _ in range(count):"]
    add = source.lines.append
    letters, targets = "", list[str]()

    def flush() -> None:
        nonlocal letters, targets
        if letters:
            layout = struct.Struct(">" + letters)
            unpack = source.name("unpack", layout.unpack_from)
            add(f"        {', '.join(targets)}, = {unpack}(buffer, position)")
            widths = [target for target in targets if target.startswith("w")]
            if widths:
                add(f"        if not ({' == '.join(widths)} == 8): raise ValueError('null')")
            add(f"        position += {layout.size}")
        letters, targets = "", []

    for index, (name, kind) in enumerate(zip(table.columns, kinds, strict=True)):
        if kind.letter and name not in table.optional:
            letters += "i" + kind.letter
            targets += [f"w{index}", f"v{index}"]
            continue
        letters += "i"
        targets.append("size")
        flush()
        take = f"{source.name('to', kind.decode)}(buffer[position:position + size])"
        if kind.name == "text":
            take = "buffer[position:position + size].decode()"
        elif kind.name == "blob":
            take = "buffer[position:position + size]"
        if name in table.key:
            add(f"        v{index} = {take}; position += size")
        else:
            add(f"        if size < 0: v{index} = None")
            add(f"        else: v{index} = {take}; position += size")
    flush()
    add(f"        rows.append({source.name('row', partial(tuple.__new__, table.row))}(({values},)))")
    add("    return rows")
    return source.compiled("decode")  # type: ignore[no-any-return]


class _Source:
    """The text of a function that is being generated, and what it refers to."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {}

    def name(self, stem: str, value: Any) -> str:
        """A name under which the function finds `value`."""
        name = f"{stem}_{len(self.names)}"
        self.names[name] = value
        return name

    def compiled(self, name: str) -> Any:
        exec("\n".join(self.lines), self.names)
        return self.names[name]
