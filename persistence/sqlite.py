"""The embedded backend: one SQLite file per keyspace, in WAL mode, synced before `write` returns.

A table is stored in the order of Cassandra's: by the token of its partition, the partition and the clustering
columns, so that slices and token ranges are range scans of the primary key.
"""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from domain.errors import ConfigurationError
from persistence.ports import TOKEN_MAX, TOKEN_MIN, Delete, Insert, Mutation, TokenRange, even_token_ranges
from persistence.schema import Key, Table, Timestamp, Value
from persistence.sqlite_errors import errors_of, usable
from persistence.tables import KEYSPACES, TABLES

RowT = TypeVar("RowT", bound=NamedTuple)

SCHEMA_VERSION = 1
BUSY_TIMEOUT_MS = 10_000  # how long a writer waits for another process's transaction
PAGE_BYTES = 8192  # several frames of 600 bytes a page; must be set before the first table
ROWS_PER_FETCH = 256

_SQL_TYPES: dict[Any, str] = {
    str: "TEXT",
    int: "INTEGER",
    float: "REAL",
    bool: "INTEGER",
    Timestamp: "INTEGER",
}


class SqliteStore:
    """`directory` is created if need be. One connection per keyspace and whatever is under way at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._connections: list[sqlite3.Connection] = []
        self._idle: dict[str, deque[sqlite3.Connection]] = {keyspace: deque() for keyspace in KEYSPACES}
        self._lock = threading.Lock()
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ConfigurationError(
                f"the store's directory {directory} cannot be made: {error.strerror}",
                remedy="choose a directory that you may write to with --data",
            ) from error
        for keyspace in KEYSPACES:
            path = self._path(keyspace)
            with usable(path), errors_of(path), self._connection(keyspace) as connection:
                _apply_schema(connection, keyspace, path)

    def write(self, mutations: Sequence[Mutation]) -> None:
        for keyspace, group in _by_keyspace(mutations).items():
            with self._transaction(keyspace) as connection:
                _execute(connection, group)

    def insert_if_absent(self, table: Table[Any], row: NamedTuple) -> bool:
        with self._transaction(table.keyspace) as connection:
            cursor = connection.execute(
                _insert_sql(table).replace("REPLACE", "IGNORE", 1), _values(table, row)
            )
            return cursor.rowcount == 1

    def compare_and_set(self, table: Table[RowT], expected: RowT, new: RowT) -> bool:
        key = [getattr(expected, name) for name in table.key]
        with self._transaction(table.keyspace) as connection:
            partition, bounds = tuple(key[: len(table.partition)]), tuple(key[len(table.partition) :])
            sql, parameters = _select(table, partition, bounds, bounds, 1, backwards=False)
            found = connection.execute(sql, parameters).fetchone()
            if found is None or _row(table, found) != expected:
                return False
            connection.execute(_insert_sql(table), _values(table, new))
            return True

    def read(
        self,
        table: Table[RowT],
        partition: Key,
        *,
        lower: Key = (),
        upper: Key = (),
        limit: int | None = None,
        backwards: bool = False,
    ) -> Iterator[RowT]:
        sql, parameters = _select(table, partition, lower, upper, limit, backwards=backwards)
        return self._rows(table, sql, parameters)

    def scan(self, table: Table[RowT], tokens: TokenRange | None = None) -> Iterator[RowT]:
        tokens = tokens or TokenRange(TOKEN_MIN, TOKEN_MAX)
        sql = (
            f"SELECT {', '.join(table.columns)} FROM {table.name} WHERE token BETWEEN ? AND ? "
            f"ORDER BY token, {_order(table, backwards=False)}"
        )
        return self._rows(table, sql, [tokens.lower, tokens.upper])

    def token_ranges(self, table: Table[Any], count: int) -> list[TokenRange]:
        return even_token_ranges(count)

    def close(self) -> None:
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()

    def _path(self, keyspace: str) -> Path:
        return self._directory / f"{keyspace}.sqlite"

    @contextmanager
    def _connection(self, keyspace: str) -> Iterator[sqlite3.Connection]:
        """A connection that nothing else uses meanwhile.

        During a read a connection keeps the snapshot that it began with: after a write of another process it
        could not write itself, and later reads would not see what was written.
        """
        idle = self._idle[keyspace]
        try:
            connection = idle.pop()
        except IndexError:
            connection = _connect(self._path(keyspace))
            with self._lock:
                self._connections.append(connection)
        try:
            yield connection
        finally:
            idle.append(connection)

    def _rows(self, table: Table[RowT], sql: str, parameters: Sequence[Value]) -> Iterator[RowT]:
        with errors_of(self._path(table.keyspace)), self._connection(table.keyspace) as connection:
            cursor = connection.execute(sql, parameters)
            try:
                while found := cursor.fetchmany(ROWS_PER_FETCH):
                    for values in found:
                        yield _row(table, values)
            finally:
                with suppress(sqlite3.ProgrammingError):  # the store was closed meanwhile
                    cursor.close()

    @contextmanager
    def _transaction(self, keyspace: str) -> Iterator[sqlite3.Connection]:
        with errors_of(self._path(keyspace)), self._connection(keyspace) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise


@lru_cache(maxsize=65536)
def token_of(partition: Key) -> int:
    """The token of a partition: the first 8 bytes of its BLAKE2b, as a signed integer."""
    digest = hashlib.blake2b(repr(partition).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _connect(path: Path) -> sqlite3.Connection:
    with errors_of(path):
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        path.chmod(0o600)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection


def _apply_schema(connection: sqlite3.Connection, keyspace: str, path: Path) -> None:
    if _version(connection) == SCHEMA_VERSION:
        return  # without waiting for a writer, as each process of a node and of Spark opens the store
    connection.execute("BEGIN IMMEDIATE")
    version = _version(connection)
    if version > SCHEMA_VERSION:
        connection.execute("ROLLBACK")
        raise ConfigurationError(
            f"{path} has schema version {version}",
            expected=f"at most {SCHEMA_VERSION}",
            remedy="a newer muvr wrote it: run that version, or choose another --data directory",
        )
    for table in TABLES:
        if table.keyspace == keyspace:
            connection.execute(_ddl(table))
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _ddl(table: Table[Any]) -> str:
    columns = ", ".join(f"{name} {_SQL_TYPES.get(kind, 'BLOB')}" for name, kind in table.types.items())
    order = " DESC" if table.descending else ""
    key = ", ".join(["token", *table.partition, *(name + order for name in table.clustering)])
    return (
        f"CREATE TABLE IF NOT EXISTS {table.name} (token INTEGER NOT NULL, {columns}, "
        f"PRIMARY KEY ({key})) WITHOUT ROWID"
    )


@lru_cache
def _insert_sql(table: Table[Any]) -> str:
    marks = ", ".join("?" for _ in range(len(table.columns) + 1))
    return f"INSERT OR REPLACE INTO {table.name} (token, {', '.join(table.columns)}) VALUES ({marks})"


def _values(table: Table[Any], row: NamedTuple) -> tuple[Value, ...]:
    return (token_of(_partition_of(table, row)), *row)


def _partition_of(table: Table[Any], row: NamedTuple) -> Key:
    # Rows begin with their partition columns; `tables` is checked for it by a test.
    return tuple(row[: len(table.partition)])


def _by_keyspace(mutations: Sequence[Mutation]) -> dict[str, list[Mutation]]:
    groups: dict[str, list[Mutation]] = {}
    for mutation in mutations:
        groups.setdefault(mutation.table.keyspace, []).append(mutation)
    return groups


def _execute(connection: sqlite3.Connection, mutations: Sequence[Mutation]) -> None:
    """Apply in order; neighbouring inserts into one table go as one `executemany`."""
    for (kind, table), group in itertools.groupby(mutations, key=lambda m: (type(m), m.table)):
        if kind is Insert:
            rows = (_values(table, mutation.row) for mutation in group if isinstance(mutation, Insert))
            connection.executemany(_insert_sql(table), rows)
        else:
            for mutation in group:
                assert isinstance(mutation, Delete)
                where, parameters = _where(table, mutation.partition, mutation.lower, mutation.upper)
                connection.execute(f"DELETE FROM {table.name} WHERE {where}", parameters)


def _select(
    table: Table[Any], partition: Key, lower: Key, upper: Key, limit: int | None, *, backwards: bool
) -> tuple[str, list[Value]]:
    where, parameters = _where(table, partition, lower, upper)
    sql = f"SELECT {', '.join(table.columns)} FROM {table.name} WHERE {where}"
    sql += f" ORDER BY {_order(table, backwards=backwards)} LIMIT ?"
    return sql, [*parameters, -1 if limit is None else limit]


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


def _row(table: Table[RowT], values: Sequence[Value]) -> RowT:
    converted = (
        bool(value) if value is not None and table.types[name] is bool else value
        for name, value in zip(table.columns, values, strict=True)
    )
    return table.row._make(converted)
