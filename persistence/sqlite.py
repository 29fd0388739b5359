"""The embedded backend: one SQLite file per keyspace, in WAL mode, synced before `write` returns."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from domain.errors import ConfigurationError
from persistence.group_commit import GroupCommit
from persistence.ports import TOKEN_MAX, TOKEN_MIN, Mutation, Slice, TokenRange, even_token_ranges
from persistence.schema import Key, Table, Value
from persistence.sqlite_errors import errors_of, usable
from persistence.sqlite_schema import apply_schema, differences
from persistence.sqlite_statements import (
    execute,
    insert_sql,
    partition_after,
    row_of,
    select,
    select_by_token,
    transactions,
    values,
)
from persistence.tables import KEYSPACES

RowT = TypeVar("RowT", bound=NamedTuple)

BUSY_TIMEOUT_MS = 10_000  # how long a writer waits for another process's transaction
PAGE_BYTES = 8192  # several frames of 600 bytes a page; must be set before the first table
ROWS_PER_FETCH = 256


class SqliteStore:
    """`directory` is created if need be. One connection per keyspace and whatever is under way at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._connections: list[sqlite3.Connection] = []
        self._idle: dict[str, deque[sqlite3.Connection]] = {keyspace: deque() for keyspace in KEYSPACES}
        self._lock = threading.Lock()
        # Threads of this process wait for each other here, as SQLite would have them sleep and look again.
        self._turns = {keyspace: threading.Lock() for keyspace in KEYSPACES}
        self._commits = GroupCommit(self._apply)
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ConfigurationError(
                f"the store's directory {directory} cannot be made: {error.strerror}",
                remedy="choose a directory that you may write to with --data",
            ) from error
        for keyspace in KEYSPACES:
            path = self._path(keyspace)
            with (
                usable(path),
                errors_of(path),
                _alone_in(directory),
                self._connection(keyspace) as connection,
            ):
                apply_schema(connection, keyspace, path)

    def write(self, mutations: Sequence[Mutation]) -> None:
        if self._commits.is_idle:
            self._apply(mutations)  # without the way over another thread
        else:
            self.submit(mutations).result()

    def submit(self, mutations: Sequence[Mutation]) -> Future[None]:
        """As the port says; what waits for the disk meanwhile goes to it in one transaction."""
        return self._commits.submit(mutations)

    def insert_if_absent(self, table: Table[RowT], rows: Sequence[RowT]) -> list[bool]:
        with self._transaction(table.keyspace) as connection:
            sql = insert_sql(table, "IGNORE")
            return [connection.execute(sql, values(table, row)).rowcount == 1 for row in rows]

    def compare_and_set(self, table: Table[RowT], expected: RowT, new: RowT) -> bool:
        key = [getattr(expected, name) for name in table.key]
        with self._transaction(table.keyspace) as connection:
            partition, bounds = tuple(key[: len(table.partition)]), tuple(key[len(table.partition) :])
            sql, parameters = select(table, partition, bounds, bounds, 1, backwards=False)
            found = connection.execute(sql, parameters).fetchone()
            if found is None or row_of(table, found) != expected:
                return False
            connection.execute(insert_sql(table), values(table, new))
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
        sql, parameters = select(table, partition, lower, upper, limit, backwards=backwards)
        return self._rows(table, sql, parameters)

    def read_many(
        self, table: Table[RowT], slices: Sequence[Slice], *, limit: int | None = None
    ) -> list[list[RowT]]:
        """As the port says; one by one, as each is but a search in a file of this machine."""
        return [
            list(self.read(table, part.partition, lower=part.lower, upper=part.upper, limit=limit))
            for part in slices
        ]

    def not_before(self, at_ms: int) -> None:
        """Nothing is to be done: the order of commits, not a clock, says which write is later."""

    def scan(self, table: Table[RowT], tokens: TokenRange | None = None) -> Iterator[RowT]:
        tokens = tokens or TokenRange(TOKEN_MIN, TOKEN_MAX)
        return self._rows(table, select_by_token(table), [tokens.lower, tokens.upper])

    def partitions(self, table: Table[Any], tokens: TokenRange | None = None) -> Iterator[Key]:
        """As the port says; each is found by one search, so that rows in between are not passed."""
        tokens = tokens or TokenRange(TOKEN_MIN, TOKEN_MAX)
        sql = partition_after(table)
        after: list[Value] = [tokens.lower]
        while True:
            with errors_of(self._path(table.keyspace)), self._connection(table.keyspace) as connection:
                found = connection.execute(sql[len(after) == 1], [*after, tokens.upper]).fetchone()
            if found is None:
                return
            after = list(found)
            yield tuple(found[1:])

    def token_ranges(self, table: Table[Any], count: int) -> list[TokenRange]:
        return even_token_ranges(count)

    def close(self) -> None:
        """As the port says; what was submitted is done first."""
        self._commits.close()
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()

    def _apply(self, mutations: Sequence[Mutation]) -> None:
        for keyspace, changes in transactions(mutations):
            with self._transaction(keyspace) as connection:
                execute(connection, changes)

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
                    for stored in found:
                        yield row_of(table, stored)
            finally:
                with suppress(sqlite3.ProgrammingError):  # the store was closed meanwhile
                    cursor.close()

    @contextmanager
    def _transaction(self, keyspace: str) -> Iterator[sqlite3.Connection]:
        with (
            errors_of(self._path(keyspace)),
            self._turns[keyspace],
            self._connection(keyspace) as connection,
        ):
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise


def directory_differences(directory: Path) -> list[str]:
    """What of the store in `directory` is not as declared, in words; nothing is made or changed."""
    found = []
    for keyspace in KEYSPACES:
        path = directory / f"{keyspace}.sqlite"
        if not path.exists():
            found.append(f"{path} is missing")
            continue
        with usable(path), errors_of(path), closing(sqlite3.connect(path)) as connection:
            found += differences(connection, keyspace)
    return found


@contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    """No other process opens a store there meanwhile.

    Of two that turn the same new file to WAL, SQLite refuses one without waiting for its busy timeout: each
    reads the file and waits for the other to stop.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _connect(path: Path) -> sqlite3.Connection:
    with errors_of(path):
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        path.chmod(0o600)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection
