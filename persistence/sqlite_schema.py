"""The schema of the embedded backend: made, and brought forward from earlier versions, as a store opens."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from persistence.migrations import SCHEMA_VERSION, check_not_newer, steps_since
from persistence.schema import Table, Timestamp
from persistence.tables import KEYSPACES, TABLES

_SQL_TYPES: dict[Any, str] = {
    str: "TEXT",
    int: "INTEGER",
    float: "REAL",
    bool: "INTEGER",
    Timestamp: "INTEGER",
}


def apply_schema(connection: sqlite3.Connection, keyspace: str, path: Path) -> None:
    """Bring `keyspace` to SCHEMA_VERSION; raises ConfigurationError if it is of a newer one."""
    if schema_version(connection) == SCHEMA_VERSION:
        return  # without waiting for a writer, as each process of a node and of Spark opens the store
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = schema_version(connection)
        check_not_newer(version, str(path))
        for step in steps_since(version):
            if step.keyspace == keyspace:
                connection.execute(f"DROP TABLE IF EXISTS {step.name}")
        for table in TABLES:
            if table.keyspace == keyspace:
                _create(connection, table)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def schema_version(connection: sqlite3.Connection) -> int:
    """0 if nothing was made yet."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def ddl() -> Iterator[str]:
    """The statements that make every table, by keyspace."""
    for keyspace in KEYSPACES:
        yield f"-- {keyspace}.sqlite"
        yield from (f"{_ddl(table)};" for table in TABLES if table.keyspace == keyspace)


def differences(connection: sqlite3.Connection, keyspace: str) -> list[str]:
    """What of `keyspace` is not as declared, in words."""
    version = schema_version(connection)
    found = [f"{keyspace} is of version {version}, not {SCHEMA_VERSION}"] if version != SCHEMA_VERSION else []
    for table in TABLES:
        if table.keyspace != keyspace:
            continue
        present = _columns(connection, table)
        if not present:
            found.append(f"table {keyspace}.{table.name} is missing")
            continue
        found += [
            f"{keyspace}.{table.name}.{name} is {present.get(name, 'missing')}, not {kind}"
            for name, kind in _declared(table).items()
            if present.get(name) != kind
        ]
    return found


def _create(connection: sqlite3.Connection, table: Table[Any]) -> None:
    """Make `table`, or the columns that it lacks."""
    connection.execute(_ddl(table))
    present = _columns(connection, table)
    for name, kind in _declared(table).items():
        if name not in present:
            connection.execute(f"ALTER TABLE {table.name} ADD COLUMN {name} {kind}")


def _columns(connection: sqlite3.Connection, table: Table[Any]) -> dict[str, str]:
    """Names and types of the columns that there are."""
    rows = connection.execute(f"PRAGMA table_info({table.name})")
    return {name: kind for _, name, kind, *_ in rows if name != "token"}


def _declared(table: Table[Any]) -> dict[str, str]:
    return {name: _SQL_TYPES.get(kind, "BLOB") for name, kind in table.types.items()}


def _ddl(table: Table[Any]) -> str:
    columns = ", ".join(f"{name} {kind}" for name, kind in _declared(table).items())
    order = " DESC" if table.descending else ""
    key = ", ".join(["token", *table.partition, *(name + order for name in table.clustering)])
    return (
        f"CREATE TABLE IF NOT EXISTS {table.name} (token INTEGER NOT NULL, {columns}, "
        f"PRIMARY KEY ({key})) WITHOUT ROWID"
    )
