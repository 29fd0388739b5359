"""Conditional statements: Paxos among the replicas, some milliseconds each.

When nobody says whether one was applied it must not simply be repeated: the repetition would find the row
changed by itself and answer no. The row is read at the serial level, which also ends what was half done. If
it is as it was before, nothing was applied and never will be, so the statement is repeated. If it is not,
it may be this process's work or another's: StoreUnavailable, and who called looks at the row.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from cassandra.cluster import ResultSet, Session

from domain.errors import StoreUnavailable
from persistence.cassandra.errors import Answer, answer_to, described, store_error
from persistence.cassandra.patience import pause_seconds, request_seconds
from persistence.cassandra.protocol import EncodedQuery
from persistence.cassandra.reader import Reader
from persistence.cassandra.statements import TableStatements
from persistence.schema import Table

RowT = TypeVar("RowT", bound=NamedTuple)
TOGETHER_MAX = 16  # under way at once; on two cores four are as fast


class Conditions:
    """The conditional half of the port, by table name."""

    def __init__(
        self, session: Session, of: Mapping[str, TableStatements], reader: Reader, retry_seconds: float
    ) -> None:
        self._session = session
        self._of = of
        self._reader = reader
        self._retry_seconds = retry_seconds

    def insert_if_absent(self, table: Table[RowT], rows: Sequence[RowT]) -> list[bool]:
        of = self._of[table.name]
        queries = [self._query(of, of.insert_if_absent(), of.codec.values(row)) for row in rows]
        deadline = time.monotonic() + self._retry_seconds
        inserted: list[bool] = []
        for first in range(0, len(rows), TOGETHER_MAX):
            together = slice(first, first + TOGETHER_MAX)
            begun = [self._begin(query, deadline) for query in queries[together]]
            for row, query, answer in zip(rows[together], queries[together], begun, strict=True):
                inserted.append(self._applied(query, answer, deadline, partial(self._is_absent, table, row)))
        return inserted

    def compare_and_set(self, table: Table[RowT], expected: RowT, new: RowT) -> bool:
        width = len(table.key)
        assert tuple(expected)[:width] == tuple(new)[:width], "both are to be of one key"
        of = self._of[table.name]
        before, after = of.codec.values(expected), of.codec.values(new)
        query = self._query(of, of.compare_and_set(), [*after[width:], *before])
        deadline = time.monotonic() + self._retry_seconds
        answer = self._begin(query, deadline)
        return self._applied(query, answer, deadline, lambda: self._current(table, expected) == expected)

    def _query(self, of: TableStatements, prepared: Any, values: list[bytes | None]) -> EncodedQuery:
        return EncodedQuery(
            prepared,
            values,
            consistency=of.consistency,
            serial_consistency=of.serial_consistency,
            is_raw=False,
        )

    def _begin(self, query: EncodedQuery, deadline: float) -> Callable[[], ResultSet]:
        """Send `query`; what then waits for its answer."""
        remaining = request_seconds(deadline - time.monotonic())
        try:
            answer: Callable[[], ResultSet] = self._session.execute_async(query, timeout=remaining).result
        except Exception as error:
            return partial(_raise, error)
        return answer

    def _applied(
        self,
        query: EncodedQuery,
        answer: Callable[[], ResultSet],
        deadline: float,
        is_as_before: Callable[[], bool],
    ) -> bool:
        """Whether the condition of `query` held, to which `answer` was begun."""
        failures = 0
        while True:
            try:
                return bool(answer().current_rows[0][0])
            except Exception as error:
                if answer_to(error) is not Answer.REPEAT or time.monotonic() >= deadline:
                    raise store_error(error) from error
                time.sleep(pause_seconds(failures))
                failures += 1
                if not is_as_before():
                    raise StoreUnavailable(
                        f"nobody knows whether a condition held ({described(error)})",
                        remedy="read the row to see what it is now",
                    ) from error
                answer = self._begin(query, deadline)

    def _is_absent(self, table: Table[RowT], row: RowT) -> bool:
        return self._current(table, row) is None

    def _current(self, table: Table[RowT], like: RowT) -> RowT | None:
        """The row of the same key, as all conditions before left it."""
        row: tuple[Any, ...] = tuple(like)
        width = len(table.partition)
        bound = row[width : len(table.key)]
        found = self._reader.read(table, row[:width], lower=bound, upper=bound, limit=1, is_serial=True)
        return next(found, None)


def _raise(error: Exception) -> ResultSet:
    raise error
