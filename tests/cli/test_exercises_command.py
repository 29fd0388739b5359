"""`muvr exercises`: list, accept, withdraw."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.main import main
from domain.contributed import Contributed
from domain.identifiers import UserId
from persistence.exercise_tables import CONTRIBUTED_EXERCISE
from persistence.exercises import contributed_row
from persistence.ports import Insert
from persistence.sqlite import SqliteStore

SLED = Contributed(name="sled-push", at_ms=9, primary=("quadriceps",), movement="carry")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    store = SqliteStore(data / "store")
    store.write([Insert(CONTRIBUTED_EXERCISE, contributed_row(UserId("ada"), SLED))])
    store.close()
    return data


def test_a_reviewer_lists_accepts_and_withdraws(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--data", str(data)]
    assert main(["exercises", "list", *where]) == 0
    assert capsys.readouterr().out.split() == [
        "sled-push", "to", "be", "reviewed", "by", "ada:", "carry,", "quadriceps;", "needs", "nothing"
    ]  # fmt: skip
    assert main(["exercises", "accept", "sled-push", "--user", "ada", "--by", "rita", "--json", *where]) == 0
    (found,) = json.loads(capsys.readouterr().out)["exercises"]
    assert (found["name"], found["user"], found["accepted"]) == ("sled-push", "ada", True)
    assert main(["exercises", "withdraw", "sled-push", *where]) == 0
    assert "to be reviewed" in capsys.readouterr().out


def test_what_is_unknown_is_said(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--data", str(data)]
    assert main(["exercises", "accept", "tire-flip", "--user", "ada", "--by", "rita", *where]) == 1
    assert "contributed no exercise 'tire-flip'" in capsys.readouterr().err
