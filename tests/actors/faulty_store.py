"""A store that fails as its port allows: before a write, after it, or in the middle of reading."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from domain.errors import StoreFull, StoreUnavailable
from persistence.ports import Mutation, Store, TokenRange
from persistence.schema import Key, Table


class FaultyStore:
    """Around `inner`; each operation fails with probability `rate`, drawn from `rng`."""

    def __init__(self, inner: Store, rng: random.Random, rate: float) -> None:
        self.inner = inner
        self.rate = rate
        self._rng = rng

    def write(self, mutations: Sequence[Mutation]) -> None:
        with _Fault(self):
            self.inner.write(mutations)

    def insert_if_absent(self, table: Table[Any], row: NamedTuple) -> bool:
        with _Fault(self):
            return self.inner.insert_if_absent(table, row)

    def compare_and_set(self, table: Table[Any], expected: Any, new: Any) -> bool:
        with _Fault(self):
            return self.inner.compare_and_set(table, expected, new)

    def read(self, table: Table[Any], partition: Key, **bounds: Any) -> Iterator[Any]:
        return self._failing(self.inner.read(table, partition, **bounds))

    def scan(self, table: Table[Any], tokens: TokenRange | None = None) -> Iterator[Any]:
        return self._failing(self.inner.scan(table, tokens))

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
