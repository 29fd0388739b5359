"""How jobs are run: in which order, what they read of each other, what is kept and what is deleted."""

from __future__ import annotations

import zlib
from dataclasses import replace

import pytest

from batch import jobs, sweeping
from batch.embedded import EmbeddedSource
from batch.registry import JOBS, chosen
from domain.errors import ConfigurationError, ProcessFailed, StoreUnavailable
from domain.identifiers import pseudonym_of
from persistence import sqlite_schema, tables
from persistence.migrations import SCHEMA_VERSION
from persistence.ports import Insert
from persistence.profile_tables import PROFILE, ProfileRow
from persistence.runs import RESULT_BUCKET_COUNT, RunStore
from persistence.sqlite import SqliteStore
from tests.batch.results import DONE, DONE_JOB, FAVOURITE, FAVOURITES, DoneRow, FavouriteRow
from tests.batch.running import KEY, START_MS, confirm, next_day, run_batch

ADA, BOB = pseudonym_of("ada", KEY), pseudonym_of("bob", KEY)
BOTH_JOBS = (DONE_JOB, FAVOURITES)


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store that has the tables of the tests' jobs, too."""
    every = (*tables.TABLES, DONE, FAVOURITE)
    monkeypatch.setattr(sqlite_schema, "TABLES", every)
    monkeypatch.setattr(sweeping, "TABLES", every)
    store = SqliteStore(tmp_path)
    for user, exercises in (("ada", ("squat", "press")), ("bob", ("squat",))):
        for nr, exercise in enumerate(exercises):
            confirm(store, user, "s", 10 * nr, 10 * nr + 5, exercise)
    yield store
    store.close()


@pytest.fixture
def location(store, tmp_path) -> str:
    return f"sqlite:{tmp_path}"


def test_the_store_knows_the_tables_at_this_version(store) -> None:
    assert SCHEMA_VERSION >= 4
    assert list(store.scan(DONE)) == []


def test_a_table_that_several_jobs_read_is_read_once(spark, location, monkeypatch) -> None:
    scanned = []
    scan = EmbeddedSource.scan

    def counted(self, table):
        scanned.append(table.name)
        return scan(self, table)

    monkeypatch.setattr(EmbeddedSource, "scan", counted)
    again = replace(FAVOURITES, name="again", reads=(tables.LABEL,), previous=(), function=lambda *_: {})
    run_batch(spark, location, jobs=(DONE_JOB, again))
    assert scanned == ["label"]
    run_batch(spark, location, jobs=(DONE_JOB,))
    assert scanned == ["label", "label"]


def test_where_fewer_agreed_than_a_group_has_nothing_is_computed_of_groups(spark, location, store) -> None:
    def fails(*_):
        raise AssertionError("nobody asked for it")

    profiles = [ProfileRow(f"u{nr}", START_MS, None, None, None, None, nr > 0) for nr in range(20)]
    store.write([Insert(PROFILE, row) for row in profiles])
    of_groups = replace(DONE_JOB, is_of_groups=True, function=fails)
    assert run_batch(spark, location, jobs=(of_groups,)).jobs["done"].rows == {"done_by_subject": 0}
    assert list(RunStore(store).results(DONE)) == []
    store.write([Insert(PROFILE, profiles[0]._replace(in_statistics=True))])
    counts = run_batch(spark, location, jobs=(replace(DONE_JOB, is_of_groups=True),)).jobs["done"].rows
    assert counts == {"done_by_subject": 3}


def test_jobs_read_the_results_of_those_before_them_and_of_the_run_before(spark, location, store) -> None:
    runs = RunStore(store)
    result = run_batch(spark, location, jobs=chosen([], (FAVOURITES, DONE_JOB)))
    assert {name: job.rows for name, job in result.jobs.items()} == {
        "done": {"done_by_subject": 3},
        "favourites": {"favourite": 2},
    }
    done = list(runs.results(DONE))
    assert {row[2:] for row in done} == {
        (ADA, "squat", 1, START_MS, None),
        (ADA, "press", 1, START_MS + 10_000, None),
        (BOB, "squat", 1, START_MS, None),
    }
    assert all(row.bucket_nr == zlib.crc32(row.subject.encode()) % RESULT_BUCKET_COUNT for row in done)
    assert list(runs.results(FAVOURITE)) == [
        FavouriteRow(1, "press", 1, None),
        FavouriteRow(1, "squat", 2, None),
    ]
    confirm(store, "bob", "s", 30, 40, "press")
    run_batch(spark, location, jobs=[FAVOURITES])  # of what is served, where its input is not made anew
    assert [row[1:] for row in runs.results(FAVOURITE)] == [("press", 1, 1), ("squat", 2, 2)]
    run_batch(spark, location, jobs=BOTH_JOBS)
    assert [row[1:] for row in runs.results(FAVOURITE)] == [("press", 2, 1), ("squat", 2, 2)]
    assert [row[1:] for row in runs.results(FAVOURITE, lower=("r",))] == [("squat", 2, 2)]


def test_old_runs_are_removed_and_one_that_fails_leaves_what_was(spark, location, store) -> None:
    runs = RunStore(store)
    for days in range(3):
        run_batch(spark, location, jobs=[DONE_JOB], day=next_day(days=days), runs_kept=2)
    assert [run.number for run in runs.state().runs] == [2, 3]
    assert {row.run_nr for row in store.scan(DONE)} == {2, 3}
    served = list(runs.results(DONE))

    def broken(*_):
        raise ProcessFailed("it broke")

    with pytest.raises(ProcessFailed, match="it broke"):
        run_batch(spark, location, jobs=[DONE_JOB, replace(FAVOURITES, function=broken)])
    assert {row.run_nr for row in store.scan(DONE)} == {2, 3, 4}
    assert list(runs.results(DONE)) == served
    run_batch(spark, location, jobs=[FAVOURITES])  # the job before it is still that of run 3
    assert {row.run_nr for row in store.scan(DONE)} == {2, 3}
    assert list(runs.results(DONE)) == served
    assert [row.subjects for row in runs.results(FAVOURITE)] == [1, 2]


def test_a_store_that_goes_away_is_waited_for(spark, location, store, monkeypatch) -> None:
    monkeypatch.setattr(jobs, "PAUSE_SECONDS", 0)
    failures = [StoreUnavailable("away"), StoreUnavailable("away")]
    heard = []

    def flaky(frames, parameters):
        if failures:
            raise failures.pop()
        return DONE_JOB.function(frames, parameters)

    run_batch(spark, location, jobs=[replace(DONE_JOB, function=flaky)], progress=heard.append)
    assert len([each for each in heard if each.stage == "wait"]) == 2
    assert len(list(RunStore(store).results(DONE))) == 3
    assert {type(row) for row in store.scan(DONE)} == {DoneRow}


def test_every_job_of_the_night_can_be_chosen() -> None:
    assert [job.name for job in chosen([job.name for job in JOBS])] == [job.name for job in chosen([])]
    with pytest.raises(ConfigurationError, match="no job 'dreams'"):
        chosen(["dreams"])
