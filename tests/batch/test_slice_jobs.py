"""Slices end to end over a real store: what is written, again and by day, and what is left of what was."""

from __future__ import annotations

import sqlite3
from zlib import crc32

import numpy as np
import pytest

from batch.progress import Progress
from domain.errors import StoredValueCorrupt
from domain.identifiers import pseudonym_of
from domain.recording import REST
from persistence.batch_tables import ARRIVAL
from persistence.location import open_store
from persistence.ports import Delete, Insert
from persistence.profile_tables import PROFILE
from persistence.runs import RunStore
from persistence.sqlite import SqliteStore
from persistence.tables import LABEL, SENSOR, WINDOW
from persistence.windows import WindowStore
from tests.batch.running import (
    ALONE,
    BOTH,
    DAY,
    KEY,
    START_MS,
    agree,
    arrived,
    confirm,
    next_day,
    run_batch,
    upload,
    window_rows,
)
from tests.windowing import windows_of

ADA, BOB = pseudonym_of("ada", KEY), pseudonym_of("bob", KEY)
SETS = ("a@50", "a,g@50")


def measured(result) -> dict[str, int]:
    return result.jobs["slices"].measures


def labels_of(store, session: str) -> list[str]:
    return [each.label for each in WindowStore(store).read(BOTH) if each.session == session]


@pytest.fixture
def location(store_directory) -> str:
    return f"sqlite:{store_directory}"


@pytest.fixture
def store(store_directory):
    store = SqliteStore(store_directory)
    yield store
    store.close()


def test_windows_are_written_as_plain_slicing_cuts_them(spark, location, store, make_frames) -> None:
    heard: list[Progress] = []
    result = run_batch(spark, location, progress=heard.append)
    stored = list(WindowStore(store).read(BOTH))
    assert measured(result) == {"sessions": 2, **{f"windows of {name}": len(stored) for name in SETS}}
    assert result.jobs["slices"].rows == {"window": 2 * len(stored)}
    ada = [window for window in stored if window.subject == ADA]
    assert {window.label for window in ada} == {"squat", REST}
    frames = [*make_frames("s1", "a.wrist", 100), *make_frames("s1", "g.wrist", 100)]
    plain = {window.start_ms: window.samples for window in windows_of(frames, BOTH, 1.0)}
    assert len(ada) > 60
    for window in ada:
        np.testing.assert_allclose(window.samples, plain[window.start_ms], atol=1e-3)
    assert heard[-1].done == heard[-1].total > 0
    assert {progress.stage for progress in heard} == {"slices"}


def test_running_again_gives_the_same_rows(spark, location, store) -> None:
    first = run_batch(spark, location)
    rows = window_rows(store)
    again = run_batch(spark, location)
    assert (first.first_day, again.first_day) == (None, DAY.isoformat())
    assert measured(again) == measured(first)
    assert window_rows(store) == rows
    assert {row.run_nr for row in store.scan(WINDOW)} == {again.run_nr}
    everything = run_batch(spark, location, everything=True)
    assert everything.first_day is None
    assert window_rows(store) == rows
    assert {row.run_nr for row in store.scan(WINDOW)} == {everything.run_nr}


def test_a_day_reads_what_arrived_then_whenever_it_was_recorded(spark, location, store, make_frames) -> None:
    run_batch(spark, location)
    quiet = run_batch(spark, location, day=next_day())
    assert measured(quiet)["sessions"] == 2  # of yesterday, which was not over at the run before
    tomorrow = next_day(days=2)
    upload(store, "eve", make_frames("travel", "a.wrist", 40), tomorrow)
    confirm(store, "eve", "travel", 5, 30, "curl", tomorrow)
    result = run_batch(spark, location, day=tomorrow)
    assert result.first_day == next_day().isoformat()
    assert measured(result) == {"sessions": 1, "windows of a@50": 35, "windows of a,g@50": 0}
    assert {window.subject for window in WindowStore(store).read(ALONE)} == {
        ADA,
        BOB,
        pseudonym_of("eve", KEY),
    }
    upload(store, "eve", make_frames("travel", "g.wrist", 40), next_day(days=3))  # the other device is late
    arrived(store, "eve", "travel", ["a.wrist", "g.wrist"], next_day(days=3))
    late = run_batch(spark, location, day=next_day(days=3))
    assert measured(late) == {"sessions": 1, "windows of a@50": 35, "windows of a,g@50": 35}


def test_a_share_of_sessions_is_of_the_same_ones_each_night(spark, location, store) -> None:
    places = {subject: crc32(name) / 2**32 for subject, name in ((ADA, b"ada/s1"), (BOB, b"bob/s2"))}
    chosen = min(places, key=places.__getitem__)
    share = sum(places.values()) / 2
    for everything in (False, False, True):
        result = run_batch(spark, location, session_share=share, everything=everything)
        assert measured(result)["sessions"] == 1
        assert {row.subject for row in store.scan(WINDOW)} == {chosen}
    run_batch(spark, location, everything=True)
    assert {row.subject for row in store.scan(WINDOW)} == {ADA, BOB}


def test_a_changed_label_and_one_that_is_gone_leave_no_windows(spark, location, store) -> None:
    run_batch(spark, location)
    assert set(labels_of(store, f"{ADA}/s1")) == {"squat", REST}
    day = next_day(days=3)
    confirm(store, "ada", "s1", 20, 40, "lunge", day)
    store.write([Delete(LABEL, ("bob", "s2"))])
    arrived(store, "bob", "s2", ["a.wrist", "g.wrist"], day)
    run_batch(spark, location, day=day)
    changed = labels_of(store, f"{ADA}/s1")
    assert set(changed) == {"lunge", REST}
    assert changed.count("lunge") == 19
    assert labels_of(store, f"{BOB}/s2") == []
    assert {row.subject for row in store.scan(WINDOW)} == {ADA}


def test_a_sensor_set_that_is_new_is_cut_of_everything(spark, location, store) -> None:
    run_batch(spark, location, sensor_sets=[ALONE])
    assert not list(WindowStore(store).read(BOTH))
    result = run_batch(spark, location, sensor_sets=[ALONE, BOTH], day=next_day(days=9))
    assert result.first_day is None
    assert measured(result)["windows of a,g@50"] == measured(result)["windows of a@50"] > 0


def test_arrivals_are_forgotten_after_a_while(spark, location, store) -> None:
    run_batch(spark, location)
    arrived(store, "ada", "s1", ["a.wrist", "g.wrist"], next_day(days=40))
    run_batch(spark, location, day=next_day(days=40))
    assert {row.day for row in store.scan(ARRIVAL)} == {next_day(days=40).isoformat()}


def test_a_value_of_the_wrong_type_is_named(spark, store_directory, location, store) -> None:
    with sqlite3.connect(store_directory / "muvr.sqlite") as connection:
        connection.execute("UPDATE sensor SET samples = 'text' WHERE user_id = 'bob' AND sequence_nr = 7")
    with pytest.raises(StoredValueCorrupt, match=r"sensor row .*'bob'.*7}: samples is 'text'"):
        run_batch(spark, location)
    (run,) = RunStore(store).state().runs
    assert run.state == "failed"
    assert not list(WindowStore(store).read(BOTH))


def test_cassandra_gives_the_same_windows_through_the_connector(
    spark, location, store, cassandra_location
) -> None:
    other = open_store(cassandra_location)
    for table in (SENSOR, LABEL, ARRIVAL, PROFILE):
        other.write([Insert(table, row) for row in store.scan(table)])
    first, second = run_batch(spark, location), run_batch(spark, cassandra_location)
    assert measured(second) == measured(first)
    assert window_rows(other) == window_rows(store)
    arrived(store, "ada", "s1", ["a.wrist", "g.wrist"], next_day(days=2))
    for row in store.scan(ARRIVAL):
        other.write([Insert(ARRIVAL, row)])
    for each in (location, cassandra_location):
        result = run_batch(spark, each, day=next_day(days=2))
        assert (result.first_day, measured(result)["sessions"]) == (DAY.isoformat(), 2)
    assert window_rows(other) == window_rows(store)
    assert {row.run_nr for row in other.scan(WINDOW)} == {2}
    assert START_MS in {row.start_at for row in other.scan(SENSOR)}
    other.close()


def test_of_users_who_did_not_agree_no_window_is_cut(spark, location, store) -> None:
    agree(store, "bob", training=False)
    run_batch(spark, location)
    assert {row.subject for row in store.scan(WINDOW)} == {ADA}
    store.write([Delete(PROFILE, ("ada",))])  # who never said anything
    run_batch(spark, location, everything=True)
    assert list(store.scan(WINDOW)) == []


def test_who_withdraws_is_in_no_window_after_the_next_night(spark, location, store) -> None:
    run_batch(spark, location, day=next_day())
    assert {row.subject for row in store.scan(WINDOW)} == {ADA, BOB}
    agree(store, "ada", training=False)
    quiet = run_batch(spark, location, day=next_day(days=9))  # of nothing that arrived
    assert measured(quiet)["sessions"] == 0
    assert {row.subject for row in store.scan(WINDOW)} == {BOB}
    assert {window.subject for window in WindowStore(store).read(BOTH)} == {BOB}
    agree(store, "ada")
    run_batch(spark, location, day=next_day(days=10), everything=True)
    assert {row.subject for row in store.scan(WINDOW)} == {ADA, BOB}
