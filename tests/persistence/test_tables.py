"""What backends rely on in the declared tables, and the CQL that is printed from them."""

from __future__ import annotations

from typing import Any

import pytest

from persistence.night_tables import JOB_RUN
from persistence.schema import Table
from persistence.tables import KEYSPACES, TABLES, WINDOW

each_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


@each_table
def test_rows_begin_with_their_key(table: Table[Any]) -> None:
    assert table.columns[: len(table.key)] == table.key
    assert table.partition


@each_table
def test_every_column_has_a_cql_type(table: Table[Any]) -> None:
    cql = table.cql()
    assert cql.startswith(f"CREATE TABLE IF NOT EXISTS {table.keyspace}.{table.name} (\n")
    assert all(f"  {column} " in cql for column in table.columns)


@each_table
def test_every_table_says_what_it_is_for(table: Table[Any]) -> None:
    assert table.keyspace in KEYSPACES
    assert table.comment


@each_table
def test_every_table_has_a_value_outside_its_key(table: Table[Any]) -> None:
    """Of a row with none, Cassandra's conditions and lifetimes would know nothing."""
    assert set(table.columns) - set(table.key) - table.optional


@each_table
def test_rows_made_by_conditions_are_alone_in_their_partition(table: Table[Any]) -> None:
    assert not (table.conditional and table.clustering)
    assert table.conditional or not table.serial_reads


def test_names_are_unique() -> None:
    assert len({table.name for table in TABLES}) == len(TABLES)


def test_the_cql_of_a_table() -> None:
    assert JOB_RUN.cql() == (
        "CREATE TABLE IF NOT EXISTS muvr.job_run (\n"
        "  job text,\n"
        "  started_at timestamp,\n"
        "  run_id text,\n"
        "  state text,\n"
        "  progress double,\n"
        "  message text,\n"
        "  finished_at timestamp,\n"
        "  log text,\n"
        "  night_id text,\n"
        "  attempt bigint,\n"
        "  epoch bigint,\n"
        "  result text,\n"
        "  PRIMARY KEY ((job), started_at, run_id)\n"
        ") WITH CLUSTERING ORDER BY (started_at DESC, run_id DESC)\n"
        "  AND comment = 'Runs of a night''s steps: state, progress, end of their log; result is JSON';"
    )


def test_options_and_another_keyspace_are_in_the_cql() -> None:
    table = Table(
        name="t",
        keyspace="muvr",
        row=WINDOW.row,
        partition=("sensor_set",),
        options=("gc_grace_seconds = 5",),
    )
    assert table.cql("gym").startswith("CREATE TABLE IF NOT EXISTS gym.t (")
    assert ") WITH gc_grace_seconds = 5\n  AND comment = '';" in table.cql()
    assert repr(table) == "Table(t)"


def test_a_quote_in_a_comment_is_doubled() -> None:
    table = Table(name="t", keyspace="k", row=WINDOW.row, partition=("sensor_set",), comment="a user's")
    assert "comment = 'a user''s'" in table.cql()
    assert "samples frozen<list<smallint>>" in table.cql()
