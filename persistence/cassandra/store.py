"""`CassandraStore`: the port over a session with the nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, NamedTuple, TypeVar

import cassandra
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Session

from persistence.cassandra.batches import Limits, Planner, Route
from persistence.cassandra.conditional import Conditions
from persistence.cassandra.connection import connect
from persistence.cassandra.errors import store_error
from persistence.cassandra.patience import REQUEST_SECONDS
from persistence.cassandra.placement import Placement
from persistence.cassandra.protocol import EncodedBatch
from persistence.cassandra.reader import Asker, Reader
from persistence.cassandra.schema import check_version
from persistence.cassandra.settings import CassandraSettings
from persistence.cassandra.statements import TableStatements
from persistence.cassandra.timestamps import Timestamps
from persistence.cassandra.writer import Writer
from persistence.ports import Mutation, Slice, TokenRange, even_token_ranges
from persistence.schema import Key, Table
from persistence.tables import TABLES

RowT = TypeVar("RowT", bound=NamedTuple)

BATCH_SHARE = 0.7  # of what a server takes, as it counts a little otherwise
FRAME_BYTES = 64 * 1024  # room in a message for what is not the statement
_LIMITS = {
    "batch_size_fail_threshold": 50 * 1024,
    "max_mutation_size": 16 << 20,
    "native_transport_max_frame_size": 16 << 20,
}
_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


class CassandraStore:
    """Opened in the process that uses it: connections do not survive a fork.

    Raises ConfigurationError if no node answers or the tables are not of this version.
    """

    def __init__(self, settings: CassandraSettings, timestamps: Timestamps | None = None) -> None:
        self._session = connect(settings)
        try:
            check_version(self._session, settings)
            self._timestamps = timestamps or Timestamps()
            self._of = {table.name: TableStatements(table, settings, self._prepare) for table in TABLES}
            placement = Placement(self._session.cluster.metadata)
            limits = _limits(self._session)
        except BaseException:
            self._session.cluster.shutdown()
            raise
        self._patience = settings.retry_seconds + 2 * REQUEST_SECONDS
        asker = Asker(self._session, settings.retry_seconds, self._avoid)
        self._planner = Planner(self._of, placement, limits)
        self._writer = Writer(self._send, limits, settings.retry_seconds)
        self._reader = Reader(asker, self._of, placement)
        self._conditions = Conditions(self._session, self._of, self._reader, settings.retry_seconds)

    def write(self, mutations: Sequence[Mutation]) -> None:
        self.submit(mutations).result()

    def submit(self, mutations: Sequence[Mutation]) -> Future[None]:
        try:
            planned = self._planner.stages(mutations, self._timestamps.take)
        except Exception as error:
            refused: Future[None] = Future()
            refused.set_exception(error)
            return refused
        return self._writer.submit(planned)

    def insert_if_absent(self, table: Table[RowT], rows: Sequence[RowT]) -> list[bool]:
        return self._conditions.insert_if_absent(table, rows)

    def compare_and_set(self, table: Table[RowT], expected: RowT, new: RowT) -> bool:
        return self._conditions.compare_and_set(table, expected, new)

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
        return self._reader.read(table, partition, lower=lower, upper=upper, limit=limit, backwards=backwards)

    def read_many(
        self, table: Table[RowT], slices: Sequence[Slice], *, limit: int | None = None
    ) -> list[list[RowT]]:
        return self._reader.read_many(table, slices, limit=limit)

    def not_before(self, at_ms: int) -> None:
        """As the port says; rows made by conditions are dated by the servers."""
        self._timestamps.not_before(at_ms)

    def scan(self, table: Table[RowT], tokens: TokenRange | None = None) -> Iterator[RowT]:
        """As the port says, not linearisably, whatever the table."""
        return self._reader.scan(table, tokens)

    def partitions(self, table: Table[Any], tokens: TokenRange | None = None) -> Iterator[Key]:
        return self._reader.partitions(table, tokens)

    def token_ranges(self, table: Table[Any], count: int) -> list[TokenRange]:
        return even_token_ranges(count)

    def close(self) -> None:
        """As the port says; what was submitted is done first, or given up."""
        self._writer.close(self._patience)
        self._session.cluster.shutdown()

    def _prepare(self, cql: str) -> Any:
        try:
            return self._session.prepare(cql)
        except Exception as error:
            raise store_error(error) from error

    def _send(
        self,
        route: Route,
        parts: Sequence[bytes],
        timeout: float,
        succeeded: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        batch = EncodedBatch(
            parts,
            consistency=route.consistency,
            serial_consistency=route.serial_consistency,
            keyspace=route.keyspace,
            routing_key=route.routing_key,
        )
        sent = self._session.execute_async(batch, timeout=timeout)
        sent.add_callbacks(lambda _: succeeded(), partial(self._failed, failed))

    def _failed(self, failed: Callable[[BaseException], None], error: BaseException) -> None:
        self._avoid(error)
        failed(error)

    def _avoid(self, error: BaseException) -> None:
        if isinstance(error, cassandra.OperationTimedOut) and error.last_host is not None:
            profile = self._session.cluster.profile_manager.profiles[EXEC_PROFILE_DEFAULT]
            profile.load_balancing_policy.avoid(error.last_host)


def _limits(session: Session) -> Limits:
    """As the node says that answers; its defaults where it does not."""
    names = ", ".join(f"'{name}'" for name in _LIMITS)
    try:
        rows = session.execute(f"SELECT name, value FROM system_views.settings WHERE name IN ({names})")
    except cassandra.RequestValidationException:
        rows = []  # Cassandra 3 has no such table, and a user may not see it
    found = {name: _byte_count(value) for name, value in rows}
    known = {name: found.get(name) or default for name, default in _LIMITS.items()}
    mutation = min(known["max_mutation_size"], known["native_transport_max_frame_size"])
    return Limits(
        batch_bytes=int(known["batch_size_fail_threshold"] * BATCH_SHARE),
        mutation_bytes=mutation - FRAME_BYTES,
    )


def _byte_count(text: str | None) -> int | None:
    """`50KiB` as bytes."""
    for unit, size in sorted(_UNITS.items(), key=lambda pair: -len(pair[0])):
        if text and text.endswith(unit) and text.removesuffix(unit).isdigit():
            return int(text.removesuffix(unit)) * size
    return None
