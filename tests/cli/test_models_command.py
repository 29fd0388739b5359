"""Models of a store: listed, shown, promoted, rolled back, exported."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.main import main
from edge.artefact import digest
from persistence.models import ModelStore
from persistence.ports import Insert
from persistence.sqlite import SqliteStore
from persistence.tables import ARTEFACT, ArtefactRow
from tests.cli.stored_models import served, told


def test_models_are_listed_with_what_is_served(node: Path, capsys: pytest.CaptureFixture[str]) -> None:
    items = told(capsys, node, "models", "list")["models"]
    assert [(each["model_id"], each["served"]) for each in items] == [
        ("bad", True),
        ("same", False),
        ("good", False),
    ]
    assert main(["models", "list", "--data", str(node)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[1].split()[:3] == ["served", "bad", "everyone"]


def test_a_store_without_models_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    SqliteStore(tmp_path / "store").close()
    assert main(["models", "list", "--data", str(tmp_path)]) == 0
    assert "there are no models yet" in capsys.readouterr().out


def test_a_model_is_shown_with_what_it_learned_from(node: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, node, "models", "show", "bad")
    assert found["served"]
    assert found["served_before"] == ["good"]
    assert found["lineage"]["sessions"] == ["ann/mon"]
    assert found["evaluations"][0]["f1_macro"] == 0.9
    assert main(["models", "show", "bad", "--data", str(node)]) == 0
    shown = capsys.readouterr().out
    assert "from 1 people, 1 sessions" in shown
    assert "before it  good" in shown


def test_promoting_and_rolling_back(
    node: Path, models: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(capsys, node, "models", "promote", "same")["served"] == "same" == served(models)
    back = ["models", "rollback", "--sensor-set", "a@50"]
    assert told(capsys, node, *back)["served"] == "bad" == served(models)
    assert told(capsys, node, *back)["served"] == "good" == served(models)
    assert main([*back, "--data", str(node)]) == 1
    assert "no model of a@50 was served to everyone before" in capsys.readouterr().err


@pytest.mark.parametrize("action", ["show", "promote", "export"])
def test_a_model_that_nobody_knows_is_told(
    node: Path, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--out", str(node / "out")] if action == "export" else []
    assert main(["models", action, "nobody", "--data", str(node), *more]) == 1
    assert "there is no model 'nobody'; `muvr models list` names them all" in capsys.readouterr().err
    assert main(["evaluate", "--model-id", "nobody", "--data", str(node)]) == 1


def test_a_damaged_model_is_not_promoted(
    node: Path, models: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    store = SqliteStore(node / "store")
    store.write([Insert(ARTEFACT, ArtefactRow(models.find("good").digest, 0, b"other"))])
    store.close()
    assert main(["models", "promote", "good", "--data", str(node)]) == 1
    assert "lost or damaged" in capsys.readouterr().err
    assert served(models) == "bad"


def test_a_model_is_exported_as_a_file_and_as_c(
    node: Path, models: ModelStore, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written, c = node / "out" / "model", node / "c"
    found = told(capsys, node, "models", "export", "good", "--out", str(written), "--c", str(c))
    assert digest(written.read_bytes()) == models.find("good").digest
    assert found["bytes"] == len(written.read_bytes())
    assert (c / "muvr_model.c").is_file()
    again = node / "c-of-file"
    assert main(["models", "export", "--model", str(trained / "model"), "--c", str(again)]) == 0
    assert (again / "muvr_model.c").is_file()
    assert main(["models", "export", "good", "--data", str(node)]) == 1
    assert main(["models", "export", "--out", str(written)]) == 1


def test_a_store_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--data", str(tmp_path / "nowhere")]) == 1
    assert "holds no store" in capsys.readouterr().err
