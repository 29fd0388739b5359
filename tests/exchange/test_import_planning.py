"""Workouts become sessions: named by what they are, with sets that do not overlap."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.identifiers import check_identifier
from edge.recordings import load_directory
from exchange.names import Names, read_names
from exchange.planning import plan, session_name
from exchange.reading import read
from exchange.recordings import sessions_of
from exchange.timing import end_ms, spans
from exchange.workouts import ForeignSet, Workout
from tests.cli.made_recordings import make
from tests.exchange.files import CLOCK, STRONG, T0_MS

SETS = st.builds(
    ForeignSet,
    name=st.just("squat"),
    repetitions=st.none() | st.integers(0, 10_000),
    weight_kg=st.none(),
    line_nr=st.just(1),
    seconds=st.none() | st.floats(0.001, 4 * 3600),
    start_ms=st.none() | st.integers(T0_MS, T0_MS + 10**7),
)
WORKOUTS = st.builds(
    Workout,
    title=st.text(max_size=20),
    start_ms=st.just(T0_MS),
    end_ms=st.none() | st.integers(T0_MS + 1, T0_MS + 10**7),
    sets=st.lists(SETS, max_size=50).map(tuple),
    line_nr=st.just(1),
)


@given(WORKOUTS)
def test_sets_are_apart_and_within_the_workout(workout: Workout) -> None:
    found = spans(workout)
    assert len(found) == len(workout.sets)
    assert all(start < end for start, end in found)
    assert all(before[1] <= after[0] for before, after in pairwise(found))
    assert all(start >= T0_MS for start, _ in found)
    assert end_ms(workout, found) >= max([T0_MS + 1, *(end for _, end in found)])


@given(WORKOUTS.filter(lambda each: each.end_ms is not None and each.end_ms - T0_MS > 10**5))
def test_sets_without_times_are_spread_over_the_workout(workout: Workout) -> None:
    if all(each.start_ms is not None for each in workout.sets):
        return
    found = spans(workout)
    assert workout.end_ms is not None
    assert found[0][0] == T0_MS
    assert found[-1][1] <= workout.end_ms + len(found)


@given(WORKOUTS, st.sampled_from(["strong", "fit"]))
def test_names_are_identifiers_that_follow_from_the_workout(workout: Workout, program: str) -> None:
    name = session_name(program, workout)
    assert check_identifier("session", name) == session_name(program, workout)
    assert name.startswith(f"{program}-20250615T150640-")


def test_unknown_exercises_are_left_out_or_kept_and_told() -> None:
    text = STRONG.replace("Plank", "Plank Deluxe")
    reading = read(text.encode(), "file", CLOCK)
    left_out = plan(reading, Names(), keep_unknown=False)
    assert (left_out.unknown, left_out.unknown_lines) == ({"Plank Deluxe": 1}, {"Plank Deluxe": 6})
    assert [len(session.sets) for session in left_out.sessions] == [2, 1]
    kept = plan(reading, Names(), keep_unknown=True)
    assert kept.sessions[1].sets[-1].exercise == "plank-deluxe"


def test_a_described_exercise_is_told_once_with_its_first_session() -> None:
    table = (
        "name,exercise,primary,secondary,equipment,movement\nSquat (Barbell),my-squat,quadriceps,,,squat\n"
    )
    text = STRONG + STRONG.partition("\n")[2].replace("-09-22", "-09-23")
    sessions = plan(read(text.encode(), "file", CLOCK), read_names(table, "t"), keep_unknown=False).sessions
    told = [[each.name for each in session.described] for session in sessions]
    assert told == [[], ["my-squat"], []]
    assert sessions[1].described[0].at_ms == sessions[1].start_ms


def test_recordings_are_sessions_a_day_apart_of_one_person(tmp_path: Path) -> None:
    recordings = load_directory(make(tmp_path / "gym"))
    with pytest.raises(InvalidInput, match=r"ann, bob.*--subject"):
        sessions_of(recordings, None, T0_MS)
    monday, tuesday = sessions_of(recordings, "ann", T0_MS)
    assert tuesday.written.start_ms - monday.written.start_ms == 86_400_000
    assert [each.exercise for each in monday.written.sets] == ["curl", "press"]
    frames = list(monday.frames())
    assert [frame.sequence_nr for frame in frames] == list(range(len(frames)))
    assert all(before.end_ms <= after.start_ms + 1 for before, after in pairwise(frames))
    assert monday.written.session != tuesday.written.session
