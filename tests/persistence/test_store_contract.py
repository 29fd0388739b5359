"""What every backend promises: order, bounds, conditions, values and token ranges."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest

from persistence.night_tables import JOB_RUN
from persistence.ports import TOKEN_MAX, TOKEN_MIN, Delete, Insert, Store, TokenRange
from persistence.schema import Key, Table
from persistence.tables import DATA_KEY, JOURNAL, LABEL, VIEW, DataKeyRow, JournalRow
from tests.persistence import rows

ADA = ("ada", 0)
PAIRS = [(1, 0), (2, 0), (2, 1), (3, 0)]  # sequence number and epoch


@pytest.fixture
def journalled(store: Store) -> Store:
    """Four journal rows written out of order, beside another user's and another table's."""
    written = [rows.journal(*PAIRS[index]) for index in (2, 0, 3, 1)]
    others = [Insert(JOURNAL, rows.journal(7, of="bob")), Insert(VIEW, rows.view(1, name="ada"))]
    store.write([*(Insert(JOURNAL, row) for row in written), *others])
    return store


def pairs(store: Store, **options: Any) -> list[tuple[int, int]]:
    return [(row.sequence_nr, row.writer_epoch) for row in store.read(JOURNAL, ADA, **options)]


def test_rows_come_in_clustering_order_and_backwards(journalled: Store) -> None:
    assert pairs(journalled) == PAIRS
    assert pairs(journalled, backwards=True) == PAIRS[::-1]


def test_a_descending_table_gives_the_newest_first(store: Store) -> None:
    store.write([Insert(JOB_RUN, rows.run(*key)) for key in ((1, "a"), (3, "a"), (2, "a"), (2, "b"))])
    found = [(row.started_at, row.run_id) for row in store.read(JOB_RUN, ("night",))]
    assert found == [(3, "a"), (2, "b"), (2, "a"), (1, "a")]
    assert [row.started_at for row in store.read(JOB_RUN, ("night",), backwards=True)] == [1, 2, 2, 3]
    bounded = store.read(JOB_RUN, ("night",), lower=(1,), upper=(2, "a"))
    assert [(row.started_at, row.run_id) for row in bounded] == [(2, "a"), (1, "a")]


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        ((2,), (), PAIRS[1:]),
        ((), (2,), PAIRS[:3]),
        ((2,), (2,), PAIRS[1:3]),
        ((2, 1), (), PAIRS[2:]),
        ((), (2, 0), PAIRS[:2]),
        ((1, 1), (3, 0), PAIRS[1:]),
        ((1, 5), (2,), PAIRS[1:3]),
        ((3,), (2,), []),
        ((4,), (), []),
        ((), (0,), []),
    ],
)
def test_bounds_are_inclusive_and_may_be_prefixes(
    journalled: Store, lower: Key, upper: Key, expected: list[tuple[int, int]]
) -> None:
    assert pairs(journalled, lower=lower, upper=upper) == expected
    assert pairs(journalled, lower=lower, upper=upper, backwards=True) == expected[::-1]
    journalled.write([Delete(JOURNAL, ADA, lower, upper)])
    assert pairs(journalled) == [pair for pair in PAIRS if pair not in expected]
    assert len(list(journalled.read(JOURNAL, ("bob", 0)))) == 1


@pytest.mark.parametrize(("limit", "count"), [(0, 0), (1, 1), (3, 3), (4, 4), (99, 4), (None, 4)])
def test_a_limit_keeps_the_first(journalled: Store, limit: int | None, count: int) -> None:
    assert pairs(journalled, limit=limit) == PAIRS[:count]
    assert pairs(journalled, limit=limit, backwards=True) == PAIRS[::-1][:count]


@pytest.mark.parametrize("limit", [99, 100, 101, 150, 219, 220, 221, 400, 900])
def test_a_limit_of_many_rows_keeps_the_first(store: Store, limit: int) -> None:
    """They come in several pages of a hundred and more."""
    store.write([Insert(JOB_RUN, rows.run(number)) for number in range(220)])
    found = [row.started_at for row in store.read(JOB_RUN, ("night",), limit=limit)]
    assert found == list(range(219, -1, -1))[:limit]


@pytest.mark.parametrize("partition", [("eve", 0), ("ada", 1), ("", 0), ("Ada", 0)])
def test_an_unknown_partition_is_empty(journalled: Store, partition: Key) -> None:
    assert list(journalled.read(JOURNAL, partition)) == []
    journalled.write([Delete(JOURNAL, partition)])
    assert pairs(journalled) == PAIRS


def test_an_insert_replaces_the_whole_row(store: Store) -> None:
    store.write([Insert(LABEL, rows.label(1, weight_kg=20.0))])
    store.write([Insert(LABEL, rows.label(1, repetitions=3))])
    assert list(store.read(LABEL, ("ada", "s"))) == [rows.label(1, repetitions=3)]


def test_mutations_apply_in_order(store: Store) -> None:
    again = Insert(JOURNAL, rows.journal(1, event=b"again"))
    store.write(
        [Insert(JOURNAL, rows.journal(1)), Insert(JOURNAL, rows.journal(2)), Delete(JOURNAL, ADA), again]
    )
    assert list(store.read(JOURNAL, ADA)) == [again.row]
    store.write([])
    assert len(list(store.read(JOURNAL, ADA))) == 1


def test_insert_if_absent_inserts_once(store: Store) -> None:
    assert store.insert_if_absent(VIEW, [rows.view(1)]) == [True]
    assert store.insert_if_absent(VIEW, [rows.view(2, "two")]) == [False]
    assert list(store.read(VIEW, ("shards",))) == [rows.view(1)]
    assert store.insert_if_absent(VIEW, [rows.view(2, name="others")]) == [True]


def test_each_of_many_rows_is_inserted_if_its_own_key_is_absent(store: Store) -> None:
    users = [f"user-{number}" for number in range(40)]
    early = [DataKeyRow(user, b"early") for user in users[::3]]
    assert store.insert_if_absent(DATA_KEY, early) == [True] * len(early)
    late = [DataKeyRow(user, b"late") for user in users]
    assert store.insert_if_absent(DATA_KEY, late) == [number % 3 > 0 for number in range(40)]
    stored = {row.user_id: row.wrapped_key for row in store.scan(DATA_KEY)}
    assert stored == {user: b"late" if number % 3 else b"early" for number, user in enumerate(users)}
    assert store.insert_if_absent(DATA_KEY, []) == []


@pytest.mark.parametrize("expected", [rows.view(2), rows.view(1, "two"), rows.view(1, name="others")])
def test_compare_and_set_wants_every_column_equal(store: Store, expected: Any) -> None:
    store.write([Insert(VIEW, rows.view(1))])
    assert not store.compare_and_set(VIEW, expected, rows.view(9, "three", name=expected.name))
    assert [row.number for row in store.scan(VIEW)] == [1]
    assert store.compare_and_set(VIEW, rows.view(1), rows.view(2, "two"))
    assert list(store.read(VIEW, ("shards",))) == [rows.view(2, "two")]


def test_compare_and_set_compares_none_and_clustering_columns(store: Store) -> None:
    store.write([Insert(LABEL, rows.label(1)), Insert(LABEL, rows.label(2))])
    assert not store.compare_and_set(LABEL, rows.label(1, repetitions=1), rows.label(1, 5.0))
    assert store.compare_and_set(LABEL, rows.label(1), rows.label(1, 5.0))
    assert list(store.read(LABEL, ("ada", "s"))) == [rows.label(1, 5.0), rows.label(2)]


def test_scan_gives_every_row_once_partition_by_partition(store: Store) -> None:
    names = [f"user-{number}" for number in range(50)]
    store.write([Insert(JOURNAL, rows.journal(nr, of=name)) for nr in (2, 1) for name in names])
    found = [(row.persistence_id, row.sequence_nr) for row in store.scan(JOURNAL)]
    assert sorted(found) == sorted((name, nr) for name in names for nr in (1, 2))
    assert all(found[at] == (found[at + 1][0], 1) for at in range(0, 100, 2))


@pytest.mark.parametrize("count", [1, 2, 3, 7, 16])
def test_token_ranges_are_disjoint_and_cover_everything(store: Store, count: int) -> None:
    written = {rows.journal(1, of=f"user-{number}") for number in range(200)}
    store.write([Insert(JOURNAL, row) for row in written])
    ranges = sorted(store.token_ranges(JOURNAL, count), key=lambda tokens: tokens.lower)
    assert (ranges[0].lower, ranges[-1].upper) == (TOKEN_MIN, TOKEN_MAX)
    assert all(left.upper + 1 == right.lower for left, right in pairwise(ranges))
    found: list[JournalRow] = [row for tokens in ranges for row in store.scan(JOURNAL, tokens)]
    assert len(found) == len(written)
    assert set(found) == written


def test_an_empty_token_range_is_empty(journalled: Store) -> None:
    assert list(journalled.scan(JOURNAL, TokenRange(5, 4))) == []


@pytest.mark.parametrize(
    "text", ["", "ä", "日本語", "💪", "a\x00b", "it's", 'say "x"', "%", "a\nb", "\ufeff", "x" * 5000]
)
def test_text_comes_back_as_it_was(store: Store, text: str) -> None:
    row = rows.run(1, text, job=f"job {text}", log=text)
    store.write([Insert(JOB_RUN, row)])
    assert list(store.read(JOB_RUN, (row.job,))) == [row]
    assert list(store.read(JOB_RUN, (row.job,), lower=(1, text), upper=(1, text))) == [row]


@pytest.mark.parametrize(
    "number", [0.0, 0.1, -1.5, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, 1e22, None]
)
def test_floats_and_none_come_back_as_they_were(store: Store, number: float | None) -> None:
    store.write([Insert(LABEL, rows.label(1, number))])
    assert list(store.read(LABEL, ("ada", "s"))) == [rows.label(1, number)]


@pytest.mark.parametrize("number", [0, -1, 2**63 - 1, -(2**63)])
def test_integers_of_64_bits_come_back(store: Store, number: int) -> None:
    store.write([Insert(JOURNAL, rows.journal(number, number))])
    (row,) = store.read(JOURNAL, ADA, lower=(number,), upper=(number,))
    assert (row.sequence_nr, row.writer_epoch) == (number, number)


@pytest.mark.parametrize("size", [0, 1, 2**20])
def test_blobs_come_back(store: Store, size: int) -> None:
    row = rows.journal(1, event=bytes(range(256)) * (size // 256) + b"\x00" * (size % 256))
    store.write([Insert(JOURNAL, row)])
    assert list(store.read(JOURNAL, ADA)) == [row]


@pytest.mark.parametrize("table", [JOURNAL, JOB_RUN, LABEL])
def test_writing_while_reading_is_allowed(store: Store, table: Table[Any]) -> None:
    """A job reads rows and writes others, while other processes write too."""
    made = {JOURNAL: rows.journal, JOB_RUN: rows.run, LABEL: rows.label}[table]
    before = [made(number) for number in range(1000)]
    store.write([Insert(table, row) for row in before])
    reading = iter(store.scan(table))
    found = [next(reading)]
    store.write([Insert(table, made(5000))])
    found += reading
    assert {*before} <= {*found}
