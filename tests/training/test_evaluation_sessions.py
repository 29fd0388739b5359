"""Continuous sessions joined from recordings, and what is made of what was told about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest

from domain.frames import SensorFrame
from domain.recording import REST, Recording
from domain.sensors import SensorSet
from domain.windows import Window
from edge.artefact import Artefact
from edge.recogniser import UNKNOWN, Exercising, Observation, Resting, SetEnded, SettingUp
from training import segmentation as module
from training.segmentation import START_MS, Streamed, sessions, streamed, summary

RATE_HZ = 20
SECONDS = 20


def recording(label: str, subject: str = "ann", session: str = "mon", location: str = "wrist") -> Recording:
    return Recording(
        name=f"{subject}-{session}-{label}",
        subject=subject,
        session=session,
        label=label,
        repetitions=None,
        weight_kg=None,
        rate_hz=RATE_HZ,
        location=location,
        values={"a": np.zeros((SECONDS * RATE_HZ, 3), np.float32)},
    )


def joined(recordings: list[Recording]) -> list[list[str]]:
    return [[each.label for each in session] for session in sessions(recordings, "a")]


def test_rests_stay_where_they_were_and_are_put_in_where_there_are_none() -> None:
    labels = [REST, "curl", REST, REST, "press", "row"]
    assert joined([recording(label) for label in labels]) == [
        [REST, "curl", REST, REST, "press", REST, "row", REST]
    ]


def test_sessions_places_and_people_are_apart_and_the_rests_are_ones_own_if_there_are_any() -> None:
    recordings = [
        recording(REST),
        recording("curl", session="tue"),
        recording("curl", subject="bob"),
        recording("curl", location="thigh"),  # nobody rested with it
    ]
    found = [[(each.subject, each.label) for each in session] for session in sessions(recordings, "a")]
    rest, curl = ("ann", REST), ("ann", "curl")
    assert found == [[rest, curl, rest], [rest, ("bob", "curl"), rest]]


def test_without_rest_or_without_the_sensors_there_are_no_sessions() -> None:
    assert joined([recording("curl")]) == []
    assert joined([recording(REST)]) == []
    assert list(sessions([recording("curl"), recording(REST)], "g")) == []
    assert summary([]) is None
    assert summary([Streamed(outcomes=(), false_sets=0, false_set_ups=0, length_ms=0)]) is None


class Script:
    """Tells, whatever it hears, what it was given, (seconds from the session's start) after it heard that."""

    def __init__(self, told: Sequence[Observation]) -> None:
        self._told = list(told)

    def push(self, frame: SensorFrame) -> list[Window]:
        return []

    def classified(
        self, windows: Sequence[Window], probabilities: npt.NDArray[np.float32]
    ) -> list[Observation]:
        raise AssertionError("it asked for nothing")

    def finish(self) -> list[Observation]:
        return self._told


class Model:
    """As much of an artefact as streaming looks at."""

    sensor_set = SensorSet(("a",), RATE_HZ)
    classes = ("curl", "press", REST)

    def __init__(self, artefact: object = None) -> None:
        self.artefact = self


def after(seconds: float) -> int:
    return START_MS + round(seconds * 1000)


def named(seconds: float, name: str) -> Exercising:
    return Exercising(at_ms=after(seconds), exercise=name, confidence=0.9, repetitions_so_far=0)


def ended(start_s: float, end_s: float, name: str) -> SetEnded:
    return SetEnded(
        start_ms=after(start_s), end_ms=after(end_s), exercise=name, confidence=0.9, repetitions=5
    )


def test_figures_of_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets at 20 to 40 s (curl), 60 to 80 (press), 100 to 120 (twist, never learned), 140 to 160 (curl)."""
    monkeypatch.setattr(module, "Int8Network", Model)
    labels = [REST, "curl", REST, "press", REST, "twist", REST, "curl", REST]
    told = [
        SettingUp(since_ms=after(5)),  # false
        Resting(since_ms=after(8)),
        SettingUp(since_ms=after(20)),  # told a second later
        named(23, "press"),  # wrong, in the first
        named(25, "curl"),
        ended(21, 39.5, "curl"),
        named(50, "press"),  # between sets, so wrong in none
        ended(45, 55, "press"),  # false
        named(67, UNKNOWN),  # no wrong name
        named(69, "press"),
        ended(63, 80, "press"),  # begins too late to be found, and has the right name
        named(103, UNKNOWN),
        ended(100, 120, UNKNOWN),
    ]
    part = streamed(
        cast(Artefact, Model()), [recording(label) for label in labels], lambda _: cast(Any, Script(told))
    )
    found = summary([part])
    assert found is not None
    assert (found.sets, found.found, found.named_right, found.false_sets) == (4, 2, 3, 1)
    assert (found.start_error_s_median, found.end_error_s_median) == (1.0, 0.0)
    assert found.first_name_s_median == 5.0  # of 5, 9 and 3
    assert found.wrong_name_shown_share == 0.25
    assert (found.learned, found.learned_named_right, found.learned_told_right) == (3, 2, 2)
    assert found.learned_wrong_name_shown_share == pytest.approx(1 / 3)
    assert found.first_sign_s_median == 3.0  # of 1, 7 and 3
    assert found.false_set_ups == 1
    assert found.hours == pytest.approx(len(labels) * SECONDS / 3600)


def test_one_recognised_set_answers_for_one_set_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Int8Network", Model)
    labels = [REST, "curl", REST, "curl", REST]
    part = streamed(
        cast(Artefact, Model()),
        [recording(label) for label in labels],
        lambda _: cast(Any, Script([ended(20, 80, "curl")])),
    )
    found = summary([part, part])
    assert found is not None
    assert (found.sets, found.named_right, found.found) == (4, 2, 0)
    assert found.first_name_s_median is None
