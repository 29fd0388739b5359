"""Models of a store: trained, evaluated again, and served by the rule."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from cli.main import main
from domain.identifiers import UserId, pseudonym_of
from domain.sensors import SensorSet
from domain.windows import LabelledWindow
from edge.artefact import decode
from persistence.models import ModelStore
from persistence.ports import Delete
from persistence.secret_files import load_or_make_key
from persistence.sqlite import SqliteStore
from persistence.tables import ARTEFACT
from persistence.windows import WindowStore
from tests.cli.conftest import train
from tests.cli.stored_models import SET, saved, served, told


def test_the_past_models_are_evaluated_on_the_same_new_sessions_and_the_newest_of_the_best_is_served(
    node: Path, models: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(capsys, node, "evaluate", "--past", "3", "--sensor-set", "a@50")
    assert found["data_set"] == "2 sessions that none of 3 models learned from"
    assert [each["model_id"] for each in found["models"]] == ["bad", "same", "good"]
    assert found["models"][1]["f1_macro"] == found["models"][2]["f1_macro"] > found["models"][0]["f1_macro"]
    assert found["served"] == served(models) == "same"
    for each in found["models"]:
        newest = next(models.evaluations(each["model_id"]))
        assert newest.f1_macro == each["f1_macro"]
        assert newest.data_set == found["data_set"]
    assert told(capsys, node, "evaluate", "--past", "1", "--sensor-set", "a@50")["served"] == "same"


def test_figures_are_recorded_first_and_the_best_is_promoted_by_them(
    node: Path, models: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    only_recorded = ["--past", "3", "--sensor-set", "a@50", "--no-promote"]
    found = told(capsys, node, "evaluate", *only_recorded)
    assert [each["model_id"] for each in found["models"]] == ["bad", "same", "good"]
    assert found["served"] == served(models) == "bad"
    promoted = told(capsys, node, "models", "promote", "--sensor-set", "a@50")
    assert promoted["served"] == served(models) == "same"
    assert promoted["f1_macro"] == found["models"][1]["f1_macro"] > promoted["rival_f1_macro"]
    again = told(capsys, node, "models", "promote", "--sensor-set", "a@50")
    assert (again["served"], again["is_new"]) == ("same", False)


def test_a_model_that_learned_from_the_latest_sessions_is_left_out(
    node: Path, trained: Path, models: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = ["ann/mon", "ann/tue", "bob/mon", "bob/tue"]
    store = SqliteStore(node / "store")
    saved(store, decode((trained / "model").read_bytes()), "all", 4, f1=0.1, learned=everything)
    store.close()
    only_recorded = ["--past", "4", "--sensor-set", "a@50", "--no-promote"]
    found = told(capsys, node, "evaluate", *only_recorded)
    assert [each["model_id"] for each in found["models"]] == ["bad", "same", "good"]
    assert main(["models", "promote", "all", "--data", str(node)]) == 0
    assert told(capsys, node, "evaluate", *only_recorded)["models"] == []
    capsys.readouterr()
    assert main(["evaluate", *only_recorded, "--data", str(node), "--json-progress"]) == 0
    told_lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "nothing is evaluated" in told_lines[0]["message"]
    assert told_lines[1]["result"]["models"] == []


def test_the_nights_programs_tell_their_progress_and_result(
    node: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of_set = ["--data", str(node), "--sensor-set", "a@50", "--json-progress"]
    capsys.readouterr()
    assert main(["evaluate", "--past", "3", "--no-promote", *of_set]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["done"] for line in lines[:-1]] == [1, 2, 3]
    assert len(lines[-1]["result"]["models"]) == 3
    assert main(["models", "promote", *of_set]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0]["message"] == "same is served to everyone from now on"
    assert lines[1]["result"]["served"] == "same"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["evaluate", "--no-promote"], "--no-promote without --past"),
        (["evaluate", "--past", "1", "--json-progress"], "--json-progress without --no-promote"),
        (["models", "promote", "--past", "0"], "--past 0"),
    ],
)
def test_options_that_do_not_go_together_are_told(
    options: list[str], words: str, node: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*options, "--data", str(node)]) == 1
    assert words in capsys.readouterr().err


def test_what_is_served_is_compared_even_if_it_is_older(
    node: Path, models: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "promote", "good", "--data", str(node)]) == 0
    found = told(capsys, node, "evaluate", "--past", "1", "--sensor-set", "a@50")
    assert [each["model_id"] for each in found["models"]] == ["good", "bad"]
    assert found["served"] == served(models) == "good"


def test_a_model_of_one_person_is_judged_by_that_persons_windows(
    node: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = SqliteStore(node / "store")
    artefact = decode((trained / "model").read_bytes())
    saved(store, artefact, "anns", 4, f1=0.5, learned=[], scope="user:ann")
    subject = pseudonym_of(UserId("ann"), load_or_make_key(node / "keys" / "pseudonyms.key"))
    mine = [window for window in WindowStore(store).read(SET) if window.subject == "ann"]
    WindowStore(store).write([dataclasses.replace(window, subject=subject) for window in mine])
    store.close()
    found = told(capsys, node, "evaluate", "--past", "3", "--sensor-set", "a@50", "--scope", "user:ann")
    assert [each["windows"] for each in found["models"]] == [len(mine)]
    assert found["served"] == "anns"
    nobodys = ["evaluate", "--past", "3", "--sensor-set", "a@50", "--scope", "user:bob", "--data", str(node)]
    assert main(nobodys) == 1
    assert "there is no model of a@50 for user:bob" in capsys.readouterr().err


def test_the_budget_ends_after_one_model(node: Path, capsys: pytest.CaptureFixture[str]) -> None:
    short = ["--past", "3", "--sensor-set", "a@50", "--budget-minutes", "1e-9"]
    found = told(capsys, node, "evaluate", *short)
    assert [each["model_id"] for each in found["models"]] == ["bad"]
    assert (found["ended"], found["served"]) == ("budget", "bad")


def test_a_model_whose_file_is_lost_is_left_out(
    node: Path, models: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    store = SqliteStore(node / "store")
    store.write([Delete(ARTEFACT, (models.find("same").digest,))])
    store.close()
    capsys.readouterr()
    assert main(["evaluate", "--data", str(node), "--past", "3", "--sensor-set", "a@50"]) == 0
    printed = capsys.readouterr()
    assert "model same is left out: its file is lost" in printed.err
    assert "same" not in printed.out
    assert served(models) == "good"


def test_one_model_is_evaluated_and_that_is_recorded(
    node: Path, models: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(capsys, node, "evaluate", "--model-id", "good")
    assert found["segmentation"] is found["repetitions"] is None
    assert found["sets"] == 6
    assert len(list(models.evaluations("good"))) == 2
    assert told(capsys, node, "evaluate", "--sensor-set", "a@50")["f1_macro"] < found["f1_macro"]
    assert served(models) == "bad"


def test_a_file_and_recordings_go_with_a_store_too(
    node: Path, recordings: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of_file = told(capsys, node, "evaluate", "--model", str(trained / "model"))
    assert of_file["windows"] == 4 * (2 * 14 + 3 * 10)
    of_model = told(capsys, node, "evaluate", "--model-id", "good", "--recordings", str(recordings))
    assert of_model["segmentation"]["sets"] == 8


def test_training_from_a_store_compares_on_new_sessions_and_says_what_it_learned_from(
    node: Path, models: ModelStore
) -> None:
    arguments = ["--sensor-set", "a@50", "--epochs-max", "3", "--split", "subject"]
    result = train("--data", node, *arguments)[-1]["result"]
    assert result["held_out_by"] == "subject"
    lineage = json.loads(models.find(result["model_id"]).lineage)
    assert lineage["subjects"] == ["ann", "bob"]
    assert lineage["sessions"] == ["ann/mon", "ann/tue", "bob/mon", "bob/tue"]
    assert lineage["windows_by_data_set"] == {"store": sum(lineage["windows_by_subject"].values())}
    assert lineage["configuration"]["split"] == "subject"
    assert lineage["configuration"]["BATCH_SIZE"] > 0
    compared = {each.data_set for each in models.evaluations(result["model_id"])}
    assert "validation, held out by subject" in compared
    validation = [json.loads(each.metrics) for each in models.evaluations(result["model_id"])]
    assert any(len(each.get("learning_curve", [])) == 3 for each in validation)
    assert not list((node / "training").iterdir())


def test_a_training_may_leave_the_choice_to_others(
    node: Path, models: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--sensor-set", "a@50", "--epochs-max", "3", "--split", "subject", "--no-promote"]
    result = train("--data", node, *arguments)[-1]["result"]
    assert result["is_served"] is None
    assert served(models) == "bad"
    newest = [json.loads(row.metrics) for row in models.evaluations(result["model_id"])]
    assert {"bad", result["model_id"]} in [set(each.get("compared", ())) for each in newest]
    assert told(capsys, node, "models", "promote", "--sensor-set", "a@50")["is_new"]


def test_strain_gauges_are_trained_from_a_store(tmp_path: Path) -> None:
    sensor_set = SensorSet.parse("u,l@10")
    random = np.random.default_rng(1)
    store = SqliteStore(tmp_path / "store")
    windows = [
        LabelledWindow(
            sensor_set=sensor_set,
            subject="ann",
            session=day,
            start_ms=second * 1000 + (60_000 if label == "rest" else 0),
            label=label,
            samples=random.normal(level, 0.05, (20, 2)).astype(np.float32),
        )
        for day in ("mon", "tue")
        for label, level in (("press", 0.5), ("rest", 0.0))
        for second in range(20)
    ]
    WindowStore(store).write(windows)
    store.close()
    lines = train("--data", tmp_path, "--sensor-set", "u,l@10", "--epochs-max", "1")
    assert lines[-1]["result"]["is_served"]
