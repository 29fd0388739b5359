"""`muvr train` on recordings: what it writes, what it goes on with after a kill, and what it refuses."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from edge.artefact import decode, encode
from tests.cli.conftest import ROOT, train
from tests.cli.made_recordings import make


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line that says why the status is 1."""
    capsys.readouterr()
    assert main(["train", *map(str, arguments)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("muvr: ")
    assert error.count("\n") == 1
    assert "internal error" not in error
    return error


def test_recordings_become_a_model_with_its_figures_and_plots(trained: Path) -> None:
    result: dict[str, Any] = json.loads((trained / "result.json").read_text())
    artefact = decode((trained / "model").read_bytes())
    assert artefact.model_id == result["model_id"]
    assert list(artefact.classes) == result["classes"] == ["curl", "press", "rest"]
    assert str(artefact.sensor_set) == "a@50"
    assert result["is_served"] is None
    assert result["held_out_by"] == "session"
    assert result["evaluation"]["f1_macro"] == result["validation"]["f1_macro"]
    assert [step["epoch"] for step in result["learning_curve"]] == list(range(1, result["epochs"] + 1))
    plots = sorted(path.name.rsplit("-", 1)[1] for path in (trained / "plots").iterdir())
    assert plots == ["confusion.svg", "learning.svg"]
    for path in (trained / "plots").iterdir():
        ElementTree.parse(path)
    assert sorted(path.name for path in trained.iterdir()) == ["model", "plots", "result.json"]


def nameless(model: Path) -> bytes:
    return encode(dataclasses.replace(decode(model.read_bytes()), model_id="any"))  # type: ignore[arg-type]


def test_a_killed_training_ends_with_the_model_of_one_that_was_not(
    tmp_path: Path, recordings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    same = ["--recordings", str(recordings), "--sensor-set", "a@50", "--epochs-max", "4"]
    train(*same, "--out", whole)
    command = [sys.executable, "-m", "cli", "train", "--json-progress", *same, "--out", str(killed)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [json.loads(process.stdout.readline())["done"] for _ in range(2)]
        process.send_signal(signal.SIGKILL)  # the first epoch is safe once the second is told
    assert process.returncode == -signal.SIGKILL
    assert told == [8, 17]  # per cent: of four epochs of fitting, which are a third
    assert not killed.exists()
    other = ["--out", killed, "--epochs-max", "5"]
    assert "belongs to a training on other data or with other settings" in refused(capsys, *same, *other)
    lines = train(*same, "--out", killed)
    assert lines[0]["done"] > told[0]
    assert nameless(killed) == nameless(whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["killed", "whole"]


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"labels": ("curl", "curl")}, "all windows are labelled 'curl'"),
        ({"seconds": 1.5}, "none of the recordings is as long as a window"),
    ],
)
def test_recordings_that_teach_nothing_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], made: dict[str, Any], words: str
) -> None:
    data = make(tmp_path / "data", **made)
    assert words in refused(capsys, "--recordings", data, "--out", tmp_path / "m", "--sensor-set", "a@50")


def test_recordings_without_the_sensors_are_refused(
    tmp_path: Path, recordings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refused(capsys, "--recordings", recordings, "--out", tmp_path / "m", "--sensor-set", "a,g@50")
    assert "none of the recordings has the sensors of a,g@50" in error


def test_one_person_cannot_be_held_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alone = make(tmp_path / "alone", sessions=(("ann", "mon"), ("ann", "tue")))
    arguments = ["--recordings", alone, "--out", tmp_path / "m", "--sensor-set", "a@50", "--split", "subject"]
    assert "no subject of 1 can be held out" in refused(capsys, *arguments)


def test_a_malformed_recording_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = make(tmp_path / "broken", sessions=(("cy", "mon"),))
    (broken / "index.csv").write_text((broken / "index.csv").read_text().replace(",50,", ",often,"))
    error = refused(capsys, "--recordings", broken, "--out", tmp_path / "m")
    assert str(broken) in error
    assert "rate_hz" in error


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "either --data DIR or --recordings DIR"),
        (["--data", "x", "--recordings", "y"], "either --data DIR or --recordings DIR"),
        (["--recordings", "x"], "give --out MODEL"),
        (["--recordings", "/nonexistent", "--out", "m"], "/nonexistent is no data set"),
        (["--data", "x", "--sensor-set", "everything"], "is not a sensor set"),
    ],
)
def test_what_does_not_go_together_is_said(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in refused(capsys, *arguments)
