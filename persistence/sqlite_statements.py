"""The statements of the embedded backend.

A table is stored in the order of Cassandra's: by the token of its partition, the partition and the clustering
columns, so that slices and token ranges are range scans of the primary key.
"""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from persistence.ports import Delete, Insert, Mutation, Then
from persistence.schema import Key, Table, Value

RowT = TypeVar("RowT", bound=NamedTuple)
Change = Insert | Delete


@lru_cache(maxsize=65536)
def token_of(partition: Key) -> int:
    """The token of a partition: the first 8 bytes of its BLAKE2b, as a signed integer."""
    digest = hashlib.blake2b(repr(partition).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def transactions(mutations: Sequence[Mutation]) -> Iterator[tuple[str, list[Change]]]:
    """What goes into which keyspace, in the order to commit it.

    Each keyspace is a file with transactions of its own: of a `Then` between two of them the first is
    committed before the second. Within one keyspace a transaction is all or nothing anyway.
    """
    changes = [mutation for mutation in mutations if not isinstance(mutation, Then)]
    if len(keyspaces := {change.table.keyspace for change in changes}) == 1:
        yield keyspaces.pop(), changes
        return
    for is_barrier, group in itertools.groupby(mutations, key=lambda mutation: isinstance(mutation, Then)):
        if not is_barrier:
            groups: dict[str, list[Change]] = {}
            for mutation in group:
                assert not isinstance(mutation, Then)
                groups.setdefault(mutation.table.keyspace, []).append(mutation)
            yield from groups.items()


def execute(connection: sqlite3.Connection, changes: Sequence[Change]) -> None:
    """Apply in order; neighbouring inserts into one table go as one `executemany`."""
    for (kind, table), group in itertools.groupby(changes, key=lambda m: (type(m), m.table)):
        if kind is Insert:
            rows = (values(table, change.row) for change in group if isinstance(change, Insert))
            connection.executemany(insert_sql(table), rows)
        else:
            for change in group:
                assert isinstance(change, Delete)
                where, parameters = _where(table, change.partition, change.lower, change.upper)
                connection.execute(f"DELETE FROM {table.name} WHERE {where}", parameters)


@lru_cache
def insert_sql(table: Table[Any], otherwise: str = "REPLACE") -> str:
    """An insert that replaces a row of the same key, or does what is said `otherwise`."""
    marks = ", ".join("?" for _ in range(len(table.columns) + 1))
    return f"INSERT OR {otherwise} INTO {table.name} (token, {', '.join(table.columns)}) VALUES ({marks})"


def values(table: Table[Any], row: NamedTuple) -> tuple[Value, ...]:
    # Rows begin with their partition columns; `tables` is checked for it by a test.
    return (token_of(tuple(row[: len(table.partition)])), *row)


def select(
    table: Table[Any], partition: Key, lower: Key, upper: Key, limit: int | None, *, backwards: bool
) -> tuple[str, list[Value]]:
    """The rows of a partition between two bounds."""
    where, parameters = _where(table, partition, lower, upper)
    sql = f"SELECT {', '.join(table.columns)} FROM {table.name} WHERE {where}"
    sql += f" ORDER BY {_order(table, backwards=backwards)} LIMIT ?"
    return sql, [*parameters, -1 if limit is None else limit]


def select_by_token(table: Table[Any]) -> str:
    """The rows of all partitions between two tokens."""
    return (
        f"SELECT {', '.join(table.columns)} FROM {table.name} WHERE token BETWEEN ? AND ? "
        f"ORDER BY token, {_order(table, backwards=False)}"
    )


@lru_cache
def partition_after(table: Table[Any]) -> tuple[str, str]:
    """The first partition behind a token and key, and the first at or above a token, up to another token."""
    names = ", ".join(["token", *table.partition])
    marks = ", ".join("?" for _ in range(len(table.partition) + 1))
    begin, end = f"SELECT {names} FROM {table.name} WHERE ", f" AND token <= ? ORDER BY {names} LIMIT 1"
    return f"{begin}({names}) > ({marks}){end}", f"{begin}token >= ?{end}"


def row_of(table: Table[RowT], found: Sequence[Value]) -> RowT:
    """The row that SQLite gave as `found`."""
    converted = (
        bool(value) if value is not None and table.types[name] is bool else value
        for name, value in zip(table.columns, found, strict=True)
    )
    return table.row._make(converted)


def _where(table: Table[Any], partition: Key, lower: Key, upper: Key) -> tuple[str, list[Value]]:
    conditions = ["token = ?", *(f"{name} = ?" for name in table.partition)]
    parameters: list[Value] = [token_of(partition), *partition]
    for bound, operator in ((lower, ">="), (upper, "<=")):
        if bound:
            names = ", ".join(table.clustering[: len(bound)])
            conditions.append(f"({names}) {operator} ({', '.join('?' for _ in bound)})")
            parameters += bound
    return " AND ".join(conditions), parameters


def _order(table: Table[Any], *, backwards: bool) -> str:
    direction = "DESC" if table.descending != backwards else "ASC"
    return ", ".join([*table.partition, *(f"{name} {direction}" for name in table.clustering)])
