"""The store of a simulated cluster: small tables, and each process's way to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from persistence.ports import Slice

VERSIONS_BACK_MAX = 4


class Rows:
    """Stands for a backend's tables of one row per partition, as Cassandra's with conditional writes.

    These are linearisable; `read` may give what was there before, as a read that is not may.
    """

    def __init__(self) -> None:
        self._versions: dict[tuple[str, Any], list[Any]] = {}  # the newest last, None for no row

    def change(self, table: Any, expected: Any, new: Any) -> bool:
        """`expected` is None for a row that must be absent."""
        versions = self._versions.get((table.name, new[0]), [None])
        if versions[-1] != expected:
            return False
        self._versions[table.name, new[0]] = [*versions[-VERSIONS_BACK_MAX:], new]
        return True

    def read(self, table: Any, key: Any, back: int = 0) -> Any:
        """The row, or None, as it was `back` versions ago."""
        versions = self._versions.get((table.name, key), [None])
        return versions[-1 - min(back, len(versions) - 1)]

    def delete(self, table: Any, key: Any) -> None:
        del self._versions[table.name, key]

    def all(self, table: Any) -> list[Any]:
        return [versions[-1] for (name, _), versions in self._versions.items() if name == table.name]


Call = Callable[[str, Callable[[], Any]], Any]


class Link:
    """The part of the port that a membership uses, over `rows`.

    `call` is told each operation's name, makes its effect come about, or not, and returns what that does. A
    read gives a row as it was `versions_back` before.
    """

    def __init__(
        self,
        rows: Rows,
        call: Call,
        *,
        versions_back: Callable[[], int] = lambda: 0,
        not_before: Callable[[int], None] = lambda at_ms: None,
    ) -> None:
        self._rows = rows
        self._call = call
        self._versions_back = versions_back
        self.not_before = not_before

    def insert_if_absent(self, table: Any, rows: Sequence[Any]) -> list[bool]:
        return [
            bool(self._call("insert_if_absent", partial(self._rows.change, table, None, row))) for row in rows
        ]

    def compare_and_set(self, table: Any, expected: Any, new: Any) -> bool:
        assert expected is not None
        return bool(self._call("compare_and_set", lambda: self._rows.change(table, expected, new)))

    def read(self, table: Any, partition: Any) -> Iterator[Any]:
        return iter(self._call("read", lambda: self._read(table, partition)))

    def read_many(self, table: Any, slices: Sequence[Slice]) -> list[list[Any]]:
        return list(self._call("read_many", lambda: [self._read(table, part.partition) for part in slices]))

    def scan(self, table: Any) -> Iterator[Any]:
        return iter(self._call("scan", lambda: self._rows.all(table)))

    def _read(self, table: Any, partition: Any) -> list[Any]:
        row = self._rows.read(table, partition[0], self._versions_back())
        return [] if row is None else [row]
