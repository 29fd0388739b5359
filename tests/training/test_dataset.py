"""Labelled windows as arrays: what is refused, what is held out, which classes there are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from domain.errors import InvalidInput
from domain.sensors import SensorSet
from domain.windows import LabelledWindow
from training import dataset as dataset_module
from training.dataset import class_weights, collect, split

SENSORS = SensorSet.parse("a@10")


def windows_of(
    session: str, labels: Sequence[str], *, subject: str = "S1", seed: int = 0
) -> list[LabelledWindow]:
    """One window a second for each label."""
    random = np.random.default_rng(seed)
    return [
        LabelledWindow(
            sensor_set=SENSORS,
            subject=subject,
            session=session,
            start_ms=1000 * second,
            label=label,
            samples=random.normal(0, 1, (20, 3)).astype(np.float32),
        )
        for second, label in enumerate(labels)
    ]


def test_windows_become_arrays() -> None:
    dataset = collect(iter(windows_of("one", ["rest", "curl", "rest"])), SENSORS)
    assert dataset.classes == ("curl", "rest")
    assert dataset.labels.tolist() == [1, 0, 1]
    assert dataset.samples.shape == (3, 20, 3)
    assert dataset.samples.dtype == np.float32
    assert set(dataset.sessions) == {"S1/one"}


def test_rest_is_a_class_even_where_nobody_recorded_it() -> None:
    dataset = collect(windows_of("one", ["squat", "curl"]), SENSORS)
    assert dataset.classes == ("curl", "rest", "squat")
    assert dataset.labels.tolist() == [2, 0]


def test_of_too_many_windows_a_fair_sample_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_module, "WINDOWS_MAX", 100)
    dataset = collect(windows_of("one", ["rest", "curl"] * 500), SENSORS)
    assert len(dataset) == len(set(dataset.start_ms)) == 100
    assert 350_000 < dataset.start_ms.mean() < 650_000


def test_no_windows_are_refused() -> None:
    with pytest.raises(InvalidInput, match="no labelled windows"):
        collect([], SENSORS)


def test_a_single_class_is_refused() -> None:
    with pytest.raises(InvalidInput, match="all windows are labelled 'rest'"):
        collect(windows_of("one", ["rest"] * 9), SENSORS)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(value: float) -> None:
    windows = windows_of("one", ["rest", "curl"])
    windows[1].samples[3, 2] = value
    with pytest.raises(InvalidInput, match="NaN or infinity in 1 windows: session 'one' at 1000"):
        collect(windows, SENSORS)


def test_windows_of_other_sensors_are_refused() -> None:
    with pytest.raises(InvalidInput, match="a window of a@10"):
        collect(windows_of("one", ["rest", "curl"]), SensorSet.parse("a@50"))


def test_whole_sessions_are_held_out_and_none_that_a_class_needs() -> None:
    sessions = {"only-row": ["row", "rest"] * 9} | {
        f"day-{n}": ["curl", "squat", "rest"] * 6 for n in range(4)
    }
    windows = [window for name, labels in sessions.items() for window in windows_of(name, labels)]
    for seed in range(20):
        parts = split(collect(windows, SENSORS), seed)
        assert parts.held_out_by == "session"
        assert set(parts.training.sessions).isdisjoint(parts.validation.sessions)
        assert set(parts.training.labels) == {0, 1, 2, 3}
        assert "S1/only-row" not in set(parts.validation.sessions)
        assert 0.1 < len(parts.validation) / len(windows) < 0.5
    again = split(collect(windows, SENSORS), 7), split(collect(windows, SENSORS), 7)
    assert set(again[0].validation.sessions) == set(again[1].validation.sessions)


def test_a_session_belongs_to_its_subject() -> None:
    labels = ["curl", "rest"] * 5
    windows = windows_of("monday", labels, subject="A") + windows_of("monday", labels, subject="B")
    parts = split(collect(windows, SENSORS), 0)
    assert parts.held_out_by == "session"
    assert len(set(parts.validation.subjects)) == len(set(parts.training.subjects)) == 1


def test_sessions_are_held_out_where_nobody_recorded_rest() -> None:
    windows = [w for day in range(4) for w in windows_of(f"day-{day}", ["curl", "squat"] * 5)]
    parts = split(collect(windows, SENSORS), 0)
    assert parts.held_out_by == "session"
    assert len(set(parts.validation.sessions)) == 1


def test_one_session_is_held_out_by_time_without_shared_samples() -> None:
    parts = split(collect(windows_of("one", ["curl"] * 20 + ["rest"] * 20), SENSORS), 0)
    assert parts.held_out_by == "time"
    assert set(parts.validation.labels) == set(parts.training.labels) == {0, 1}
    distances = abs(parts.training.start_ms[:, None] - parts.validation.start_ms[None])
    assert distances.min() >= 2000


def test_too_few_windows_to_hold_any_out_are_refused() -> None:
    with pytest.raises(InvalidInput, match="record more sets"):
        split(collect(windows_of("one", ["curl", "rest"]), SENSORS), 0)


def test_class_weights_lift_rare_classes_and_average_to_one() -> None:
    labels = np.array([0] * 16 + [1] * 4, np.int64)
    weights = class_weights(labels, 3)
    assert weights[1] == pytest.approx(2 * weights[0])  # a quarter of the windows, to the power of -1/2
    assert weights[labels].mean() == pytest.approx(1)
    assert weights[2] == 0
