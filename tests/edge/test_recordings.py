"""Reading recordings: the real data sets, and what is malformed in every way."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import InvalidRecording
from domain.recording import REST, Recording
from edge.recordings import load_directory

REAL = Path(__file__).parents[2].parent / "shared" / "recordings"
INDEX = "file,subject,session,label,reps,weight_kg,rate_hz,device,location\n"
ROW = "x.csv.gz,S1,monday,biceps-curl,8,12.5,50,Watch,left_wrist\n"
BODY = "t,ax,ay,az\n0.0000,0.1,-0.2,1\n0.0200,0.1,-0.2,1\n0.0400,.1,-.2,1e0\n"


def write(directory: Path, index: str | bytes = INDEX + ROW, body: str | bytes = BODY) -> None:
    as_bytes = [text.encode() if isinstance(text, str) else text for text in (index, body)]
    (directory / "index.csv").write_bytes(as_bytes[0])
    (directory / "x.csv.gz").write_bytes(gzip.compress(as_bytes[1], 1))


@pytest.mark.parametrize(
    ("name", "recording_count"),
    [
        ("exermote", 1131), ("gymwatch", 357), ("metamotion", 47), ("mex_thigh", 183),
        ("muvr", 228), ("ptexercises", 320), ("utd_mhad", 646),
    ],
)  # fmt: skip
def test_real_data_sets_load(name: str, recording_count: int) -> None:
    if not REAL.is_dir():
        pytest.skip(f"{REAL} is absent")
    recordings = load_directory(REAL / name)
    assert len(recordings) == recording_count
    assert all(r.repetitions == 0 for r in recordings if r.label == REST)
    assert not any(r.label == "idle" for r in recordings)


def test_a_recording_carries_what_the_index_says(tmp_path: Path) -> None:
    write(tmp_path)
    (recording,) = load_directory(tmp_path)
    assert (recording.name, recording.subject, recording.session) == ("x", "S1", "monday")
    assert (recording.repetitions, recording.weight_kg, recording.location) == (8, 12.5, "wrist")
    np.testing.assert_allclose(recording.values["a"], [[0.1, -0.2, 1]] * 3, rtol=1e-6)
    assert recording.values["a"].dtype == np.float32


@pytest.mark.parametrize(
    ("location", "expected"),
    [("right_upper_arm", "arm"), ("left_ankle", "foot"), ("chest", "chest"), ("left_hand", "left_hand")],
)
def test_locations_are_reduced_where_possible(tmp_path: Path, location: str, expected: str) -> None:
    write(tmp_path, INDEX + ROW.replace("left_wrist", location))
    assert load_directory(tmp_path)[0].location == expected


@pytest.mark.parametrize(("reps", "weight"), [("", ""), ("0", "-1")])
def test_what_nobody_wrote_down_is_unknown(tmp_path: Path, reps: str, weight: str) -> None:
    write(tmp_path, INDEX + ROW.replace(",8,12.5,", f",{reps},{weight},"))
    (recording,) = load_directory(tmp_path)
    assert recording.repetitions is None
    assert recording.weight_kg is None


def test_idle_is_rest_and_gyroscopes_are_read(tmp_path: Path) -> None:
    body = "t,ax,ay,az,gx,gy,gz\n0.00,0,0,1,4,5,6\n0.02,0,0,1,7,8,9"
    write(tmp_path, INDEX + ROW.replace("biceps-curl,8", "idle,"), body)
    (recording,) = load_directory(tmp_path)
    assert (recording.label, recording.repetitions) == (REST, 0)
    np.testing.assert_array_equal(recording.values["g"], [[4, 5, 6], [7, 8, 9]])


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("t,ax,ay,az\n0,1,2,3\n0.02,1,abc,3\n", "line 3, column ay"),
        ("t,ax,ay,az\n0,1,2,3\n0.02,1,nan,3\n", "line 3, column ay"),
        ("t,ax,ay,az\n0,1,2,3\n0.02,1,2,inf\n", "line 3, column az"),
        ("t,ax,ay,az\n0,1,2,3\n0.02,1,2,1e300\n", "line 3, column az"),
        ("t,ax,ay,az\n0,1,2,3\n0.02,1,2-3,3\n", "line 3, column ay"),
        ("t,ax,ay,az\n0,1,2,3\n0.02,1,1_0,3\n", "line 3, column ay"),
        ("t,ax,ay,az\n0,1,2,3\n0.02,1,,3\n", "line 3, column ay"),
        ("t,ax,ay,az\n0,1,2,3\n0.02,1,2\n", "line 3, column az"),
        ("t,ax,ay,az\n0,1,2,3\n0.02,1,2,3,4\n", "line 3, column az"),
        ("t,ax,ay,az\n0,1,2,3\n\n0.02,1,2,3\n", "line 3"),
        ("t,ax,ay,az\n0,1,2,3\n0.02,1,2,3\n0.02,1,2,3\n", "line 4, column t"),
        ("t,ax,ay,az\n0,1,2,3\n-0.02,1,2,3\n", "line 3, column t"),
        ("t,ax,ay,az\n", "line 2"),
        ("t,ax,ay\n0,1,2\n", "line 1"),
        ("", "line 1"),
    ],
)
def test_malformed_rows_are_named(tmp_path: Path, body: str, place: str) -> None:
    write(tmp_path, body=body)
    with pytest.raises(InvalidRecording, match=rf"x\.csv\.gz, {place}"):
        load_directory(tmp_path)


@pytest.mark.parametrize(
    ("index", "place"),
    [
        ("", "line 1"),
        (INDEX.replace(",reps", "") + ROW, "line 1, column reps"),
        (INDEX.replace("reps", "reps,reps") + ROW, "line 1, column reps"),
        (INDEX.replace("reps", "reps,mood") + ROW, "line 1, column mood"),
        (INDEX + ROW + "y.csv.gz,S1\n", "line 3"),
        (INDEX + ROW.replace(",50,", ",0,"), "line 2, column rate_hz"),
        (INDEX + ROW.replace(",50,", ",-50,"), "line 2, column rate_hz"),
        (INDEX + ROW.replace(",50,", ",nan,"), "line 2, column rate_hz"),
        (INDEX + ROW.replace(",50,", ",,"), "line 2, column rate_hz"),
        (INDEX + ROW.replace(",8,", ",8.5,"), "line 2, column reps"),
        (INDEX + ROW.replace(",8,", ",many,"), "line 2, column reps"),
        (INDEX + ROW.replace(",12.5,", ",-3,"), "line 2, column weight_kg"),
        (INDEX + ROW.replace("biceps-curl", ""), "line 2, column label"),
        (INDEX + ROW.replace("x.csv.gz", "../x.csv.gz"), "line 2, column file"),
        (INDEX + ROW.replace("x.csv.gz", ".."), "line 2, column file"),
    ],
)
def test_a_malformed_index_is_named(tmp_path: Path, index: str, place: str) -> None:
    write(tmp_path, index)
    with pytest.raises(InvalidRecording, match=rf"index\.csv, {place}"):
        load_directory(tmp_path)


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRecording, match=r"index\.csv"):
        load_directory(tmp_path)
    write(tmp_path)
    packed = (tmp_path / "x.csv.gz").read_bytes()
    for damaged in (packed[:-9], packed[:20], b"not gzip", b""):
        (tmp_path / "x.csv.gz").write_bytes(damaged)
        with pytest.raises(InvalidRecording, match=r"x\.csv\.gz"):
            load_directory(tmp_path)
    (tmp_path / "x.csv.gz").unlink()
    with pytest.raises(InvalidRecording, match=r"x\.csv\.gz"):
        load_directory(tmp_path)


def _mutate(text: bytes, place: int, replaced: int, by: bytes) -> bytes:
    start = place % (len(text) + 1)
    return text[:start] + by + text[start + replaced :]


def _loads_or_refuses(directory: Path) -> None:
    try:
        recordings = load_directory(directory)
    except InvalidRecording:
        return
    assert all(isinstance(r, Recording) and np.isfinite(r.values["a"]).all() for r in recordings)


_change = st.tuples(st.integers(0, 300), st.integers(0, 4), st.binary(max_size=4))
_fuzz = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_fuzz
@given(_change, _change)
def test_mutated_texts_load_or_are_refused(
    tmp_path: Path, index_change: tuple[int, int, bytes], body_change: tuple[int, int, bytes]
) -> None:
    write(tmp_path, _mutate((INDEX + ROW).encode(), *index_change), _mutate(BODY.encode(), *body_change))
    _loads_or_refuses(tmp_path)


@_fuzz
@given(st.binary(max_size=200), st.binary(max_size=200), _change)
def test_random_bytes_load_or_are_refused(
    tmp_path: Path, index: bytes, body: bytes, change: tuple[int, int, bytes]
) -> None:
    write(tmp_path, INDEX + ROW, b"t,ax,ay,az\n" + body)
    _loads_or_refuses(tmp_path)
    packed = (tmp_path / "x.csv.gz").read_bytes()
    (tmp_path / "x.csv.gz").write_bytes(_mutate(packed, *change))
    _loads_or_refuses(tmp_path)
    (tmp_path / "index.csv").write_bytes(index)
    _loads_or_refuses(tmp_path)
