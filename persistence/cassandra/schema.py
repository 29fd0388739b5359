"""Makes the schema, brings it forward, and compares it with the declared tables."""

from __future__ import annotations

import ast
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import cassandra
from cassandra import ConsistencyLevel
from cassandra.cluster import Session
from cassandra.query import SimpleStatement

from domain.errors import ConfigurationError, StoreUnavailable
from persistence.cassandra.connection import connect
from persistence.cassandra.ddl import REPLICATION, VERSION, keyspace_cql, replication_of, version_cql
from persistence.cassandra.errors import Answer, answer_to, store_error
from persistence.cassandra.patience import pause_seconds
from persistence.cassandra.settings import CassandraSettings, keyspace_name
from persistence.migrations import SCHEMA_VERSION, check_not_newer, steps_since
from persistence.schema import Table
from persistence.tables import KEYSPACES, TABLES

CHANGE_SECONDS_MAX = 30.0  # for one statement, on a busy node
LOCK_SECONDS = 120  # after which the lock of a process that died is free
_POLL_SECONDS = 0.2
_NAME = "muvr"
_LOCK = "lock"


class _Column(NamedTuple):
    """As `system_schema.columns` has it."""

    type: str
    kind: str
    position: int
    clustering_order: str


class SchemaSession:
    """A session for changes of the schema; to be closed. Raises ConfigurationError and StoreError."""

    def __init__(self, settings: CassandraSettings) -> None:
        self._settings = settings
        self._session = connect(settings)

    def close(self) -> None:
        self._session.cluster.shutdown()

    def __enter__(self) -> SchemaSession:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def clock_s(self) -> float:
        """What the node that answers takes for the time, since 1970; raises StoreError."""
        cql = "SELECT toUnixTimestamp(now()) FROM system.local"
        row = self._repeated(SimpleStatement(cql), None).one()
        return float(row[0]) / 1000

    def is_current(self) -> bool:
        """Whether the schema is of this version; raises ConfigurationError if it is of a newer one."""
        version = _version(self._session, self._settings)
        check_not_newer(version, f"keyspace {self._settings.keyspace}")
        return version == SCHEMA_VERSION

    def apply(self) -> list[str]:
        """Make what is missing and take away what earlier versions had; says what was done.

        Any number of processes may do so at once, and it may be done again after it failed.
        """
        self.is_current()
        done = list(self._make_keyspaces())
        with self._locked():
            version = _version(self._session, self._settings)
            check_not_newer(version, f"keyspace {self._settings.keyspace}")
            for step in steps_since(version) if version else ():
                name = f"{keyspace_name(step.keyspace, self._settings.keyspace)}.{step.name}"
                self._change(f"DROP TABLE IF EXISTS {name}")
                done.append(f"dropped table {name}")
            for table in TABLES:
                done += self._make_table(table)
            if version < SCHEMA_VERSION:
                self._set_version()
                done.append(f"the schema is of version {SCHEMA_VERSION}")
        return done

    def differences(self) -> list[str]:
        """What is not as declared, in words."""
        found = []
        version = _version(self._session, self._settings)
        if version != SCHEMA_VERSION:
            found.append(f"the schema is of version {version or 'none'}, not {SCHEMA_VERSION}")
        for keyspace in KEYSPACES:
            found += self._keyspace_differences(keyspace_name(keyspace, self._settings.keyspace))
        for table in TABLES:
            found += self._table_differences(table)
        return found

    def copies(self) -> int:
        """How many nodes are to hold a row."""
        datacenter = self._settings.datacenter
        hosts = self._session.cluster.metadata.all_hosts()
        count = sum(datacenter in (None, host.datacenter) for host in hosts)
        wanted = self._settings.replication
        if wanted is not None and wanted > count:
            raise ConfigurationError(
                f"{wanted} copies of each row are wanted, and there are {count} nodes",
                remedy="add nodes, or correct replication and datacenter in --store",
            )
        return wanted or min(REPLICATION, max(count, 1))

    def _make_keyspaces(self) -> Iterator[str]:
        for keyspace in KEYSPACES:
            name = keyspace_name(keyspace, self._settings.keyspace)
            if self._replication(name) is None:
                copies = self.copies()
                self._change(keyspace_cql(keyspace, self._settings, copies))
                yield f"made keyspace {name} with {copies} {'copy' if copies == 1 else 'copies'} of each row"
        self._change(version_cql(self._settings))

    def _make_table(self, table: Table[Any]) -> Iterator[str]:
        name = self._settings.qualified(table)
        present = self._columns(table)
        if not present:
            self._change(table.cql(keyspace_name(table.keyspace, self._settings.keyspace)))
            yield f"made table {name}"
        for column, kind in table.cql_types.items():
            if present and column not in present:
                self._change(f"ALTER TABLE {name} ADD IF NOT EXISTS {column} {kind}")
                yield f"added column {column} to {name}"
        for option, found in self._other_options(table):
            self._change(f"ALTER TABLE {name} WITH {option}")
            yield f"gave {name} {option}, not {found}"

    def _keyspace_differences(self, name: str) -> Iterator[str]:
        found = self._replication(name)
        if found is None:
            yield f"keyspace {name} is missing"
            return
        replication, is_durable = found
        expected = replication_of(self._settings, self.copies())
        if {**replication, "class": replication.get("class", "").rpartition(".")[2]} != expected:
            yield f"keyspace {name} is kept as {_shown(replication)}, not {_shown(expected)}"
        if not is_durable:
            yield f"keyspace {name} has durable_writes = false: what is acknowledged may be lost"

    def _table_differences(self, table: Table[Any]) -> Iterator[str]:
        name = self._settings.qualified(table)
        present, declared = self._columns(table), _declared(table)
        if not present:
            yield f"table {name} is missing"
            return
        for column in present.keys() - declared.keys():
            yield f"{name}.{column} is unknown"
        for column, expected in declared.items():
            found = present.get(column)
            if found is None:
                yield f"{name}.{column} is missing"
            elif found != expected:
                yield f"{name}.{column} is {_described(found)}, not {_described(expected)}"
        for option, value in self._other_options(table):
            yield f"{name} has {value}, not {option}"

    def _other_options(self, table: Table[Any]) -> Iterator[tuple[str, str]]:
        """The declared options that `table` does not have, each with what it has."""
        for option in table.options:
            name, _, value = option.partition(" = ")
            ((found,),) = self._ask(
                f"SELECT {name} FROM system_schema.tables WHERE keyspace_name = %s AND table_name = %s",
                keyspace_name(table.keyspace, self._settings.keyspace),
                table.name,
            )
            if not _is_option(ast.literal_eval(value), found):
                yield option, f"{name} = {dict(found) if isinstance(found, Mapping) else found}"

    def _replication(self, keyspace: str) -> tuple[Mapping[str, str], bool] | None:
        rows = self._ask(
            "SELECT replication, durable_writes FROM system_schema.keyspaces WHERE keyspace_name = %s",
            keyspace,
        )
        return (dict(rows[0][0]), rows[0][1]) if rows else None

    def _columns(self, table: Table[Any]) -> dict[str, _Column]:
        rows = self._ask(
            "SELECT column_name, type, kind, position, clustering_order FROM system_schema.columns"
            " WHERE keyspace_name = %s AND table_name = %s",
            keyspace_name(table.keyspace, self._settings.keyspace),
            table.name,
        )
        return {name: _Column(*values) for name, *values in rows}

    def _set_version(self) -> None:
        self._ask(
            f"INSERT INTO {self._settings.qualified(VERSION)} (name, version) VALUES (%s, %s)",
            _NAME,
            SCHEMA_VERSION,
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Only one process changes the schema at a time."""
        holder, table = str(uuid.uuid4()), self._settings.qualified(VERSION)
        take = f"INSERT INTO {table} (name, holder) VALUES (%s, %s) IF NOT EXISTS USING TTL {LOCK_SECONDS}"
        deadline = time.monotonic() + LOCK_SECONDS + CHANGE_SECONDS_MAX
        # Asked again it finds the lock as it took it, when the first answer was lost.
        while (answer := self._ask(take, _LOCK, holder)[0]) and not answer[0] and holder not in answer:
            if time.monotonic() > deadline:
                raise StoreUnavailable(
                    "another process has been changing the schema for too long", remedy="try again"
                )
            time.sleep(_POLL_SECONDS)
        try:
            yield
        finally:
            self._ask(f"DELETE FROM {table} WHERE name = %s IF holder = %s", _LOCK, holder)

    def _ask(self, cql: str, *values: Any) -> list[Any]:
        statement = SimpleStatement(cql, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
        return list(self._repeated(statement, values, is_spreading=True))

    def _change(self, cql: str) -> None:
        result = self._repeated(SimpleStatement(cql), None)
        if not result.response_future.is_schema_agreed:
            raise StoreUnavailable(
                "the nodes do not agree on the schema",
                expected="all of them to be up while it is changed",
                remedy="look at `nodetool describecluster`, then run `muvr schema apply` again",
            )

    def _repeated(
        self, statement: SimpleStatement, values: tuple[Any, ...] | None, *, is_spreading: bool = False
    ) -> Any:
        """What the servers answer; every statement here may be repeated.

        With `is_spreading` a table that was just made may not be known to every node yet.
        """
        deadline, failures = time.monotonic() + self._settings.retry_seconds, 0
        while True:
            try:
                return self._session.execute(statement, values, timeout=CHANGE_SECONDS_MAX)
            except Exception as error:
                is_unknown = is_spreading and isinstance(error, cassandra.InvalidRequest)
                may_repeat = is_unknown or answer_to(error) is Answer.REPEAT
                if not may_repeat or time.monotonic() > deadline:
                    raise store_error(error) from error
                time.sleep(pause_seconds(failures))
                failures += 1


def check_version(session: Session, settings: CassandraSettings) -> None:
    """Raise ConfigurationError unless the schema is of this version."""
    version = _version(session, settings)
    check_not_newer(version, f"keyspace {settings.keyspace}")
    if version < SCHEMA_VERSION:
        raise ConfigurationError(
            f"keyspace {settings.keyspace} at {settings.shown_hosts()} has "
            + (f"schema version {version}" if version else "no tables of muvr"),
            expected=f"schema version {SCHEMA_VERSION}",
            remedy="run `muvr schema apply`",
        )


def _version(session: Session, settings: CassandraSettings) -> int:
    """0 if there is none."""
    cql = f"SELECT version FROM {settings.qualified(VERSION)} WHERE name = '{_NAME}'"
    try:
        rows = list(session.execute(SimpleStatement(cql, consistency_level=ConsistencyLevel.LOCAL_QUORUM)))
    except cassandra.InvalidRequest:
        return 0  # no such table
    except Exception as error:
        raise store_error(error) from error
    return int(rows[0][0]) if rows else 0


def _declared(table: Table[Any]) -> dict[str, _Column]:
    order = "desc" if table.descending else "asc"
    columns = {}
    for name, kind in table.cql_types.items():
        if name in table.partition:
            columns[name] = _Column(kind, "partition_key", table.partition.index(name), "none")
        elif name in table.clustering:
            columns[name] = _Column(kind, "clustering", table.clustering.index(name), order)
        else:
            columns[name] = _Column(kind, "regular", -1, "none")
    return columns


def _is_option(declared: Any, found: Any) -> bool:
    """Whether what a table has includes what is declared; classes may be named with their package."""
    if isinstance(declared, dict):
        return all(_is_option(value, found.get(name)) for name, value in declared.items())
    return bool(found == declared) or str(found).rpartition(".")[2] == declared


def _described(column: _Column) -> str:
    words = [column.type, column.kind.replace("_", " ")]
    if column.position >= 0:
        words.append(str(column.position + 1))
    if column.clustering_order != "none":
        words.append(column.clustering_order)
    return " ".join(words)


def _shown(replication: Mapping[str, str]) -> str:
    name = replication.get("class", "").rpartition(".")[2]
    return ", ".join([name, *(f"{key} {value}" for key, value in replication.items() if key != "class")])
