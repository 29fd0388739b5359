"""Sets put together again from their windows, and the form of each exercise."""

from __future__ import annotations

import json

import numpy as np
import pytest

from domain.recording import REST
from domain.sensors import SensorSet
from domain.windows import LabelledWindow
from training.personal import as_json, forms, stitched

A50 = SensorSet.parse("a@50")


def windows_of(
    samples: np.ndarray, label: str, start_ms: int = 0, session: str = "s"
) -> list[LabelledWindow]:
    return [
        LabelledWindow(
            sensor_set=A50,
            subject="ann",
            session=session,
            start_ms=start_ms + 1000 * second,
            label=label,
            samples=samples[50 * second : 50 * second + 100].astype(np.float32),
        )
        for second in range(len(samples) // 50 - 1)
    ]


def curls(count: int, tempo_s: float) -> np.ndarray:
    phase = np.arange(round(count * tempo_s * 50)) / (tempo_s * 50)
    wave = (1 - np.cos(2 * np.pi * phase)) / 2
    return np.stack([wave, 0.5 * np.sin(2 * np.pi * phase), 1 - wave], axis=1)


def test_overlapping_windows_become_the_sets_they_were_cut_from() -> None:
    random = np.random.default_rng(1)
    first, second = random.standard_normal((600, 3)), random.standard_normal((400, 3))
    windows = windows_of(first, "curl") + windows_of(second, "curl", start_ms=60_000)
    windows += windows_of(first, "press", session="t")
    found = list(stitched(windows[::-1], A50))
    assert [label for label, _ in found] == ["curl", "curl", "press"]
    for (_, samples), expected in zip(found, (first, second, first), strict=True):
        np.testing.assert_array_equal(samples, expected.astype(np.float32))
    assert list(stitched([], A50)) == []


def test_each_exercise_has_its_form_and_rest_has_none() -> None:
    windows = windows_of(curls(10, 2.0), "curl") + windows_of(curls(10, 3.0), "press", session="t")
    windows += windows_of(curls(10, 2.0), REST, session="u")
    windows += windows_of(np.ones((500, 3)), "plank", session="v")
    found = forms(windows, A50)
    assert list(found) == ["curl", "press"]
    assert found["curl"].tempo_s == pytest.approx(2.0, rel=0.1)
    assert found["press"].tempo_s == pytest.approx(3.0, rel=0.1)
    assert json.loads(json.dumps(as_json(found)))["curl"]["repetition_count"] >= 9
