"""How a wide-column table is declared: a row class, its partition key and its clustering order.

The CQL, the SQLite DDL, the statements and the documented schema all come from these declarations.
"""

from __future__ import annotations

import typing
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, NamedTuple, NewType, TypeVar

Timestamp = NewType("Timestamp", int)  # milliseconds since 1970 UTC
Samples = NewType("Samples", bytes)  # little-endian int16 values; `list<smallint>` in CQL

MAIN, TRAINING, KEYS = "muvr", "muvr_training", "muvr_keys"  # keyspaces

# Samples as readable numbers cost 1.98 MiB an hour of a 50 Hz sensor with Cassandra's own compression and
# 0.98 with this one, for 27 µs of a row's compaction: docs/decisions/0009-sensor-rows.md.
SAMPLES_COMPRESSED = (
    "compression = {'class': 'ZstdCompressor', 'compression_level': '7', 'chunk_length_in_kb': '64'}"
)

RowT = TypeVar("RowT", bound=NamedTuple)
Value = str | int | float | bytes | bool | None
Key = tuple[Value, ...]

_CQL_TYPES: dict[Any, str] = {
    str: "text",
    int: "bigint",
    float: "double",
    bytes: "blob",
    bool: "boolean",
    Timestamp: "timestamp",
    Samples: "frozen<list<smallint>>",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Table(Generic[RowT]):
    """A table of `row`s, one partition per value of the `partition` columns, sorted by `clustering`.

    `descending` clusters newest first. Columns outside the key may be None. `comment` documents the table.
    Rows of a `conditional` table are made and changed by conditions alone, and deleted whole; `serial_reads`
    see every change that a condition made before. `options` are CQL's, such as `gc_grace_seconds = 86400`.
    """

    name: str
    keyspace: str
    row: type[RowT]
    partition: tuple[str, ...]
    clustering: tuple[str, ...] = ()
    descending: bool = False
    conditional: bool = False
    serial_reads: bool = False
    comment: str = ""
    options: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Table({self.name})"

    @cached_property
    def columns(self) -> tuple[str, ...]:
        return self.row._fields

    @cached_property
    def types(self) -> dict[str, Any]:
        """Column name to its Python type, Optional removed."""
        hints = typing.get_type_hints(self.row)
        return {name: _without_none(hints[name]) for name in self.columns}

    @cached_property
    def optional(self) -> frozenset[str]:
        """The columns declared to be None at times."""
        hints = typing.get_type_hints(self.row)
        return frozenset(name for name in self.columns if type(None) in typing.get_args(hints[name]))

    @cached_property
    def cql_types(self) -> dict[str, str]:
        """Column name to its type in CQL."""
        return {name: _CQL_TYPES[kind] for name, kind in self.types.items()}

    @property
    def key(self) -> tuple[str, ...]:
        return self.partition + self.clustering

    def cql(self, keyspace: str = "") -> str:
        """The CREATE TABLE statement for Cassandra, in `keyspace` if it is called otherwise there."""
        columns = ",\n  ".join(f"{name} {kind}" for name, kind in self.cql_types.items())
        key = ", ".join([f"({', '.join(self.partition)})", *self.clustering])
        order = ", ".join(f"{name} {'DESC' if self.descending else 'ASC'}" for name in self.clustering)
        options = [f"CLUSTERING ORDER BY ({order})"] if order else []
        options += self.options
        options.append("comment = '{}'".format(self.comment.replace("'", "''")))
        with_options = "\n  AND ".join(options)
        return (
            f"CREATE TABLE IF NOT EXISTS {keyspace or self.keyspace}.{self.name} (\n  {columns},\n"
            f"  PRIMARY KEY ({key})\n) WITH {with_options};"
        )


def _without_none(hint: Any) -> Any:
    members = [member for member in typing.get_args(hint) if member is not type(None)]
    return members[0] if members else hint
