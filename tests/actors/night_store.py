"""The store of simulated schedulers: tables in memory, and each process's way to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from persistence.comparison import keys_of
from persistence.ports import Delete, Insert, Mutation

Call = Callable[[Callable[[], Any]], Any]


class Tables:
    """What is stored. `changed` is told of each conditional change: the row before and the one after."""

    def __init__(self, changed: Callable[[Any, Any], None] = lambda before, after: None) -> None:
        self._rows: dict[str, dict[tuple[Any, Any], Any]] = {}
        self._changed = changed

    def change(self, table: Any, expected: Any, new: Any) -> bool:
        """`expected` is None for a row that must be absent."""
        key = keys_of(table, new)[1:]
        rows = self._rows.setdefault(table.name, {})
        if rows.get(key) != expected:
            return False
        rows[key] = new
        self._changed(expected, new)
        return True

    def apply(self, mutations: Sequence[Mutation]) -> None:
        for mutation in mutations:
            if isinstance(mutation, Insert):
                rows = self._rows.setdefault(mutation.table.name, {})
                rows[keys_of(mutation.table, mutation.row)[1:]] = mutation.row
            elif isinstance(mutation, Delete):
                self._delete(mutation)

    def read(self, table: Any, partition: Any, lower: Any = (), upper: Any = ()) -> list[Any]:
        found = sorted(
            (
                (clustering, row)
                for (of, clustering), row in self._rows.get(table.name, {}).items()
                if of == partition and _is_within(clustering, lower, upper)
            ),
            key=lambda each: each[0],
            reverse=table.descending,
        )
        return [row for _, row in found]

    def all(self, table: Any) -> list[Any]:
        return list(self._rows.get(table.name, {}).values())

    def _delete(self, delete: Delete) -> None:
        rows = self._rows.get(delete.table.name, {})
        for key in list(rows):
            if key[0] == delete.partition and _is_within(key[1], delete.lower, delete.upper):
                del rows[key]


class Link:
    """The part of the port that a scheduler uses. `call` makes an effect come about, or not."""

    def __init__(self, tables: Tables, call: Call) -> None:
        self._tables = tables
        self._call = call

    def insert_if_absent(self, table: Any, rows: Sequence[Any]) -> list[bool]:
        return [bool(self._call(partial(self._tables.change, table, None, row))) for row in rows]

    def compare_and_set(self, table: Any, expected: Any, new: Any) -> bool:
        return bool(self._call(partial(self._tables.change, table, expected, new)))

    def write(self, mutations: Sequence[Mutation]) -> None:
        self._call(partial(self._tables.apply, mutations))

    def read(
        self, table: Any, partition: Any, *, lower: Any = (), upper: Any = (), limit: int | None = None
    ) -> Iterator[Any]:
        rows = self._call(partial(self._tables.read, table, partition, lower, upper))
        return iter(rows[:limit])

    def scan(self, table: Any) -> Iterator[Any]:
        return iter(self._call(partial(self._tables.all, table)))


def _is_within(clustering: Any, lower: Any, upper: Any) -> bool:
    return clustering[: len(lower)] >= lower and clustering[: len(upper)] <= upper
