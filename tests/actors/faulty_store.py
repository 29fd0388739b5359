"""A store that fails as its port allows: before a write, after it, long after it, or while reading."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

from domain.errors import StoreFull, StoreUnavailable
from persistence.ports import Delete, Insert, Mutation, Slice, Store, TokenRange
from persistence.schema import Key, Table


class FaultyStore:
    """Around `inner`. A submitted write ends when `finish_one` draws it from those in flight.

    Of two writes to a row the one that was submitted later wins, whenever they arrive, as timestamps make it
    with Cassandra. Each operation fails with probability `rate`; all chances are drawn from `rng`. A write
    that fails may have been applied, and may be applied at any later time: see `apply_late`.
    """

    def __init__(self, inner: Store, rng: random.Random, rate: float) -> None:
        self.inner = inner
        self.rate = rate
        self._rng = rng
        self._count = 0
        self._in_flight: list[tuple[int, list[Mutation], Future[None]]] = []
        self._lost: list[tuple[int, list[Mutation]]] = []  # writes that failed and are on their way still
        self._stamps: dict[Any, int] = {}  # of each row the number of the write that it is from

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    def submit(self, mutations: Sequence[Mutation]) -> Future[None]:
        future: Future[None] = Future()
        self._count += 1
        self._in_flight.append((self._count, list(mutations), future))
        return future

    def finish_one(self) -> None:
        """End one of the writes in flight, in whatever order."""
        number, mutations, future = self._in_flight.pop(self._rng.randrange(len(self._in_flight)))
        if not self.fails():
            self._apply(number, mutations)
            future.set_result(None)
            return
        what = self._rng.random()
        if what < 0.3:
            future.set_exception(StoreFull("no room"))
            return
        if what < 0.6:
            self._apply(number, mutations)
        elif what < 0.8:
            self._lost.append((number, mutations))
        future.set_exception(StoreUnavailable("nobody knows"))

    def abandon(self) -> None:
        """Who submitted what is in flight is gone; it may still be applied, or never."""
        for number, mutations, _ in self._in_flight:
            if self._rng.random() < 0.8:
                self._lost.append((number, mutations))
        self._in_flight.clear()

    def apply_late(self) -> None:
        """Apply one of the writes that were on their way."""
        if self._lost:
            self._apply(*self._lost.pop(self._rng.randrange(len(self._lost))))

    def _apply(self, number: int, mutations: Sequence[Mutation]) -> None:
        winning: list[Mutation] = []
        for mutation in mutations:
            if isinstance(mutation, Insert):
                winning += [mutation] if self._wins(number, mutation.table, mutation.row) else []
            elif isinstance(mutation, Delete):
                bounds: dict[str, Any] = {"lower": mutation.lower, "upper": mutation.upper}
                for row in list(self.inner.read(mutation.table, mutation.partition, **bounds)):
                    if self._wins(number, mutation.table, row):
                        key = tuple(getattr(row, name) for name in mutation.table.clustering)
                        winning.append(Delete(mutation.table, mutation.partition, key, key))
        self.inner.write(winning)

    def _wins(self, number: int, table: Table[Any], row: NamedTuple) -> bool:
        key = (table.name, *(getattr(row, name) for name in table.key))
        if self._stamps.get(key, 0) > number:
            return False
        self._stamps[key] = number
        return True

    def write(self, mutations: Sequence[Mutation]) -> None:
        with _Fault(self):
            self.inner.write(mutations)

    def insert_if_absent(self, table: Table[Any], rows: Sequence[NamedTuple]) -> list[bool]:
        with _Fault(self):
            return self.inner.insert_if_absent(table, rows)

    def compare_and_set(self, table: Table[Any], expected: Any, new: Any) -> bool:
        with _Fault(self):
            return self.inner.compare_and_set(table, expected, new)

    def read(self, table: Table[Any], partition: Key, **bounds: Any) -> Iterator[Any]:
        return self._failing(self.inner.read(table, partition, **bounds))

    def read_many(
        self, table: Table[Any], slices: Sequence[Slice], *, limit: int | None = None
    ) -> list[list[Any]]:
        if self.fails():
            raise StoreUnavailable("a read was interrupted")
        return self.inner.read_many(table, slices, limit=limit)

    def not_before(self, at_ms: int) -> None:
        self.inner.not_before(at_ms)

    def scan(self, table: Table[Any], tokens: TokenRange | None = None) -> Iterator[Any]:
        return self._failing(self.inner.scan(table, tokens))

    def partitions(self, table: Table[Any], tokens: TokenRange | None = None) -> Iterator[Key]:
        return self._failing(self.inner.partitions(table, tokens))

    def token_ranges(self, table: Table[Any], count: int) -> list[TokenRange]:
        return self.inner.token_ranges(table, count)

    def close(self) -> None:
        self.inner.close()

    def fails(self) -> bool:
        return self._rng.random() < self.rate

    def _failing(self, rows: Iterator[Any]) -> Iterator[Any]:
        if self.fails():
            yield from (row for row, _ in zip(rows, range(self._rng.randrange(3)), strict=False))
            raise StoreUnavailable("a read was interrupted")
        yield from rows


class _Fault:
    """Around an operation that changes something."""

    def __init__(self, store: FaultyStore) -> None:
        self._store = store

    def __enter__(self) -> None:
        if self._store.fails():
            raise StoreFull("no room") if self._store.fails() else StoreUnavailable("not written")

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if error is None and self._store.fails():
            raise StoreUnavailable("written, but nobody knows")
