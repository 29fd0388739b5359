from __future__ import annotations

import pytest

from batch.jobs import label_rows, run_slices, sensor_rows
from batch.slices import LABEL_SCHEMA, SENSOR_SCHEMA, slice_windows, window_of_row
from domain.errors import ConfigurationError
from domain.identifiers import pseudonym_of
from domain.sensors import SensorSet

KEY = b"0123456789abcdef"
SETS = [SensorSet.parse("a@50"), SensorSet.parse("a,g@50")]
T0 = 1_790_000_000_000


def sensor_values(user: str, frame) -> tuple:
    return (user, frame.session, frame.stream, frame.sequence_nr, frame.sensor, frame.start_ms,
            frame.rate_hz, frame.scale, frame.samples)  # fmt: skip


def windows_of(spark, rows, labels):
    frame = slice_windows(
        spark.createDataFrame(rows, SENSOR_SCHEMA),
        spark.createDataFrame(labels, LABEL_SCHEMA),
        sensor_sets=SETS,
        pseudonym_key=KEY,
        partition_count=2,
    )
    return [window_of_row(tuple(row)) for row in frame.collect()]


def test_a_pseudonym_depends_on_the_key_and_shows_nothing_of_the_user() -> None:
    assert pseudonym_of("ada", KEY) == "83eeb38e004a2953"
    assert pseudonym_of("ada", b"another") != pseudonym_of("ada", KEY) != pseudonym_of("bob", KEY)


def test_sessions_of_several_users_are_kept_apart(spark, make_frames) -> None:
    rows = [sensor_values(user, f) for user in ("ada", "bob") for f in make_frames("s", "a", 12, T0)]
    labels = [("ada", "s", T0, T0 + 12_000, "squat"), ("bob", "s", T0, T0 + 8_000, "press")]
    windows = windows_of(spark, rows[::-1], labels)
    found = {(w.subject, w.session, w.label) for w in windows}
    ada, bob = pseudonym_of("ada", KEY), pseudonym_of("bob", KEY)
    assert found == {(ada, f"{ada}/s", "squat"), (bob, f"{bob}/s", "press"), (bob, f"{bob}/s", "rest")}
    assert sum(w.subject == ada for w in windows) == 11


def test_a_session_without_labels_gives_nothing(spark, make_frames) -> None:
    rows = [sensor_values("ada", f) for f in make_frames("s", "a", 12, T0)]
    assert windows_of(spark, rows, [("ada", "another", T0, T0 + 12_000, "squat")]) == []


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        (4, "z", "sensor row of user 'ada', session 's', stream 'a', number 3: unknown sensor 'z'"),
        (6, 0.0, "sensor row of user 'ada', session 's', stream 'a', number 3: rate 0.0 Hz"),
        (8, None, "sensor row of user 'ada', session 's', stream 'a', number 3: a column is empty"),
    ],
)
def test_a_malformed_frame_is_named(spark, make_frames, column, value, says) -> None:
    rows = [sensor_values("ada", f) for f in make_frames("s", "a", 5, T0)]
    rows[3] = (*rows[3][:column], value, *rows[3][column + 1 :])
    with pytest.raises(Exception, match=f"StoredValueCorrupt: {says}"):
        windows_of(spark, rows, [("ada", "s", T0, T0 + 5_000, "squat")])


def test_a_label_that_ends_before_it_starts_is_named(spark, make_frames) -> None:
    rows = [sensor_values("ada", f) for f in make_frames("s", "a", 5, T0)]
    with pytest.raises(Exception, match=f"StoredValueCorrupt: label of user 'ada', session 's' at {T0}"):
        windows_of(spark, rows, [("ada", "s", T0, T0, "squat")])


def test_the_embedded_store_is_read_by_token_ranges(spark, store_directory) -> None:
    location = f"sqlite:{store_directory}"
    rows = sensor_rows(spark, location, 5).collect()
    assert len({row[:4] for row in rows}) == len(rows) == 400  # of the labelled sessions only
    assert {row["exercise"] for row in label_rows(spark, location, 3).collect()} == {"squat", "press"}


def test_only_directories_and_known_kinds_are_stores(spark, tmp_path) -> None:
    for location, says in (("sqlite:" + str(tmp_path / "no"), "no store can be read"), ("x:", "known kind")):
        with pytest.raises(ConfigurationError, match=says):
            run_slices(spark, location, SETS, KEY, print)
    assert not (tmp_path / "no").exists()
