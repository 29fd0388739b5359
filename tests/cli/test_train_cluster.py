"""`muvr train --cluster`: a model of a cluster's users, served to them while it is the better one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli import clusters
from cli.main import main
from domain.identifiers import UserId
from persistence.learned_tables import CLUSTER_MEMBER, ClusterMemberRow
from persistence.location import open_store
from persistence.models import EVERYONE, ModelStore, cluster_scope
from persistence.ports import Insert
from persistence.runs import result_partition
from persistence.secret_files import load_or_make_key
from persistence.windows import WindowStore
from tests.cli.test_train_personal import A50, windows_of
from tests.persistence.test_runs import begin, finish

SLOW, QUICK = {"curl": 0.5, "press": 2.0}, {"curl": 2.0, "press": 0.5}
PEOPLE = {"ann": SLOW, "amy": SLOW, "bob": QUICK, "ben": QUICK}
CLUSTERS = {"ann": "slow", "amy": "slow", "bob": "quick", "ben": "quick"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A node where a poor model learned from the first day, with two clusters who do things the other way
    round, and two days that no model has seen.
    """
    load_or_make_key(tmp_path / "keys" / "pseudonyms.key")
    store = open_store(f"sqlite:{tmp_path / 'store'}")
    for seed, (name, hertz) in enumerate(PEOPLE.items()):
        WindowStore(store).write(windows_of(name, hertz, seed, ("mon", "sun")))
    assert train(tmp_path, "--epochs-max", "1") == 0
    run = begin(store, "night", tables=(CLUSTER_MEMBER.name,), cut=None)
    store.write(
        [
            Insert(CLUSTER_MEMBER, ClusterMemberRow(*result_partition(run.number, name), name, cluster))
            for name, cluster in CLUSTERS.items()
        ]
    )
    finish(store, run)
    for seed, (name, hertz) in enumerate(PEOPLE.items()):
        WindowStore(store).write(windows_of(name, hertz, 10 + seed, ("tue", "wed", "thu", "fri")))
    store.close()
    return tmp_path


def train(data: Path, *more: str) -> int:
    return main(["train", "--data", str(data), "--sensor-set", "a@50", *more])


def served(data: Path) -> dict[str, str]:
    store = open_store(f"sqlite:{data / 'store'}")
    found = {row.scope: row.model_id for row in ModelStore(store).current_models()}
    store.close()
    return found


def test_a_better_model_serves_its_cluster_until_it_is_no_better(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(data, "--cluster", "slow", "--epochs-max", "8") == 0
    assert "it is served from now on" in capsys.readouterr().out
    assert set(served(data)) == {EVERYONE, cluster_scope("slow")}
    store = open_store(f"sqlite:{data / 'store'}")
    models = ModelStore(store)
    own = models.current(cluster_scope("slow"), A50)
    assert own is not None
    assert json.loads(models.find(own.model_id).lineage)["subjects"] == ["amy", "ann"]
    compared = [row.data_set for row in models.evaluations(own.model_id)]
    assert "sessions new to the model and to the one served before" in compared
    store.close()
    evaluated = ["evaluate", "--data", str(data), "--sensor-set", "a@50", "--scope", cluster_scope("slow")]
    assert main(evaluated) == 0
    assert train(data, "--cluster", "slow", "--epochs-max", "1", "--target-f1", "0") == 0
    after = served(data)
    assert EVERYONE in after


def test_every_cluster_with_enough_windows_is_trained(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    every = ["--clusters", "--epochs-max", "6", "--json-progress"]
    assert train(data, *every) == 0
    assert result(capsys) == {}
    monkeypatch.setattr(clusters, "USERS_MIN", 2)
    monkeypatch.setattr(clusters, "WINDOWS_MIN", 100)
    assert train(data, *every) == 0
    found = result(capsys)
    assert set(found) == {"quick", "slow"}
    assert {cluster_scope(name) for name, each in found.items() if each["is_served"]} == set(served(data)) - {
        EVERYONE
    }


def result(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    last: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    found: dict[str, Any] = last["result"]["clusters"]
    return found


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--cluster", "odd"], "there is no cluster 'odd'; expected one of quick, slow"),
        (["--cluster", "slow", "--user", UserId("ann")], "exclude each other"),
        (["--clusters", "--no-promote"], "--clusters excludes"),
    ],
)
def test_what_cannot_be_trained_is_told(
    options: list[str], words: str, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(data, *options) == 1
    assert words in capsys.readouterr().err
