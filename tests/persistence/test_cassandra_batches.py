"""Which mutations share a message, which stay together, and what waits for what; without a server."""

from __future__ import annotations

import itertools
from collections.abc import Hashable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import StoreRejected
from persistence.cassandra.batches import Limits, Piece, Planner
from persistence.cassandra.settings import parse_location
from persistence.cassandra.statements import TableStatements
from persistence.ports import ATOMIC_BYTES_MAX, Delete, Insert, Mutation, Then
from persistence.tables import DATA_KEY, JOURNAL, LABEL, TABLES, DataKeyRow
from tests.persistence import rows

LIMITS = Limits(batch_bytes=35_000, mutation_bytes=1_000_000)
SETTINGS = parse_location("cassandra://db/muvr?label.consistency=ONE")


class Ring:
    """Stands in for the driver's view of a cluster: `nodes` of them, each key on one, or all on all."""

    def __init__(self, nodes: int = 1) -> None:
        self.nodes = nodes

    def is_everywhere(self, keyspace: str) -> bool:
        return self.nodes == 1

    def replicas(self, keyspace: str, routing_key: bytes) -> Hashable:
        return sum(routing_key) % self.nodes


def planned(mutations: list[Mutation], nodes: int = 1, limits: Limits = LIMITS) -> list[list[Piece]]:
    ids = itertools.count()

    def prepare(cql: str) -> Any:
        return SimpleNamespace(query_id=next(ids).to_bytes(16, "big"))

    of = {table.name: TableStatements(table, SETTINGS, prepare) for table in TABLES}
    ring: Any = Ring(nodes)
    return Planner(of, ring, limits).stages(mutations, lambda count: 1_000_000)


def journals(count: int, *, of: str = "ada", size: int = 100, first: int = 0) -> list[Mutation]:
    return [
        Insert(JOURNAL, rows.journal(number, of=of, event=number.to_bytes(2, "big") + bytes(size - 2)))
        for number in range(first, first + count)
    ]


def numbers(piece: Piece) -> list[int]:
    """The numbers of the journal rows of a piece, from their write times."""
    return [int.from_bytes(part[-8:], "big") - 1_000_000 for part in piece.parts]


def test_rows_of_many_partitions_share_messages_up_to_the_bounds() -> None:
    users = [mutation for number in range(120) for mutation in journals(1, of=f"u{number}")]
    ((*pieces,),) = planned(users)
    assert [len(piece.parts) for piece in pieces] == [50, 50, 20]
    large = [mutation for number in range(12) for mutation in journals(1, of=f"u{number}", size=10_000)]
    ((*pieces,),) = planned(large)
    assert [len(piece.parts) for piece in pieces] == [3, 3, 3, 3]
    assert all(piece.byte_count <= LIMITS.batch_bytes for piece in pieces)


def test_a_partition_is_never_separated_while_it_is_small() -> None:
    mutations = [*journals(30, of="ada"), *journals(30, of="bob"), *journals(200, of="eve")]
    ((*pieces,),) = planned(mutations)
    assert [len(piece.parts) for piece in pieces] == [30, 30, 200]


def test_a_large_partition_goes_in_parts_each_after_the_one_before() -> None:
    rest = journals(1, of="bob")
    stages = planned([*journals(8, size=10_000), *rest])
    found = [[numbers(piece) for piece in stage] for stage in stages]
    assert found == [[[0, 1, 2, 8]], [[3, 4, 5]], [[6, 7]]]


@given(st.lists(st.integers(2, 3000), min_size=1, max_size=60))
def test_up_to_the_bound_all_rows_of_a_partition_are_one_mutation(sizes: list[int]) -> None:
    mutations: list[Mutation] = [
        Insert(JOURNAL, rows.journal(number, event=bytes(size))) for number, size in enumerate(sizes)
    ]
    stages = planned(mutations)
    found = [numbers(piece) for stage in stages for piece in stage]
    assert [number for part in found for number in part] == list(range(len(sizes)))
    assert all(len(stage) == 1 for stage in stages)
    value_bytes = [size + len("ada") + 4 * 8 for size in sizes]
    if sum(value_bytes) <= ATOMIC_BYTES_MAX:
        assert len(stages) == 1
    assert all(
        sum(value_bytes[number] for number in part) <= ATOMIC_BYTES_MAX for part in found if len(part) > 1
    )


def test_then_begins_another_stage() -> None:
    stages = planned([*journals(1), Then(), Then(), *journals(1, of="bob"), Then()])
    assert [[numbers(piece) for piece in stage] for stage in stages] == [[[0]], [[1]]]
    assert planned([]) == planned([Then()]) == []


def test_each_statement_is_dated_later_than_the_one_before() -> None:
    mutations = [*journals(2), Delete(JOURNAL, ("ada", 0)), *journals(1, first=1)]
    ((piece,),) = planned(mutations)
    assert b"DELETE FROM muvr.journal USING TIMESTAMP ? WHERE" in piece.parts[2]
    assert [(1_000_000 + number).to_bytes(8, "big") in piece.parts[number] for number in range(4)] == [
        True
    ] * 4


def test_tables_of_other_levels_go_apart() -> None:
    ((*pieces,),) = planned([*journals(1), Insert(LABEL, rows.label(1)), *journals(1, of="bob")])
    assert [numbers(piece) for piece in pieces] == [[0, 2], [1]]
    assert pieces[0].route.consistency != pieces[1].route.consistency


def test_rows_of_other_nodes_go_apart() -> None:
    users = [mutation for name in "abcdefgh" for mutation in journals(1, of=name)]
    ((*pieces,),) = planned(users, nodes=3)
    assert sorted(numbers(piece) for piece in pieces) == [[0, 3, 6], [1, 4, 7], [2, 5]]
    assert all(piece.route.keyspace == "muvr" and piece.route.routing_key for piece in pieces)


def test_a_row_that_no_server_takes_is_refused_with_its_key() -> None:
    with pytest.raises(StoreRejected, match=r"journal with key \('ada', 0, 7, 0\) has \d+ bytes"):
        planned([*journals(1), *journals(1, first=7, size=2000)], limits=Limits(1000, 2000))


def test_what_can_delete_nothing_is_not_sent() -> None:
    deletes: list[Mutation] = [
        Delete(JOURNAL, ("ada", 0), lower=(3,), upper=(2,)),
        Delete(JOURNAL, ("ada", 0), lower=(3, 1), upper=(3, 0)),
        Delete(DATA_KEY, ("",)),
    ]
    assert planned(deletes) == []
    assert len(planned([Delete(JOURNAL, ("ada", 0), lower=(3, 1), upper=(3,))])) == 1


def test_the_delete_of_a_row_made_by_conditions_is_one() -> None:
    """Those rows have times of the servers, before which a delete with ours might be."""
    deletes = [Delete(DATA_KEY, (name,)) for name in ("ada", "bob", "ada")]
    ((*pieces,),) = planned([*journals(1), *deletes])
    assert [piece.route.serial_consistency is not None for piece in pieces] == [False, True, True]
    assert [len(piece.parts) for piece in pieces] == [1, 1, 1]
    assert b"DELETE FROM muvr_keys.data_key WHERE user_id = ? IF EXISTS" in pieces[1].parts[0]
    with pytest.raises(StoreRejected, match="both written and deleted"):
        planned([Insert(DATA_KEY, DataKeyRow("ada", b"k")), Delete(DATA_KEY, ("ada",))])
