"""Mutations as messages: what may share one, what must stay together, and what waits for what.

A message is an unlogged batch. Statements of one partition in it are one mutation for the server, applied all
or none; a batch of several partitions must stay below the server's `batch_size_fail_threshold`, one of a
single partition only below its largest mutation.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.errors import StoreRejected
from persistence.cassandra.codec import PREPARED, routing_key
from persistence.cassandra.placement import Placement
from persistence.cassandra.statements import TableStatements, is_empty_range, is_no_key
from persistence.ports import ATOMIC_BYTES_MAX, Delete, Insert, Mutation, Then
from persistence.schema import Key, Table

ROWS_MAX = 50  # of a message of several partitions; more gain nothing


@dataclass(frozen=True)
class Limits:
    """Of the servers. `batch_bytes` of a message of several partitions, `mutation_bytes` of any."""

    batch_bytes: int
    mutation_bytes: int


@dataclass(frozen=True)
class Route:
    """Where a message goes and what it is told by. Only those of one `kind` share a message."""

    kind: tuple[Hashable, ...]
    consistency: int
    serial_consistency: int | None = None
    keyspace: str | None = None
    routing_key: bytes | None = None


@dataclass
class Piece:
    """Statements that go in one message, with others if there is room; `byte_count` as the server counts."""

    route: Route
    parts: list[bytes]
    byte_count: int


@dataclass(slots=True)
class _Group:
    """The statements of one partition of one table, in order, and their bytes."""

    statements: TableStatements
    partition: Key
    parts: list[bytes]
    byte_count: int


class Planner:
    """Makes messages of mutations, for servers of these `limits`."""

    def __init__(self, of: Mapping[str, TableStatements], placement: Placement, limits: Limits) -> None:
        self._of = of
        self._placement = placement
        self._limits = limits

    def stages(
        self, mutations: Sequence[Mutation], take_timestamps: Callable[[int], int]
    ) -> list[list[Piece]]:
        """Messages to send; those of each stage at once, when all of the one before are durable.

        Raises StoreRejected if a value does not fit; then nothing is to be sent.
        """
        timestamp = take_timestamps(len(mutations)) if mutations else 0
        found: list[list[Piece]] = []
        groups: dict[tuple[str, Key], _Group] = {}
        for mutation in mutations:
            if isinstance(mutation, Then):
                found += self._stages_of(groups.values())
                groups = {}
            else:
                self._add(groups, mutation, timestamp)
                timestamp += 1
        return found + self._stages_of(groups.values())

    def _add(self, groups: dict[tuple[str, Key], _Group], mutation: Insert | Delete, timestamp: int) -> None:
        table = mutation.table
        statements = self._of[table.name]
        if isinstance(mutation, Insert):
            row: Any = mutation.row
            partition = row[: len(table.partition)]
            part = statements.encode_insert(row, timestamp)
        else:
            partition = mutation.partition
            if is_no_key(table, partition) or is_empty_range(mutation.lower, mutation.upper):
                return
            part = statements.encode_delete(mutation, timestamp)
        size = len(part)
        if size > self._limits.mutation_bytes:
            raise _too_large(mutation, size, self._limits)
        key = (table.name, partition)
        group = groups.get(key)
        if group is None:
            groups[key] = _Group(statements, partition, [part], size)
        elif table.conditional:
            _check_same(table, part, group)
        else:
            group.parts.append(part)
            group.byte_count += size

    def _stages_of(self, groups: Iterable[_Group]) -> list[list[Piece]]:
        """What of several groups goes at once: the first part of each, then the second of those with one."""
        found: list[list[Piece]] = [[]]
        routes: dict[str, Route] = {}
        open_pieces: dict[tuple[Hashable, ...], Piece] = {}
        for group in groups:
            route = routes.get(group.statements.table.name) or self._route(group, routes)
            first, *later = [group] if group.byte_count <= ATOMIC_BYTES_MAX else _atomic(group)
            count = len(first.parts)
            byte_count = first.byte_count + group.statements.row_overhead * count
            piece = open_pieces.get(route.kind)
            if (
                piece is None
                or piece.byte_count + byte_count > self._limits.batch_bytes
                or len(piece.parts) + count > ROWS_MAX
            ):
                piece = Piece(route, [], 0)
                found[0].append(piece)
                if route.serial_consistency is None:  # the server takes conditions of one partition at a time
                    open_pieces[route.kind] = piece
            piece.parts += first.parts
            piece.byte_count += byte_count
            for number, part in enumerate(later, start=1):
                if number == len(found):
                    found.append([])
                found[number].append(Piece(route, part.parts, part.byte_count))
        return found if found[0] else []

    def _route(self, group: _Group, known: dict[str, Route]) -> Route:
        of = group.statements
        is_everywhere = self._placement.is_everywhere(of.keyspace)
        if of.table.conditional and not group.parts[0].startswith(PREPARED):
            # The Delete of a row that is made by conditions is one, since those have times of the servers.
            return Route((of.serial_consistency,), of.consistency, of.serial_consistency)
        if is_everywhere:
            route = Route((of.consistency,), of.consistency)
            if not of.table.conditional:
                known[of.table.name] = route
            return route
        key = routing_key(of.codec.partition(group.partition))
        replicas = self._placement.replicas(of.keyspace, key)
        return Route((of.consistency, replicas), of.consistency, None, of.keyspace, key)


def _atomic(group: _Group) -> Iterator[_Group]:
    """A partition's statements, cut where more than ATOMIC_BYTES_MAX of values would be together."""
    overhead = group.statements.insert_overhead
    parts: list[bytes] = []
    byte_count = 0
    for part in group.parts:
        if parts and byte_count + len(part) - overhead > ATOMIC_BYTES_MAX:
            yield _Group(group.statements, group.partition, parts, sum(map(len, parts)))
            parts, byte_count = [], 0
        parts.append(part)
        byte_count += len(part) - overhead
    yield _Group(group.statements, group.partition, parts, sum(map(len, parts)))


def _check_same(table: Table[Any], part: bytes, group: _Group) -> None:
    if part != group.parts[0]:
        raise StoreRejected(
            f"a row of {table.name} is both written and deleted, or written twice",
            expected="one change of a row that is made by conditions",
        )


def _too_large(mutation: Insert | Delete, byte_count: int, limits: Limits) -> StoreRejected:
    table: Table[Any] = mutation.table
    key: tuple[Any, ...] = mutation.row[: len(table.key)] if isinstance(mutation, Insert) else ()
    return StoreRejected(
        f"a row of {table.name} with key {key!r:.120} has {byte_count} bytes",
        expected=f"at most {limits.mutation_bytes}, the largest mutation that the servers take",
        remedy="cut it into several rows",
    )
