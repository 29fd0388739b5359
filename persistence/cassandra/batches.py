"""Mutations as messages: what may share one, what must stay together, and what waits for what.

A message is an unlogged batch. Statements of one partition in it are one mutation for the server, applied all
or none; a batch of several partitions must stay below the server's `batch_size_fail_threshold`, one of a
single partition only below its largest mutation.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.errors import StoreRejected
from persistence.cassandra.codec import PREPARED, routing_key
from persistence.cassandra.placement import EVERYWHERE, Placement
from persistence.cassandra.statements import TableStatements, is_empty_range, is_no_key
from persistence.ports import ATOMIC_BYTES_MAX, Delete, Insert, Mutation, Then
from persistence.schema import Key, Table

ROWS_MAX = 50  # of a message of several partitions; more gain nothing
CELL_BYTES = 20  # what the server counts for each column beside the value: times, a lifetime, flags


@dataclass(frozen=True)
class Limits:
    """Of the servers. `batch_bytes` of a message of several partitions, `mutation_bytes` of any."""

    batch_bytes: int
    mutation_bytes: int


@dataclass(frozen=True)
class Route:
    """Where a message goes and what it must be told by; only equal ones share a message."""

    consistency: int
    replicas: Hashable = EVERYWHERE
    keyspace: str | None = None
    routing_key: bytes | None = None
    serial_consistency: int | None = None

    def __hash__(self) -> int:
        return hash((self.consistency, self.replicas, self.serial_consistency))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Route)
            and self.consistency == other.consistency
            and self.replicas == other.replicas
            and self.serial_consistency == other.serial_consistency
        )


@dataclass
class Piece:
    """Statements that go in one message, with others if there is room; `byte_count` as the server counts."""

    route: Route
    parts: list[bytes]
    byte_count: int


@dataclass
class _Group:
    """The statements of one partition of one table, in order."""

    statements: TableStatements
    partition: Key
    parts: list[bytes]


def stages(
    mutations: Sequence[Mutation],
    of: Mapping[str, TableStatements],
    take_timestamps: Callable[[int], int],
    placement: Placement,
    limits: Limits,
) -> list[list[Piece]]:
    """Messages to send; those of each stage at once, when all of the one before are durable.

    Raises StoreRejected if a value does not fit; then nothing is to be sent.
    """
    timestamp = take_timestamps(len(mutations)) if mutations else 0
    found: list[list[Piece]] = []
    for is_barrier, segment in itertools.groupby(mutations, key=lambda mutation: type(mutation) is Then):
        if is_barrier:
            continue
        groups: dict[tuple[str, Key], _Group] = {}
        for mutation in segment:
            _add(groups, mutation, of, timestamp, limits)
            timestamp += 1
        found += _stages_of(groups.values(), placement, limits)
    return found


def _add(
    groups: dict[tuple[str, Key], _Group],
    mutation: Mutation,
    of: Mapping[str, TableStatements],
    timestamp: int,
    limits: Limits,
) -> None:
    assert not isinstance(mutation, Then)
    statements = of[mutation.table.name]
    if isinstance(mutation, Insert):
        row: Any = mutation.row
        partition = tuple(row[: len(mutation.table.partition)])
        part = statements.encode_insert(row, timestamp)
    else:
        partition = mutation.partition
        if is_no_key(mutation.table, partition) or is_empty_range(mutation.lower, mutation.upper):
            return
        part = statements.encode_delete(mutation, timestamp)
    if len(part) > limits.mutation_bytes:
        raise _too_large(mutation, len(part), limits)
    key = (mutation.table.name, partition)
    group = groups.get(key)
    if group is None:
        groups[key] = _Group(statements, partition, [part])
    elif not mutation.table.conditional:
        group.parts.append(part)
    elif part != group.parts[0]:
        raise StoreRejected(
            f"a row of {mutation.table.name} is both written and deleted, or written twice",
            expected="one change of a row that is made by conditions",
        )


def _stages_of(groups: Iterable[_Group], placement: Placement, limits: Limits) -> list[list[Piece]]:
    """What of several groups goes at once: the first part of each, then the second of those that have one."""
    found: list[list[Piece]] = [[]]
    open_pieces: dict[Route, Piece] = {}
    for group in groups:
        route = _route(group, placement)
        overhead = CELL_BYTES * len(group.statements.table.columns)
        for number, parts in enumerate(_atomic(group)):
            if number == len(found):
                found.append([])
            byte_count = sum(map(len, parts)) + overhead * len(parts)
            piece = open_pieces.get(route)
            if (
                number
                or piece is None
                or route.serial_consistency is not None
                or piece.byte_count + byte_count > limits.batch_bytes
                or len(piece.parts) + len(parts) > ROWS_MAX
            ):
                piece = Piece(route, [], 0)
                found[number].append(piece)
                if not number:
                    open_pieces[route] = piece
            piece.parts += parts
            piece.byte_count += byte_count
    return [pieces for pieces in found if pieces]


def _atomic(group: _Group) -> Iterator[list[bytes]]:
    """The statements of a partition, cut where more than ATOMIC_BYTES_MAX of values would be together."""
    overhead = 21 + 12 + 4 * len(group.statements.table.columns)  # of an insert beside its values
    if sum(map(len, group.parts)) <= ATOMIC_BYTES_MAX:
        yield group.parts
        return
    parts: list[bytes] = []
    byte_count = 0
    for part in group.parts:
        if parts and byte_count + len(part) - overhead > ATOMIC_BYTES_MAX:
            yield parts
            parts, byte_count = [], 0
        parts.append(part)
        byte_count += len(part) - overhead
    yield parts


def _route(group: _Group, placement: Placement) -> Route:
    statements = group.statements
    serial = statements.serial_consistency if _is_conditional(group) else None
    if placement.is_everywhere(statements.keyspace):
        return Route(statements.consistency, serial_consistency=serial)
    key = routing_key(statements.codec.partition(group.partition))
    return Route(
        statements.consistency,
        placement.replicas(statements.keyspace, key),
        statements.keyspace,
        key,
        serial,
    )


def _is_conditional(group: _Group) -> bool:
    """Whether it is the Delete of a row that is made by conditions: those have times of the servers."""
    return group.statements.table.conditional and not group.parts[0].startswith(PREPARED)


def _too_large(mutation: Insert | Delete, byte_count: int, limits: Limits) -> StoreRejected:
    table: Table[Any] = mutation.table
    key: tuple[Any, ...] = mutation.row[: len(table.key)] if isinstance(mutation, Insert) else ()
    return StoreRejected(
        f"a row of {table.name} with key {key!r:.120} has {byte_count} bytes",
        expected=f"at most {limits.mutation_bytes}, the largest mutation that the servers take",
        remedy="cut it into several rows",
    )
