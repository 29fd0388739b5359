"""`muvr evaluate` on recordings as users meet it: every figure, or one line that says what is wrong."""

from __future__ import annotations

import hashlib
import json
import struct
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from domain.sensors import SensorSet
from edge.artefact import decode, encode
from tests.cli.made_recordings import HEADER, make

KEYS = {
    "windows", "accuracy", "precision", "recall", "f1_macro", "f1_per_class", "f1_worst_subject", "sets",
    "sets_right", "unknown", "repetitions", "segmentation", "confusion", "classes", "calibration_error",
}  # fmt: skip


def evaluated(tmp_path: Path, recordings: Path, model: Path, *more: str) -> dict[str, Any]:
    out = tmp_path / "figures.json"
    arguments = ["--recordings", str(recordings), "--model", str(model), "--json", str(out), *more]
    assert main(["evaluate", *arguments]) == 0
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def refused(capsys: pytest.CaptureFixture[str], recordings: Path, model: Path) -> str:
    """The one line that says why the status is 1."""
    capsys.readouterr()
    assert main(["evaluate", "--recordings", str(recordings), "--model", str(model)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("muvr: ")
    assert error.count("\n") == 1
    assert "internal error" not in error
    return error


def test_all_figures_of_recordings(
    tmp_path: Path, recordings: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = evaluated(tmp_path, recordings, trained / "model", "--plots", str(tmp_path / "plots"))
    assert set(found) == KEYS
    assert set(found["unknown"]) == {"auroc", "fpr_at_95_tpr"}
    assert set(found["repetitions"]) == {"sets", "exact", "within_one", "within_two", "mean_absolute_error"}
    assert found["sets"] == found["segmentation"]["sets"] == found["repetitions"]["sets"] == 8
    assert sum(map(sum, found["confusion"])) == found["windows"]
    right = sum(row[index] for index, row in enumerate(found["confusion"]))
    assert right / found["windows"] == pytest.approx(found["accuracy"])
    assert found["f1_macro"] == pytest.approx(sum(found["f1_per_class"].values()) / 3)
    assert found["f1_macro"] > 0.8
    assert found["sets_right"] >= 7
    assert found["segmentation"]["named_right"] >= 6
    assert "named right" in capsys.readouterr().out
    (plot,) = (tmp_path / "plots").iterdir()
    assert ElementTree.parse(plot).getroot().tag.endswith("svg")


def test_figures_go_to_standard_output_alone(
    recordings: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(trained / "model")
    assert main(["evaluate", "--recordings", str(recordings), "--model", model, "--json", "-"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == KEYS


def test_what_a_data_set_lacks_is_null(tmp_path: Path, trained: Path) -> None:
    alone = make(tmp_path / "alone", sessions=(("cy", "mon"),), labels=("curl", "press"))
    found = evaluated(tmp_path, alone, trained / "model")
    assert found["unknown"] is None
    assert found["segmentation"] is None
    assert found["sets"] == 2


def test_labels_that_the_model_does_not_know_are_scored_as_unknown(tmp_path: Path, trained: Path) -> None:
    twisted = make(tmp_path / "twisted", sessions=(("cy", "mon"),), labels=("rest", "curl", "rest", "twist"))
    found = evaluated(tmp_path, twisted, trained / "model")
    assert found["classes"][-1] == "unknown"
    assert set(found["f1_per_class"]) == {"curl", "rest", "unknown"}
    assert found["sets"] == 2
    only = make(tmp_path / "only", sessions=(("cy", "mon"),), labels=("twist",))
    assert set(evaluated(tmp_path, only, trained / "model")["f1_per_class"]) == {"unknown"}


def test_several_directories_are_evaluated_together(tmp_path: Path, recordings: Path, trained: Path) -> None:
    other = make(tmp_path / "other", sessions=(("cy", "mon"),))
    out = tmp_path / "both.json"
    both = ["--recordings", str(recordings), str(other)]
    assert main(["evaluate", *both, "--model", str(trained / "model"), "--json", str(out)]) == 0
    assert json.loads(out.read_text())["sets"] == 10


def test_a_directory_that_is_no_data_set_is_named(
    tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "nowhere is no data set" in refused(capsys, tmp_path / "nowhere", trained / "model")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "index.csv").write_text(HEADER + "\n")
    assert "empty lists no recordings" in refused(capsys, tmp_path / "empty", trained / "model")


def test_a_malformed_recording_is_named_with_its_directory(
    tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = make(tmp_path / "broken", sessions=(("cy", "mon"),))
    file = next(broken.glob("*curl*"))
    file.write_bytes(file.read_bytes()[:50])
    error = refused(capsys, broken, trained / "model")
    assert str(broken) in error
    assert file.name in error


def test_recordings_shorter_than_a_window_are_no_evaluation(
    tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = make(tmp_path / "short", seconds=1.5)
    assert "none of the recordings is as long as a window" in refused(capsys, short, trained / "model")


def test_recordings_without_the_models_sensors_are_no_evaluation(
    tmp_path: Path, recordings: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of_accelerometer = decode((trained / "model").read_bytes())
    model = tmp_path / "model"
    model.write_bytes(encode(replace(of_accelerometer, sensor_set=SensorSet.parse("g@50"))))
    assert "none of the recordings has the sensors of g@50" in refused(capsys, recordings, model)


def altered(data: bytes) -> bytes:
    return data[:200] + bytes([data[200] ^ 1]) + data[201:]


def newer(data: bytes) -> bytes:
    body = data[:8] + struct.pack("<H", 3) + data[10:-32]
    return body + hashlib.sha256(body).digest()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[:-40], "bytes"),
        (lambda data: b"", "0 bytes"),
        (altered, "checksum does not match"),
        (newer, "format 3; expected format 1 to 2; update this program"),
        (lambda data: b"something else entirely" * 20, "not a model file"),
    ],
)
def test_a_model_file_that_cannot_be_used_is_named(
    tmp_path: Path,
    recordings: Path,
    trained: Path,
    capsys: pytest.CaptureFixture[str],
    change: Any,
    words: str,
) -> None:
    model = tmp_path / "broken-model"
    model.write_bytes(change((trained / "model").read_bytes()))
    error = refused(capsys, recordings, model)
    assert "broken-model" in error
    assert words in error


def test_a_model_that_is_not_there_is_named(
    tmp_path: Path, recordings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "nowhere: No such file" in refused(capsys, recordings, tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing to evaluate on"),
        (["--recordings", "x"], "no model to evaluate"),
        (["--data", "x", "--past", "0"], "at least 1"),
        (["--data", "x", "--budget-minutes", "nan"], "more than 0"),
        (["--data", "/nonexistent"], "/nonexistent/store holds no store"),
        (["--data", "x", "--sensor-set", "q@1"], "is not a sensor set"),
    ],
)
def test_what_does_not_go_together_is_said(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *arguments]) == 1
    assert words in capsys.readouterr().err
