"""`muvr schema` on stores of both kinds."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from cli.main import main
from persistence.tables import TABLES

Output = pytest.CaptureFixture[str]


def test_the_whole_schema_is_shown(capsys: Output) -> None:
    assert main(["schema", "show", "--store", "cassandra://db/gym?datacenter=dc1"]) == 0
    shown = capsys.readouterr().out
    assert "'class': 'NetworkTopologyStrategy', 'dc1': '3'" in shown
    assert all(f".{table.name} (" in shown for table in TABLES)
    assert main(["schema", "show", "--store", "sqlite:/nowhere"]) == 0
    shown = capsys.readouterr().out
    assert all(f"EXISTS {table.name} (" in shown for table in TABLES)


def test_a_directory_is_checked_and_put_right(tmp_path: Path, capsys: Output) -> None:
    store = ["--store", f"sqlite:{tmp_path}"]
    assert main(["schema", "check", *store]) == 1
    assert "muvr.sqlite is missing" in capsys.readouterr().out
    assert main(["schema", "apply", *store]) == 0
    assert "put right" in capsys.readouterr().out
    assert main(["schema", "check", *store]) == 0
    assert capsys.readouterr().out == "as it should be\n"
    assert main(["schema", "apply", *store]) == 0
    assert capsys.readouterr().out == "nothing to do\n"
    with sqlite3.connect(tmp_path / "muvr.sqlite") as connection:
        connection.execute("DROP TABLE label")
        connection.execute("ALTER TABLE sensor DROP COLUMN scale")
    assert main(["schema", "check", *store]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "muvr.sensor.scale is missing, not REAL",
        "table muvr.label is missing",
    ]


def test_a_schema_in_cassandra_is_checked(cassandra_location: str, capsys: Output) -> None:
    assert main(["schema", "check", "--store", cassandra_location]) == 0
    assert main(["schema", "apply", "--store", cassandra_location]) == 0
    assert capsys.readouterr().out == "as it should be\nnothing to do\n"


@pytest.mark.parametrize("command", ["apply", "check"])
def test_a_store_that_is_not_there_is_one_line(command: str, capsys: Output) -> None:
    assert main(["schema", command, "--store", "cassandra://127.0.0.1:1/muvr"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("muvr: no Cassandra answers at 127.0.0.1:1")
    assert error.count("\n") == 1
