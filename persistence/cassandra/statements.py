"""The statements of each table: their text, prepared once, and the level each is asked at."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from cassandra import ConsistencyLevel
from cassandra.query import PreparedStatement

from persistence.cassandra.codec import TableCodec, statement
from persistence.cassandra.settings import CassandraSettings, keyspace_name
from persistence.cassandra.values import LONG
from persistence.ports import Delete
from persistence.schema import Key, Table

RowT = TypeVar("RowT", bound=NamedTuple)

CELL_BYTES = 12  # what the server counts at most for a column beside its encoded value


class TableStatements:
    """Of one table. Only the insert is prepared at once: to prepare is to wait, and a callback may write."""

    def __init__(
        self, table: Table[Any], settings: CassandraSettings, prepare: Callable[[str], PreparedStatement]
    ) -> None:
        self.table = table
        self.keyspace = keyspace_name(table.keyspace, settings.keyspace)
        self.codec: TableCodec[Any] = TableCodec(table)
        self.consistency: int = getattr(ConsistencyLevel, settings.consistency_of(table))
        self.serial_consistency: int = getattr(ConsistencyLevel, settings.serial_consistency)
        self.read_consistency = self.serial_consistency if table.serial_reads else self.consistency
        self._name = settings.qualified(table)
        self._ttl = settings.ttl_seconds.get(table.name)
        self._prepare = prepare
        self._prepared: dict[str, PreparedStatement] = {}
        self._lock = threading.Lock()
        self._insert = self._get(self._insert_cql())
        self.encode_insert = self.codec.encoder(self._insert.query_id)
        columns = len(table.columns) + 1
        self.insert_overhead = 5 + len(self._insert.query_id) + 4 * columns + 8  # bytes that are no values
        self.row_overhead = CELL_BYTES * columns

    def encode_delete(self, delete: Delete, timestamp: int) -> bytes:
        """A part of a batch; not prepared, as there are many forms and few of each are used."""
        values = [*self.codec.partition(delete.partition)]
        where = [f"{name} = ?" for name in self.table.partition]
        for operator, bound in ((">=", delete.lower), ("<=", delete.upper)):
            if bound:
                where.append(self._bound(operator, len(bound)))
                values += self.codec.clustering(bound)
        condition = " AND ".join(where)
        if self.table.conditional:
            return statement(f"DELETE FROM {self._name} WHERE {condition} IF EXISTS", values)
        values.insert(0, LONG.pack(timestamp))
        return statement(f"DELETE FROM {self._name} USING TIMESTAMP ? WHERE {condition}", values)

    def select(
        self, lower: int, upper: int, *, backwards: bool = False, many: int | None = None
    ) -> PreparedStatement:
        """Of a partition, between clustering prefixes of so many columns; the last value is the LIMIT.

        With `many`, the partition column of that index takes a list, and the limit is of each partition.
        """
        where = [
            f"{name} IN ?" if index == many else f"{name} = ?"
            for index, name in enumerate(self.table.partition)
        ]
        where += [self._bound(operator, size) for operator, size in ((">=", lower), ("<=", upper)) if size]
        cql = f"SELECT {self._columns()} FROM {self._name} WHERE {' AND '.join(where)}"
        if backwards and self.table.clustering:
            cql += " ORDER BY " + ", ".join(
                f"{name} {'ASC' if self.table.descending else 'DESC'}" for name in self.table.clustering
            )
        return self._get(cql + (" LIMIT ?" if many is None else " PER PARTITION LIMIT ?"))

    def scan(self, *, has_lower: bool, has_upper: bool, is_of_keys: bool = False) -> PreparedStatement:
        """Of all partitions between two tokens: their rows, or their keys, each once."""
        partition = ", ".join(self.table.partition)
        where = [f"token({partition}) >= ?"] * has_lower + [f"token({partition}) <= ?"] * has_upper
        condition = f" WHERE {' AND '.join(where)}" if where else ""
        wanted = f"DISTINCT {partition}" if is_of_keys else self._columns()
        return self._get(f"SELECT {wanted} FROM {self._name}{condition}")

    def insert_if_absent(self) -> PreparedStatement:
        marks = ", ".join("?" for _ in self.table.columns)
        using = f" USING TTL {self._ttl}" if self._ttl else ""
        return self._get(
            f"INSERT INTO {self._name} ({self._columns()}) VALUES ({marks}) IF NOT EXISTS{using}"
        )

    def compare_and_set(self) -> PreparedStatement:
        """Takes the new values of the columns outside the key, the key, and the values that are expected."""
        others = [name for name in self.table.columns if name not in self.table.key]
        using = f" USING TTL {self._ttl}" if self._ttl else ""
        return self._get(
            f"UPDATE {self._name}{using} SET {', '.join(f'{name} = ?' for name in others)}"
            f" WHERE {' AND '.join(f'{name} = ?' for name in self.table.key)}"
            f" IF {' AND '.join(f'{name} = ?' for name in others)}"
        )

    def _insert_cql(self) -> str:
        marks = ", ".join("?" for _ in self.table.columns)
        ttl = f" AND TTL {self._ttl}" if self._ttl else ""
        return f"INSERT INTO {self._name} ({self._columns()}) VALUES ({marks}) USING TIMESTAMP ?{ttl}"

    def _columns(self) -> str:
        return ", ".join(self.table.columns)

    def _bound(self, operator: str, size: int) -> str:
        names = ", ".join(self.table.clustering[:size])
        return f"({names}) {operator} ({', '.join('?' for _ in range(size))})"

    def _get(self, cql: str) -> PreparedStatement:
        found = self._prepared.get(cql)
        if found is None:
            with self._lock:
                found = self._prepared.get(cql) or self._prepare(cql)
                self._prepared[cql] = found
        return found


def is_empty_range(lower: Key, upper: Key) -> bool:
    """Whether no clustering key can lie between two inclusive prefixes."""
    common = min(len(lower), len(upper))
    return lower[:common] > upper[:common]


def is_no_key(table: Table[Any], partition: Key) -> bool:
    """Whether no row can have this partition key: Cassandra knows no empty one."""
    return len(table.partition) == 1 and partition in (("",), (b"",))


def select_values(
    codec: TableCodec[Any], partition: Sequence[bytes], lower: Key, upper: Key, limit: bytes
) -> list[bytes | None]:
    """The values of `select` and of its bounds, in order."""
    return [*partition, *codec.clustering(lower), *codec.clustering(upper), limit]
