"""What is written is read again by our importers, and by libraries that are not ours."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import fitdecode
import gpxpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tcxreader.tcxreader import TCXReader

from domain.identifiers import SessionId, StreamId
from exchange import fit_writing, strong_writing, tcx
from exchange.names import Names, exercise_of
from exchange.planning import plan
from exchange.points import HOLD_MS, frames, of_frames
from exchange.reading import read
from exchange.written import Written
from tests.exchange.files import CLOCK, GPX, T0_MS, written


def again(data: bytes) -> Written:
    planned = plan(read(data, "file", CLOCK), Names(), keep_unknown=True)
    (session,) = planned.sessions
    return session


def has_something(session: Written) -> bool:
    return bool(session.sets or session.heart_rate)


@settings(max_examples=20, deadline=None)
@given(written().filter(has_something))
def test_fit_comes_back_as_it_was(session: Written) -> None:
    found = again(fit_writing.write(session))
    assert (found.start_ms, found.end_ms) == (session.start_ms, session.end_ms)
    assert found.sets == session.sets
    assert found.heart_rate == session.heart_rate


@given(written().filter(has_something))
def test_tcx_comes_back_as_it_was(session: Written) -> None:
    found = again(tcx.write([session]))
    assert (found.start_ms, found.end_ms) == (session.start_ms, session.end_ms)
    assert found.sets == session.sets
    assert found.heart_rate == session.heart_rate


@given(written().filter(lambda session: bool(session.sets)))
def test_csv_comes_back_but_for_the_times_of_sets(session: Written) -> None:
    found = again(strong_writing.write([session], UTC))
    assert found.start_ms == session.start_ms
    assert [(each.exercise, each.repetitions, each.weight_kg) for each in found.sets] == [
        (each.exercise, each.repetitions, each.weight_kg) for each in session.sets
    ]


@settings(max_examples=10, deadline=None)
@given(written().filter(has_something))
def test_fit_is_read_by_fitdecode(session: Written) -> None:
    with fitdecode.FitReader(fit_writing.write(session), check_crc=fitdecode.CrcCheck.RAISE) as frames_read:
        messages = [each for each in frames_read if each.frame_type == fitdecode.FIT_FRAME_DATA]
    assert [each.name for each in messages if each.name in ("file_id", "session", "activity")] == [
        "file_id",
        "session",
        "activity",
    ]
    sets = [each for each in messages if each.name == "set"]
    assert [each.get_value("weight", fallback=None) for each in sets] == [
        done.weight_kg for done in session.sets
    ]
    rates = [each.get_value("heart_rate") for each in messages if each.name == "record"]
    assert rates == [rate for _, rate in session.heart_rate]


@settings(max_examples=10, deadline=None)
@given(session=written().filter(lambda session: bool(session.heart_rate)))
def test_tcx_is_read_by_tcxreader(session: Written, tmp_path_factory: pytest.TempPathFactory) -> None:
    file: Path = tmp_path_factory.getbasetemp() / "session.tcx"
    file.write_bytes(tcx.write([session]))
    exercise = TCXReader().read(str(file), only_gps=False)
    assert [point.hr_value for point in exercise.trackpoints] == [rate for _, rate in session.heart_rate]
    began = datetime.fromtimestamp(session.start_ms / 1000, UTC).replace(tzinfo=None)
    assert exercise.trackpoints[0].time.replace(tzinfo=None) == began


def test_gpx_is_read_as_gpxpy_reads_it() -> None:
    (track,) = gpxpy.parse(GPX.decode()).tracks
    ours = read(GPX, "file", CLOCK).workouts[0]
    assert track.name == ours.title
    assert [round(point.time.timestamp() * 1000) for point in track.segments[0].points] == [
        at_ms for at_ms, _ in ours.heart_rate
    ]


@given(written().filter(lambda session: bool(session.sets)))
def test_csv_has_names_that_strong_knows_and_no_formulas(session: Written) -> None:
    text = strong_writing.write([session], UTC).decode()
    rows = list(csv.DictReader(io.StringIO(text), delimiter=";"))
    assert [exercise_of(row["Exercise Name"]) or row["Exercise Name"] for row in rows] == [
        each.exercise for each in session.sets
    ]
    assert not any(cell[:1] in "=+-@" for row in rows for cell in row.values() if cell)


@given(
    st.lists(
        st.tuples(st.integers(0, 3000), st.integers(20, 250)),
        min_size=1,
        max_size=60,
        unique_by=lambda p: p[0],
    )
)
def test_rates_become_seconds_that_hold_them_until_the_next(points: list[tuple[int, int]]) -> None:
    told = [(T0_MS + 1000 * second, float(rate)) for second, rate in sorted(points)]
    found = list(frames(SessionId("s"), StreamId("h"), told))
    assert [frame.sequence_nr for frame in found] == list(range(len(found)))
    held = dict(of_frames(found))
    for (at_ms, rate), following in zip(told, [*told[1:], None], strict=True):
        until_ms = at_ms + 1000
        if following is not None and following[0] - at_ms <= HOLD_MS:
            until_ms = following[0]
        assert all(held.pop(second_ms) == rate for second_ms in range(at_ms, until_ms, 1000))
    assert not held
