"""The demonstration's two days: which sessions, in which order, by whom."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cli.demo import programme
from cli.demo.command import BETWEEN_SESSIONS_MS, _planned
from domain.errors import ConfigurationError
from domain.identifiers import UserId
from domain.recording import REST, Recording


def recording(subject: str, session: str, label: str = "curl", location: str = "wrist") -> Recording:
    return Recording(
        name=f"{subject}-{session}-{label}",
        subject=subject,
        session=session,
        label=label,
        repetitions=10,
        weight_kg=5.0,
        rate_hz=50.0,
        location=location,
        values={"a": np.zeros((100, 3), np.float32)},
    )


def of(
    recordings: list[Recording], monkeypatch: pytest.MonkeyPatch, sessions_max: int = 12
) -> programme.Programme:
    monkeypatch.setattr(programme, "load_directory", lambda directory: recordings)
    return programme.of_directory(Path("recordings"), sessions_max)


def names(sessions: tuple[programme.PlayedSession, ...]) -> list[str]:
    return [session.name for session in sessions]


def test_days_never_share_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    made = of([recording("S", str(number)) for number in range(10)], monkeypatch)
    every = names((*made.day_one, *made.day_two))
    assert len(every) == len(set(every)) == 10
    assert len(made.day_two) == 4


def test_dated_sessions_are_played_in_the_order_of_their_dates(monkeypatch: pytest.MonkeyPatch) -> None:
    made = of([recording("S", date) for date in ("040125", "231124", "100125", "011224")], monkeypatch)
    assert names(made.day_one) == ["S/231124", "S/011224"]
    assert names(made.day_two) == ["S/040125", "S/100125"]


def test_a_model_is_made_for_the_sensors_that_all_have(monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(of([recording("S", "1"), recording("S", "2")], monkeypatch).sensor_set) == "a@50"
    assert str(programme.simulated(1).sensor_set) == "a,g@50"


def test_one_lifter_is_dealt_to_several_watches_and_several_people_are_one_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone = of([recording("S", str(number)) for number in range(8)], monkeypatch)
    assert len({session.user for session in alone.day_one}) == programme.WATCHES_MAX
    several = of([recording(subject, "1") for subject in "ABC"], monkeypatch)
    users = [session.user for session in (*several.day_one, *several.day_two)]
    assert users == ["person-A", "person-B", "person-C"]


def test_only_one_of_several_places_is_played(monkeypatch: pytest.MonkeyPatch) -> None:
    worn = [recording("S", session, location=place) for session in "12" for place in ("arm", "arm", "thigh")]
    made = of(worn, monkeypatch)
    assert {r.location for session in made.day_one for r in session.recordings} == {"arm"}


def test_sessions_of_rest_alone_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="1 exercise sessions"):
        of([recording("S", "1"), recording("S", "2", label=REST)], monkeypatch)


def test_the_simulated_days_are_the_same_for_a_seed() -> None:
    first, second = programme.simulated(5), programme.simulated(5)
    assert first.is_simulated
    assert [s.name for s in first.day_two] == [s.name for s in second.day_two]
    left, right = first.day_two[0].recordings[1], second.day_two[0].recordings[1]
    np.testing.assert_array_equal(left.values["a"], right.values["a"])
    labels = {r.label for session in first.day_one for r in session.recordings} - {REST}
    assert len(labels) >= 8


def test_a_wearers_sessions_follow_one_another_and_half_are_for_the_watch() -> None:
    sessions = [
        programme.PlayedSession(UserId(user), f"{user}{number}", (recording("S", "1"),))
        for number in range(2)
        for user in ("ann", "bob")
    ]
    planned = _planned(sessions, 100_000_000, learned=True)
    (first, start_ms, _), (second, later_ms, _) = planned[UserId("ann")]
    assert (first.name, second.name) == ("ann0", "ann1")
    assert start_ms + 2_000 + BETWEEN_SESSIONS_MS == later_ms == 100_000_000 - 2_000
    assert [site for mine in planned.values() for _, _, site in mine].count("device") == 2
