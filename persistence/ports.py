"""The port that a backend implements: a wide-column store with partitions in token order.

Everything muvr stores goes through these operations. They are what Cassandra does well: no joins, no read
before write, rows of a partition together and sorted.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from persistence.schema import Key, Table

RowT = TypeVar("RowT", bound=NamedTuple)

TOKEN_MIN = -(2**63)
TOKEN_MAX = 2**63 - 1
ATOMIC_BYTES_MAX = 32 * 1024  # of one partition's rows in one write that are surely applied all or none
SUBMITTED_MAX = 1024  # writes under way; one more waits in `submit` until one of them ends


class Insert(msgspec.Struct, frozen=True):
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


@dataclass(frozen=True)
class Then:
    """What follows it in a write is applied only once what precedes it is durable."""


Mutation = Insert | Delete | Then


@dataclass(frozen=True)
class Slice:
    """Rows of `partition` whose clustering prefix lies in [lower, upper], both inclusive."""

    partition: Key
    lower: Key = ()
    upper: Key = ()


@dataclass(frozen=True)
class TokenRange:
    """Partitions whose token lies in [lower, upper], both inclusive."""

    lower: int
    upper: int


class Store(Protocol):
    """A backend. Safe for use from several threads and, on one directory or cluster, several processes.

    Every operation raises StoreUnavailable when nobody knows whether it took place, StoreFull when there is
    no room, StoreRejected when the store will not have it (of a value that does not fit its column, nothing
    was written) and StoredValueCorrupt when a stored value cannot be read. A backend repeats what is
    idempotent, as writes and reads are, for some seconds before it gives up.

    A partition key of one column is not empty. Rows of a `conditional` table are written by
    `insert_if_absent` and `compare_and_set`, not in the order of other writes, and deleted by `Delete`.
    """

    def write(self, mutations: Sequence[Mutation]) -> None:
        """Apply `mutations`; when this returns they are durable."""

    def submit(self, mutations: Sequence[Mutation]) -> Future[None]:
        """Begin to apply `mutations`; the future ends when they are durable, or with what `write` raises.

        Those of one partition of one table are applied in order, and all or none up to ATOMIC_BYTES_MAX;
        of more than that a failure may leave a prefix. Nothing orders different partitions, but `Then`.
        Of two calls, the later counts as later, also for a row that both write. Waits while SUBMITTED_MAX
        are under way. Callbacks of the future run in a thread of the store and must not wait for the store.
        """

    def insert_if_absent(self, table: Table[RowT], rows: Sequence[RowT]) -> list[bool]:
        """Insert each of `rows` unless its key exists; True for those that were. Linearisable, and slow.

        Nothing orders the rows: several at once are as if several processes inserted one each.
        """

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

    def read_many(
        self, table: Table[RowT], slices: Sequence[Slice], *, limit: int | None = None
    ) -> list[list[RowT]]:
        """The rows of each slice, in the table's clustering order, at most `limit` of each.

        Much cheaper than as many reads. Slices of equal bounds share a query: where the exact bound does not
        matter, round it. All is held in memory.
        """

    def not_before(self, at_ms: int) -> None:
        """Let writes from now on count as later than any stamped up to `at_ms` by whatever clock.

        For the new owner of what another process wrote, whose clock may have been ahead.
        """

    def scan(self, table: Table[RowT], tokens: TokenRange | None = None) -> Iterator[RowT]:
        """All rows whose partition's token lies in `tokens` (all, if None), partition by partition."""

    def partitions(self, table: Table[Any], tokens: TokenRange | None = None) -> Iterator[Key]:
        """The partition keys that have rows, as `scan` has them, each once; the rows are not read."""

    def token_ranges(self, table: Table[Any], count: int) -> list[TokenRange]:
        """Disjoint ranges that cover all partitions; about `count`, of about equal size."""

    def close(self) -> None:
        """Release connections. Using the store afterwards is a programming error."""


def even_token_ranges(count: int) -> list[TokenRange]:
    """`count` equal ranges that cover every token."""
    width = 2**64 // count
    bounds = [TOKEN_MIN + index * width for index in range(count)] + [TOKEN_MAX + 1]
    return [TokenRange(low, high - 1) for low, high in itertools.pairwise(bounds)]
