"""What every backend promises of many slices read at once."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persistence.night_tables import JOB_RUN
from persistence.ports import Insert, Slice, Store
from persistence.tables import JOURNAL, VIEW, JournalRow
from tests.persistence import rows


def test_answers_come_in_the_order_of_the_slices(store: Store) -> None:
    names = [f"u{number}" for number in range(100)]
    store.write([Insert(JOURNAL, rows.journal(nr, of=name)) for name in names for nr in (1, 2, 3)])
    random.Random(1).shuffle(names)
    found = store.read_many(JOURNAL, [Slice((name, 0)) for name in names])
    assert [[row.persistence_id for row in part] for part in found] == [[name] * 3 for name in names]
    assert all([row.sequence_nr for row in part] == [1, 2, 3] for part in found)


def test_unknown_repeated_and_empty_slices_have_an_answer_each(store: Store) -> None:
    store.write([Insert(JOURNAL, rows.journal(number)) for number in (1, 2)])
    ada, eve = Slice(("ada", 0)), Slice(("eve", 0))
    above, turned = Slice(("ada", 0), lower=(3,)), Slice(("ada", 0), lower=(2,), upper=(1,))
    found = store.read_many(JOURNAL, [eve, ada, above, ada, turned, Slice(("ada", 1))])
    assert [[row.sequence_nr for row in part] for part in found] == [[], [1, 2], [], [1, 2], [], []]
    assert store.read_many(JOURNAL, []) == []


@pytest.mark.parametrize(("limit", "count"), [(0, 0), (1, 1), (2, 2), (9, 3), (None, 3)])
def test_a_limit_is_of_each_slice(store: Store, limit: int | None, count: int) -> None:
    names = [f"u{number}" for number in range(40)]
    store.write([Insert(JOURNAL, rows.journal(nr, of=name)) for name in names for nr in (1, 2, 3)])
    store.write([Insert(JOB_RUN, rows.run(nr, job=name)) for name in names for nr in (1, 2, 3)])
    found = store.read_many(JOURNAL, [Slice((name, 0)) for name in names], limit=limit)
    assert [[row.sequence_nr for row in part] for part in found] == [[1, 2, 3][:count]] * 40
    newest = store.read_many(JOB_RUN, [Slice((name,)) for name in names], limit=limit)
    assert [[row.started_at for row in part] for part in newest] == [[3, 2, 1][:count]] * 40


def test_large_answers_are_whole(store: Store) -> None:
    """Some partitions of many rows, some of large ones, between others of one."""
    names = [f"u{number}" for number in range(60)]
    many = [rows.journal(nr, of=name) for name in names[::20] for nr in range(2500)]
    large = [rows.journal(nr, of=name, event=bytes(200_000)) for name in names[5::20] for nr in range(10)]
    single = [rows.journal(1, of=name) for name in names]
    store.write([Insert(JOURNAL, row) for row in (*single, *many, *large)])
    found = store.read_many(JOURNAL, [Slice((name, 0)) for name in names])
    assert [len(part) for part in found] == [
        2500 if at % 20 == 0 else 10 if at % 20 == 5 else 1 for at in range(60)
    ]
    assert all(row.event == bytes(200_000) for part in found[5::20] for row in part)


def test_a_table_without_clustering(store: Store) -> None:
    names = [f"v{number}" for number in range(70)]
    store.write([Insert(VIEW, rows.view(1, name=name)) for name in names[::2]])
    found = store.read_many(VIEW, [Slice((name,)) for name in names])
    assert found == [[rows.view(1, name=name)] if at % 2 == 0 else [] for at, name in enumerate(names)]


BOUNDS = st.lists(st.integers(0, 4), max_size=2).map(tuple)
SLICES = st.builds(Slice, st.tuples(st.sampled_from("abc"), st.integers(0, 1)), BOUNDS, BOUNDS)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(slices=st.lists(SLICES, max_size=12), limit=st.none() | st.integers(0, 3))
def test_many_reads_are_as_one_by_one(store: Store, slices: list[Slice], limit: int | None) -> None:
    store.write(
        [
            Insert(JOURNAL, JournalRow(name, part, number, epoch, rows.journal(1).written_at, b"e"))
            for name in "ab"
            for part in (0, 1)
            for number in range(4)
            for epoch in range(2)
        ]
    )
    one_by_one = [
        list(store.read(JOURNAL, part.partition, lower=part.lower, upper=part.upper, limit=limit))
        for part in slices
    ]
    assert store.read_many(JOURNAL, slices, limit=limit) == one_by_one
