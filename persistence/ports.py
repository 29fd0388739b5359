"""The port that a backend implements: a wide-column store with partitions in token order.

Everything muvr stores goes through these operations. They are what Cassandra does well: no joins, no read
before write, rows of a partition together and sorted.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from persistence.schema import Key, Table

RowT = TypeVar("RowT", bound=NamedTuple)

TOKEN_MIN = -(2**63)
TOKEN_MAX = 2**63 - 1


@dataclass(frozen=True)
class Insert:
    """Insert `row`, replacing a row of the same key."""

    table: Table[Any]
    row: NamedTuple


@dataclass(frozen=True)
class Delete:
    """Delete the rows of `partition` whose clustering prefix lies in [lower, upper], both inclusive.

    An empty bound is open.
    """

    table: Table[Any]
    partition: Key
    lower: Key = ()
    upper: Key = ()


Mutation = Insert | Delete


@dataclass(frozen=True)
class TokenRange:
    """Partitions whose token lies in [lower, upper], both inclusive."""

    lower: int
    upper: int


class Store(Protocol):
    """A backend. Safe for use from several threads and, on one directory or cluster, several processes.

    Every operation raises StoreUnavailable when nobody knows whether it took place, StoreFull when there is
    no room (nothing was written), StoredValueCorrupt when a stored value cannot be read.
    """

    def write(self, mutations: Sequence[Mutation]) -> None:
        """Apply `mutations` in order; when this returns they are durable.

        Those of one partition of one table are applied all or none.
        """

    def insert_if_absent(self, table: Table[Any], row: NamedTuple) -> bool:
        """Insert `row` unless its key exists; True if it was inserted. Linearisable, and slow."""

    def compare_and_set(self, table: Table[RowT], expected: RowT, new: RowT) -> bool:
        """Replace the row equal to `expected` in every column by `new` of the same key; True if it was.

        Linearisable, and slow.
        """

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
        """Rows of a partition whose clustering prefix lies in [lower, upper] by value, both inclusive.

        In the table's clustering order, or its opposite if `backwards`. Nothing if the partition is unknown,
        `limit` is 0 or `lower` is above `upper`.
        """

    def scan(self, table: Table[RowT], tokens: TokenRange | None = None) -> Iterator[RowT]:
        """All rows whose partition's token lies in `tokens` (all, if None), partition by partition."""

    def token_ranges(self, table: Table[Any], count: int) -> list[TokenRange]:
        """Disjoint ranges that cover all partitions; about `count`, of about equal size."""

    def close(self) -> None:
        """Release connections. Using the store afterwards is a programming error."""


def even_token_ranges(count: int) -> list[TokenRange]:
    """`count` equal ranges that cover every token."""
    width = 2**64 // count
    bounds = [TOKEN_MIN + index * width for index in range(count)] + [TOKEN_MAX + 1]
    return [TokenRange(low, high - 1) for low, high in itertools.pairwise(bounds)]
