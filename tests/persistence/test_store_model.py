"""Any sequence of operations on a store equals the same operations on a dict."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from persistence.location import open_store
from persistence.night_tables import JOB_RUN, JobRunRow
from persistence.ports import Delete, Insert, Mutation, Store
from persistence.schema import Key, Table, Timestamp
from persistence.tables import JOURNAL, JournalRow

SMALL = st.integers(0, 4)
NAMES = st.sampled_from(["", "a", "ä'", "b\x00"])
JOURNAL_ROWS = st.builds(
    JournalRow,
    NAMES,
    st.integers(0, 1),
    SMALL,
    SMALL,
    st.integers(0, 2).map(Timestamp),
    st.binary(max_size=3),
    st.none() | SMALL,
)
JOBS = NAMES.map(lambda name: f"job {name}")  # a partition key is not empty
JOB_ROWS = st.builds(
    JobRunRow,
    JOBS,
    SMALL.map(Timestamp),
    NAMES,
    NAMES,
    st.floats(allow_nan=False),
    NAMES,
    st.none() | SMALL.map(Timestamp),
    NAMES,
    st.none() | NAMES,
    st.none() | SMALL,
    st.none() | SMALL,
    st.none() | NAMES,
)
INSERTS = st.builds(Insert, st.just(JOURNAL), JOURNAL_ROWS) | st.builds(Insert, st.just(JOB_RUN), JOB_ROWS)
JOURNAL_BOUNDS = st.lists(SMALL, max_size=2).map(tuple)
JOB_BOUNDS = st.just(()) | st.tuples(SMALL) | st.tuples(SMALL, NAMES)
SLICES = st.tuples(
    st.just(JOURNAL), st.tuples(NAMES, st.integers(0, 1)), JOURNAL_BOUNDS, JOURNAL_BOUNDS
) | st.tuples(st.just(JOB_RUN), st.tuples(JOBS), JOB_BOUNDS, JOB_BOUNDS)
DELETES = SLICES.map(lambda parts: Delete(*parts))


class Model:
    """The port over a dict of rows by table and key."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Table[Any], Key], Any] = {}

    def apply(self, mutation: Mutation) -> None:
        if isinstance(mutation, Insert):
            self.rows[mutation.table, key_of(mutation.table, mutation.row)] = mutation.row
            return
        for row in self.read(mutation.table, mutation.partition, mutation.lower, mutation.upper):
            del self.rows[mutation.table, key_of(mutation.table, row)]

    def read(self, table: Table[Any], partition: Key, lower: Key, upper: Key) -> list[Any]:
        width = len(partition)
        found = [
            (key[width:], row)
            for (owner, key), row in self.rows.items()
            if owner is table
            and key[:width] == partition
            and key[width : width + len(lower)] >= lower
            and key[width : width + len(upper)] <= upper
        ]
        return [row for _, row in sorted(found, key=lambda pair: pair[0], reverse=table.descending)]


def key_of(table: Table[Any], row: Any) -> Key:
    return tuple(getattr(row, name) for name in table.key)


class StoreMachine(RuleBasedStateMachine):
    def __init__(self, location: str) -> None:
        super().__init__()
        self.location = location
        self.store: Store = open_store(location)
        self.model = Model()
        for table in (JOURNAL, JOB_RUN):
            width = len(table.partition)
            partitions = {tuple(row[:width]) for row in self.store.scan(table)}  # of the example before
            self.store.write([Delete(table, partition) for partition in partitions])

    def teardown(self) -> None:
        self.store.close()

    @rule(mutations=st.lists(INSERTS | DELETES, max_size=8))
    def write(self, mutations: list[Mutation]) -> None:
        self.store.write(mutations)
        for mutation in mutations:
            self.model.apply(mutation)

    @rule(part=SLICES, limit=st.none() | SMALL, backwards=st.booleans())
    def read(self, part: Any, limit: int | None, backwards: bool) -> None:
        table, partition, lower, upper = part
        expected = self.model.read(*part)
        found = self.store.read(table, partition, lower=lower, upper=upper, limit=limit, backwards=backwards)
        assert list(found) == (expected[::-1] if backwards else expected)[:limit]

    @rule(insert=INSERTS)
    def insert_if_absent(self, insert: Insert) -> None:
        absent = (insert.table, key_of(insert.table, insert.row)) not in self.model.rows
        assert self.store.insert_if_absent(insert.table, [insert.row]) == [absent]
        if absent:
            self.model.apply(insert)

    @rule(expected=JOB_ROWS, state=NAMES, data=st.data())
    def compare_and_set(self, expected: JobRunRow, state: str, data: st.DataObject) -> None:
        present = [row for (table, _), row in self.model.rows.items() if table is JOB_RUN]
        expected = data.draw(st.sampled_from([expected, *present]))
        new = expected._replace(state=state, finished_at=None)
        assert self.store.compare_and_set(JOB_RUN, expected, new) == (expected in present)
        if expected in present:
            self.model.apply(Insert(JOB_RUN, new))

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = open_store(self.location)

    @invariant()
    def everything_is_there(self) -> None:
        for table in (JOURNAL, JOB_RUN):
            found = {key_of(table, row): row for row in self.store.scan(table)}
            assert found == {key: row for (owner, key), row in self.model.rows.items() if owner is table}


def test_a_store_is_a_dict_that_lasts(location: str) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: StoreMachine(location),
        settings=settings(max_examples=20, stateful_step_count=20, deadline=None),
    )
