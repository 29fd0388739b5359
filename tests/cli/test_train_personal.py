"""`muvr train --user`: a model of one person's sets, which that person alone is served, if it is better."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cli.main import main
from domain.identifiers import UserId, pseudonym_of
from domain.sensors import SensorSet
from domain.windows import LabelledWindow
from edge.artefact import decode
from persistence.location import open_store
from persistence.models import EVERYONE, ModelStore, user_scope
from persistence.secret_files import load_or_make_key
from persistence.windows import WindowStore

A50 = SensorSet.parse("a@50")
ANN = user_scope(UserId("ann"))


def windows_of(
    subject: str, hertz: dict[str, float], seed: int, sessions: tuple[str, ...] = ("mon", "tue", "wed")
) -> list[LabelledWindow]:
    """Sessions of exercises, which `hertz` says how quickly the person does."""
    random = np.random.default_rng(seed)
    windows = []
    for session in sessions:
        for number, (label, rate) in enumerate(sorted(hertz.items())):
            at = np.arange(50 * 31) / 50
            wave = np.sin(2 * np.pi * rate * at)
            values = np.stack([wave, 0.5 * wave**2, 1 - 0.3 * wave], axis=1)
            values += 0.05 * random.standard_normal(values.shape)
            windows += [
                LabelledWindow(
                    sensor_set=A50,
                    subject=subject,
                    session=f"{subject}-{session}",
                    start_ms=100_000 * number + 1000 * second,
                    label=label,
                    samples=values[50 * second : 50 * second + 100].astype(np.float32),
                )
                for second in range(30)
            ]
    return windows


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A node's directory with bob and ann, who does slowly what bob does quickly and the other way round."""
    key = load_or_make_key(tmp_path / "keys" / "pseudonyms.key")
    store = open_store(f"sqlite:{tmp_path / 'store'}")
    ann = windows_of(pseudonym_of("ann", key), {"curl": 0.5, "press": 2.0}, seed=1)
    bob = windows_of(pseudonym_of("bob", key), {"curl": 2.0, "press": 0.5}, seed=2)
    WindowStore(store).write(ann + bob)
    store.close()
    return tmp_path


def train(data: Path, *more: str) -> int:
    return main(["train", "--data", str(data), "--sensor-set", "a@50", *more])


def test_a_persons_own_model_is_served_to_that_person_alone(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(data, "--epochs-max", "2") == 0
    assert train(data, "--user", "ann") == 0
    assert "it is served from now on" in capsys.readouterr().out
    store = open_store(f"sqlite:{data / 'store'}")
    models = ModelStore(store)
    everyones, own = models.current(EVERYONE, A50), models.current(ANN, A50)
    assert everyones is not None
    assert own is not None
    assert own.model_id != everyones.model_id
    assert own.f1_macro > 0.9
    lineage = json.loads(models.find(own.model_id).lineage)
    key = load_or_make_key(data / "keys" / "pseudonyms.key")
    assert lineage["subjects"] == [pseudonym_of("ann", key)]
    form = next(
        found["form"]
        for row in models.evaluations(own.model_id)
        if "form" in (found := json.loads(row.metrics))
    )
    assert form["curl"]["tempo_s"] == pytest.approx(2.0, rel=0.1)
    assert list(decode(models.artefact(own.digest) or b"").classes) == ["curl", "press", "rest"]
    store.close()


def test_a_user_without_windows_is_told(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(data, "--user", "eve") == 1
    assert "no windows of user 'eve'" in capsys.readouterr().err


def test_recordings_know_no_users(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--recordings", str(data), "--out", str(data / "m"), "--user", "ann"]) == 1
    assert "recordings know no users" in capsys.readouterr().err
