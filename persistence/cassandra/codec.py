"""Rows of a table as the native protocol has them, and back."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from domain.errors import StoredValueCorrupt, StoreRejected
from persistence.cassandra.generated import compiled_decoder, compiled_encoder
from persistence.cassandra.values import KEY_BYTES_MAX, KINDS, LENGTH, LONG, MISFITS, Kind, with_length
from persistence.schema import Key, Table, Value

RowT = TypeVar("RowT", bound=NamedTuple)

TEXT, PREPARED = b"\x00", b"\x01"  # how a part of a BATCH message begins


class TableCodec(Generic[RowT]):
    """Encodes and decodes the rows of `table`. Raises StoreRejected and StoredValueCorrupt."""

    def __init__(self, table: Table[RowT]) -> None:
        self.table = table
        self._kinds = [KINDS[table.types[name]] for name in table.columns]
        self._decode_fast = compiled_decoder(table, self._kinds)

    def encoder(self, statement_id: bytes) -> Callable[[RowT, int], bytes]:
        """Makes of a row and its write time (µs) the insert `statement_id` as a part of a BATCH message.

        The statement takes every column in order, and then the write time.
        """
        count = len(self._kinds) + 1
        prefix = PREPARED + struct.pack(">H", len(statement_id)) + statement_id + struct.pack(">H", count)
        fast = compiled_encoder(self.table, self._kinds, prefix)

        def encode(row: RowT, timestamp: int) -> bytes:
            try:
                return fast(row, timestamp)
            except MISFITS:
                values = self.values(row)
            return prefix + b"".join(with_length(value) for value in (*values, LONG.pack(timestamp)))

        return encode

    def values(self, row: NamedTuple) -> list[bytes | None]:
        """Every column, encoded."""
        return [
            None if value is None and index >= len(self.table.key) else self._value(index, value)
            for index, value in enumerate(row)
        ]

    def partition(self, partition: Key) -> list[bytes]:
        """The columns of a partition key, encoded."""
        if len(partition) != len(self.table.partition):
            raise StoreRejected(
                f"{partition!r} is no partition key of {self.table.name}",
                expected=f"values of {', '.join(self.table.partition)}",
            )
        return [self._value(index, value) for index, value in enumerate(partition)]

    def clustering(self, prefix: Key) -> list[bytes]:
        """The first clustering columns, encoded."""
        start = len(self.table.partition)
        return [self._value(start + index, value) for index, value in enumerate(prefix)]

    def decode(self, buffer: bytes, position: int, count: int) -> list[RowT]:
        """`count` rows of all columns that begin at `position` of a RESULT message."""
        try:
            return self._decode_fast(buffer, position, count)
        except MISFITS:
            pass  # a column that came with a later schema is null in earlier rows
        try:
            return list(self._decode_slowly(buffer, position, count))
        except MISFITS as error:
            raise StoredValueCorrupt(
                f"a row of {self.table.name} cannot be read ({error})",
                expected="the declared columns",
                remedy="compare the table with `muvr schema check`",
            ) from error

    def decode_partitions(self, buffer: bytes, position: int, count: int) -> list[Key]:
        """`count` partition keys that begin at `position` of a RESULT message."""
        return [
            tuple(key) for key in _values(self._kinds[: len(self.table.partition)], buffer, position, count)
        ]

    def _decode_slowly(self, buffer: bytes, position: int, count: int) -> Iterator[RowT]:
        return map(self.table.row._make, _values(self._kinds, buffer, position, count))

    def _value(self, index: int, value: Value) -> bytes:
        kind = self._kinds[index]
        try:
            encoded = kind.encode(value)
        except MISFITS as error:
            raise StoreRejected(
                f"{self.table.name}.{self.table.columns[index]} is {value!r:.60} ({error})",
                expected=kind.name if index < len(self.table.key) else f"{kind.name} or None",
            ) from error
        if not encoded and self.table.partition == (self.table.columns[index],):
            raise StoreRejected(
                f"{self.table.name}.{self.table.columns[index]} is empty", expected="a key of some bytes"
            )
        if index < len(self.table.key) and len(encoded) > KEY_BYTES_MAX:
            raise StoreRejected(
                f"{self.table.name}.{self.table.columns[index]} has {len(encoded)} bytes",
                expected=f"at most {KEY_BYTES_MAX} in a column of the key",
            )
        return encoded


def _values(kinds: Sequence[Kind], buffer: bytes, position: int, count: int) -> Iterator[list[Any]]:
    """The values of `count` rows, each of so many columns as there are `kinds`."""
    for _ in range(count):
        values: list[Any] = []
        for kind in kinds:
            (size,) = LENGTH.unpack_from(buffer, position)
            position += 4
            values.append(None if size < 0 else kind.decode(buffer[position : position + size]))
            position += max(size, 0)
        yield values


def routing_key(partition: Sequence[bytes]) -> bytes:
    """What the token of a partition is the Murmur3 hash of."""
    if len(partition) == 1:
        return partition[0]
    return b"".join(struct.pack(">H", len(part)) + part + b"\x00" for part in partition)


def statement(cql: str, values: Sequence[bytes | None]) -> bytes:
    """A statement that is not prepared, with its values, as a part of a BATCH message."""
    text = cql.encode()
    head = TEXT + LENGTH.pack(len(text)) + text + struct.pack(">H", len(values))
    return head + b"".join(with_length(value) for value in values)
