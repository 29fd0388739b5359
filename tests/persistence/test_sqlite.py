"""What only the embedded backend meets: other versions, garbage, places it cannot use, full disks."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from domain.errors import ConfigurationError, StoredValueCorrupt, StoreFull, StoreUnavailable
from persistence.migrations import SCHEMA_VERSION
from persistence.ports import Insert, Mutation
from persistence.schema import Table, Timestamp
from persistence.sqlite import SqliteStore
from persistence.sqlite_statements import select, token_of
from persistence.tables import JOURNAL, KEYSPACES, LABEL, MEMBER, TABLES
from tests.persistence import rows

ADA = ("ada", 0)


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    SqliteStore(tmp_path).close()
    with sqlite3.connect(tmp_path / "muvr.sqlite") as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(ConfigurationError, match="schema version"):
        SqliteStore(tmp_path)
    with sqlite3.connect(tmp_path / "muvr.sqlite") as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION + 1,)


@pytest.mark.parametrize("garbage", [b"hello", b"not a database" * 1000])
@pytest.mark.parametrize("keyspace", KEYSPACES)
def test_a_file_that_is_no_store_is_told(tmp_path: Path, keyspace: str, garbage: bytes) -> None:
    (tmp_path / f"{keyspace}.sqlite").write_bytes(garbage)
    with pytest.raises(StoredValueCorrupt, match=rf"{keyspace}\.sqlite"):
        SqliteStore(tmp_path)


def test_damage_inside_the_file_is_told(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store.write([Insert(JOURNAL, rows.journal(number, event=bytes(5000))) for number in range(200)])
    store.close()
    path = tmp_path / "muvr.sqlite"
    whole = path.read_bytes()
    path.write_bytes(whole[: 400 * 1024] + b"\xff" * (len(whole) - 400 * 1024))
    damaged = SqliteStore(tmp_path)
    with pytest.raises(StoredValueCorrupt, match=r"muvr\.sqlite"):
        list(damaged.scan(JOURNAL))
    damaged.close()


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigurationError, match="--data"):
        SqliteStore(tmp_path / "file" / "store")


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "muvr.sqlite").mkdir()
    with pytest.raises(ConfigurationError, match="--data"):
        SqliteStore(tmp_path)


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "made")
    store.write([Insert(JOURNAL, rows.journal(1))])
    files = list((tmp_path / "made").iterdir())
    assert len(files) >= len(KEYSPACES)
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700
    store.close()


class SmallDisk(SqliteStore):
    """A store on a disk with room for `pages` of the main keyspace."""

    def limit(self, pages: int) -> None:
        with self._connection("muvr") as connection:
            connection.execute(f"PRAGMA max_page_count = {pages}")


def test_on_a_full_disk_nothing_of_the_batch_is_written_and_the_store_goes_on(tmp_path: Path) -> None:
    store = SmallDisk(tmp_path)
    store.write([Insert(JOURNAL, rows.journal(1))])
    store.limit(pages=60)
    large = [Insert(JOURNAL, rows.journal(number, event=bytes(4000))) for number in range(2, 500)]
    for _ in range(2):
        with pytest.raises(StoreFull, match="no room"):
            store.write(large)
    assert list(store.read(JOURNAL, ADA)) == [rows.journal(1)]
    store.write([Insert(JOURNAL, rows.journal(2))])
    store.limit(pages=10_000)
    store.write(large)
    assert len(list(store.read(JOURNAL, ADA))) == 499
    store.close()


def test_tokens_never_change() -> None:
    """They are part of where rows live."""
    assert token_of(("ada", 0)) == token_of(("ada", 0)) != token_of(("ada", 1))
    assert token_of(("ada", 0)) == -9204210037789280777


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_slice_reads_the_primary_key_alone(tmp_path: Path, table: Table[Any]) -> None:
    """No table is ever read whole to find a partition, or sorted to give its rows."""
    store = SqliteStore(tmp_path)
    sql, parameters = select(table, tuple("x" for _ in table.partition), (), (), 1, backwards=True)
    with store._connection(table.keyspace) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()
    store.close()
    assert len(plan) == 1
    assert "SEARCH" in plan[0][3]


def test_an_earlier_schema_is_brought_forward_and_keeps_its_rows(tmp_path: Path) -> None:
    """Version 1 had a table `lease`; here it also lacks a table and a column of today's."""
    store = SqliteStore(tmp_path)
    store.write([Insert(JOURNAL, rows.journal(1)), Insert(LABEL, rows.label(1, 5.0))])
    store.close()
    with sqlite3.connect(tmp_path / "muvr_keys.sqlite") as connection:
        connection.execute("CREATE TABLE lease (token INTEGER PRIMARY KEY)")
        connection.execute("DROP TABLE member")
        connection.execute("PRAGMA user_version = 1")
    with sqlite3.connect(tmp_path / "muvr.sqlite") as connection:
        connection.execute("ALTER TABLE label DROP COLUMN weight_kg")
        connection.execute("PRAGMA user_version = 1")
    store = SqliteStore(tmp_path)
    assert list(store.read(LABEL, ("ada", "s"))) == [rows.label(1, None)]
    store.write(
        [Insert(LABEL, rows.label(1, 7.0)), Insert(MEMBER, MEMBER.row("m", "i", 1, 1, "", Timestamp(1)))]
    )
    assert list(store.read(JOURNAL, ADA)) == [rows.journal(1)]
    assert list(store.read(LABEL, ("ada", "s"))) == [rows.label(1, 7.0)]
    store.close()
    with sqlite3.connect(tmp_path / "muvr_keys.sqlite") as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        assert {"member", "shard_view"} <= tables
        assert "lease" not in tables
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_of_a_full_disk_only_what_has_no_room_fails(tmp_path: Path) -> None:
    """Also if it is submitted together with what has room."""
    store = SmallDisk(tmp_path)
    store.write([Insert(JOURNAL, rows.journal(1))])
    store.limit(pages=60)
    large = [Insert(JOURNAL, rows.journal(number, event=bytes(4000))) for number in range(100, 600)]
    futures = [
        store.submit(large if number == 5 else [Insert(JOURNAL, rows.journal(number))])
        for number in range(2, 10)
    ]
    outcomes = [future.exception() for future in futures]
    assert [isinstance(outcome, StoreFull) for outcome in outcomes] == [
        number == 5 for number in range(2, 10)
    ]
    assert [row.sequence_nr for row in store.read(JOURNAL, ADA)] == [1, 2, 3, 4, 6, 7, 8, 9]
    store.close()


def test_a_store_that_is_locked_for_good_fails_all_that_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, not one after the other, each of which would wait as long again."""
    monkeypatch.setattr("persistence.sqlite.BUSY_TIMEOUT_MS", 100)
    store = SqliteStore(tmp_path)
    tries: list[int] = []
    apply = store._commits._apply

    def counted(mutations: Sequence[Mutation]) -> None:
        tries.append(len(mutations))
        apply(mutations)

    monkeypatch.setattr(store._commits, "_apply", counted)
    with sqlite3.connect(tmp_path / "muvr.sqlite", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        futures = [store.submit([Insert(JOURNAL, rows.journal(number))]) for number in range(50)]
        assert all(isinstance(future.exception(), StoreUnavailable) for future in futures)
        other.execute("ROLLBACK")
    assert len(tries) < 25
    assert sum(tries) == 50
    store.write([Insert(JOURNAL, rows.journal(1))])
    store.close()
