"""The job end to end over a real store: what is written, twice, by day, and what a bad row says."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from batch.jobs import Progress, run_slices
from domain.identifiers import pseudonym_of
from domain.recording import REST
from domain.sensors import SensorSet
from persistence.location import open_store
from persistence.ports import Insert
from persistence.sqlite import SqliteStore
from persistence.tables import LABEL, SENSOR, WINDOW
from persistence.windows import WindowStore
from tests.windowing import windows_of

KEY = b"0123456789abcdef"
ALONE, BOTH = SensorSet.parse("a@50"), SensorSet.parse("a,g@50")
START_MS = 1_790_000_000_000
DAY = datetime.fromtimestamp(START_MS / 1000, UTC).date()


def rows_of(directory):
    return sorted(SqliteStore(directory).scan(WINDOW))


def test_windows_are_written_as_plain_slicing_cuts_them(spark, store_directory, make_frames) -> None:
    heard: list[Progress] = []
    result = run_slices(spark, f"sqlite:{store_directory}", [ALONE, BOTH], KEY, heard.append)
    assert result.sessions == 2
    stored = list(WindowStore(SqliteStore(store_directory)).read(BOTH))
    assert result.windows == {"a@50": len(stored), "a,g@50": len(stored)}
    ada = [window for window in stored if window.subject == pseudonym_of("ada", KEY)]
    assert {window.label for window in ada} == {"squat", REST}
    frames = [*make_frames("s1", "a.wrist", 100), *make_frames("s1", "g.wrist", 100)]
    plain = {window.start_ms: window.samples for window in windows_of(frames, BOTH, 1.0)}
    assert len(ada) > 60
    for window in ada:
        np.testing.assert_allclose(window.samples, plain[window.start_ms], atol=1e-3)
    assert heard[-1].done == heard[-1].total > 0
    assert {progress.stage for progress in heard} == {"slices"}


def test_running_again_gives_the_same_rows(spark, store_directory) -> None:
    location = f"sqlite:{store_directory}"
    first = run_slices(spark, location, [ALONE], KEY, lambda _: None)
    rows = rows_of(store_directory)
    again = run_slices(spark, location, [ALONE], KEY, lambda _: None)
    assert again.windows == first.windows == {"a@50": len(rows)}
    assert rows_of(store_directory) == rows


def test_a_day_limits_the_run_to_sessions_labelled_then(spark, store_directory) -> None:
    location = f"sqlite:{store_directory}"
    other = run_slices(spark, location, [ALONE], KEY, lambda _: None, day=DAY + timedelta(days=1))
    assert (other.sessions, other.windows) == (0, {"a@50": 0})
    assert run_slices(spark, location, [ALONE], KEY, lambda _: None, day=DAY).sessions == 2


def test_a_value_of_the_wrong_type_is_named(spark, store_directory) -> None:
    with sqlite3.connect(store_directory / "muvr.sqlite") as connection:
        connection.execute("UPDATE sensor SET samples = 'text' WHERE user_id = 'bob' AND sequence_nr = 7")
    with pytest.raises(Exception, match=r"StoredValueCorrupt: sensor row .*'bob'.*7}: samples is 'text'"):
        run_slices(spark, f"sqlite:{store_directory}", [ALONE], KEY, lambda _: None)


def test_a_store_in_cassandra_gives_the_same_windows(spark, store_directory, cassandra_location) -> None:
    """Spark's workers read the ranges of the same rows there, and write what they cut."""
    embedded, other = SqliteStore(store_directory), open_store(cassandra_location)
    for table in (SENSOR, LABEL):
        other.write([Insert(table, row) for row in embedded.scan(table)])
    first = run_slices(spark, f"sqlite:{store_directory}", [ALONE, BOTH], KEY, lambda _: None)
    again = run_slices(spark, cassandra_location, [ALONE, BOTH], KEY, lambda _: None, day=DAY)
    assert (again.sessions, again.windows) == (first.sessions, first.windows)
    assert sorted(other.scan(WINDOW)) == rows_of(store_directory)
    other.close()
