from __future__ import annotations

import numpy as np
import pytest

from batch.frames import spark_schema
from batch.slices import slice_windows
from batch.stores import check_location, open_source
from domain.errors import ConfigurationError
from domain.identifiers import pseudonym_of
from domain.sensors import SensorSet
from persistence.sqlite import SqliteStore
from persistence.tables import LABEL, SENSOR

KEY = b"0123456789abcdef"
SETS = [SensorSet.parse("a@50"), SensorSet.parse("a,g@50")]
T0 = 1_790_000_000_000


def sensor_values(user: str, frame) -> tuple:
    samples = np.frombuffer(frame.samples, "<i2").tolist()
    return (user, frame.session, frame.stream, frame.sequence_nr, frame.sensor, frame.start_ms,
            frame.rate_hz, frame.scale, samples)  # fmt: skip


def windows_of(spark, rows, labels):
    return slice_windows(
        spark.createDataFrame(rows, spark_schema(SENSOR)),
        spark.createDataFrame([(*label, None, None) for label in labels], spark_schema(LABEL)),
        sensor_sets=SETS,
        pseudonym_key=KEY,
        partition_count=2,
    ).collect()


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
    source = open_source(spark, f"sqlite:{store_directory}", SqliteStore(store_directory))
    rows = source.scan(SENSOR).collect()
    assert len({row[:4] for row in rows}) == len(rows) == 400  # of the labelled sessions only
    assert {row["exercise"] for row in source.scan(LABEL).collect()} == {"squat", "press"}
    keys = spark.createDataFrame([("bob", "s2"), ("nobody", "s2")], "user_id string, session_id string")
    assert [row["exercise"] for row in source.lookup(keys, LABEL).collect()] == ["press"]


def test_only_directories_and_known_kinds_are_stores(spark, tmp_path) -> None:
    with pytest.raises(ConfigurationError, match="no store can be read"):
        check_location("sqlite:" + str(tmp_path / "no"))
    with pytest.raises(ConfigurationError, match="known kind"):
        check_location("x:")
    assert not (tmp_path / "no").exists()
