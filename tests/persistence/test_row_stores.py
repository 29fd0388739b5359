"""The stores of readable rows: sensor frames, windows and jobs."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from domain.frames import scale_for
from domain.identifiers import UserId
from domain.sensors import SENSORS, SensorSet
from domain.windows import LabelledWindow
from persistence.jobs import NIGHTS_KEPT, RUN, SCHEDULE_NAME, JobStore
from persistence.night_tables import SCHEDULE, JobRequestRow, JobRunRow, NightRow, ScheduleRow
from persistence.ports import Insert, Store
from persistence.schema import Samples, Timestamp
from persistence.sensors import SensorStore
from persistence.tables import WINDOW
from persistence.windows import WINDOWS_PER_WRITE, WindowStore, row_of, window_of
from tests.domain.strategies import sensor_sets
from tests.domain.test_frames import FRAME

ADA = UserId("ada")
SET = SensorSet.parse("a,u@10")


def window(start_ms: int, *, session: str = "s1", label: str = "squat", value: float = 0.5) -> LabelledWindow:
    samples = np.full((SET.window_samples, SET.channel_count), value, np.float32)
    return LabelledWindow(
        sensor_set=SET, subject="p1", session=session, start_ms=start_ms, label=label, samples=samples
    )


def test_frames_come_back_in_order_from_a_number_on(store: Store) -> None:
    frames = [msgspec.structs.replace(FRAME, sequence_nr=nr, samples=bytes([nr] * 6)) for nr in range(5)]
    store.write([SensorStore.entry(ADA, frames[nr]) for nr in (3, 0, 4, 1, 2, 3)])
    sensors = SensorStore(store)
    assert list(sensors.frames(ADA, FRAME.session, FRAME.stream)) == frames
    assert list(sensors.frames(ADA, FRAME.session, FRAME.stream, from_nr=3)) == frames[3:]
    assert list(sensors.frames(UserId("bob"), FRAME.session, FRAME.stream)) == []


@given(st.data(), sensor_sets)
def test_windows_keep_their_values_within_half_a_step(data: st.DataObject, sensor_set: SensorSet) -> None:
    full = np.array([SENSORS[name].full_scale for name in sensor_set.letters for _ in SENSORS[name].axes])
    shape = (3, sensor_set.channel_count)
    shares = data.draw(arrays.arrays(np.float32, shape, elements=st.floats(-1, 1, width=32)))
    written = LabelledWindow(
        sensor_set=sensor_set,
        subject="p",
        session="s",
        start_ms=7,
        label="squat",
        samples=(shares * full).astype(np.float32),
    )
    read = window_of(row_of(written))
    steps = np.array([scale_for(name) for name in sensor_set.letters for _ in SENSORS[name].axes])
    assert read.samples.dtype == np.float32
    assert (np.abs(read.samples - written.samples) <= steps * 0.51).all()
    assert (read.sensor_set, read.subject, read.session) == (sensor_set, "p", "s")
    assert (read.start_ms, read.label) == (7, "squat")
    assert row_of(read) == row_of(written)


def test_windows_are_written_once_however_often(store: Store) -> None:
    windows = WindowStore(store)
    count = WINDOWS_PER_WRITE + 3
    for _ in range(2):
        assert windows.write(window(1000 * nr) for nr in range(count)) == count
    found = list(windows.read(SET))
    assert [each.start_ms for each in found] == [1000 * nr for nr in range(count)]
    assert all(each.samples.shape == (20, 4) for each in found)


def test_a_window_that_is_written_again_takes_the_new_label(store: Store) -> None:
    windows = WindowStore(store)
    windows.write([window(0)])
    windows.write([window(0, label="press")])
    assert [each.label for each in windows.read(SET)] == ["press"]


def test_windows_of_all_buckets_are_read(store: Store) -> None:
    windows = WindowStore(store)
    sessions = {f"session-{nr}" for nr in range(64)}
    windows.write(window(0, session=session) for session in sessions)
    assert {each.session for each in windows.read(SET)} == sessions
    assert len({row.bucket_nr for row in store.scan(WINDOW)}) > 8
    assert list(windows.read(SensorSet.parse("u,a@10"))) == []
    assert windows.write([]) == 0


def test_samples_beyond_full_scale_saturate() -> None:
    assert window_of(row_of(window(0, value=100.0))).samples.max() == pytest.approx(16, rel=1e-3)


def job_run(started: int, job: str = "slice", state: str = "running") -> JobRunRow:
    return JobRunRow(job, Timestamp(started), f"run-{started}", state, 0.5, "half", None, "log\n")


def test_a_run_that_is_recorded_again_replaces_its_state(store: Store) -> None:
    jobs = JobStore(store)
    jobs.record(job_run(1))
    ended = job_run(1, state="succeeded")._replace(progress=1.0, finished_at=Timestamp(9), result="{}")
    jobs.record(ended)
    assert list(jobs.runs_since("slice", 0)) == [ended]


def test_runs_are_listed_newest_first(store: Store) -> None:
    jobs = JobStore(store)
    for started, job in ((1, "slice"), (4, "train"), (3, "slice"), (2, "slice")):
        jobs.record(job_run(started, job))
    assert [run.started_at for run in jobs.runs_since("slice", 0)] == [3, 2, 1]
    assert [run.started_at for run in jobs.runs_since("slice", 2)] == [3, 2]
    assert list(jobs.runs_since("evaluate", 0)) == []


def night(number: int) -> NightRow:
    due = Timestamp(number)
    return NightRow(SCHEDULE_NAME, due, f"night-{number}", "succeeded", due, due, "{}")


def test_of_the_nights_the_newest_are_kept_with_their_runs(store: Store) -> None:
    jobs = JobStore(store)
    for number in range(NIGHTS_KEPT + 3):
        jobs.record(job_run(number, ("slice", "train")[number % 2]))
    jobs.record_nights([night(number) for number in range(NIGHTS_KEPT)])
    assert len(list(jobs.nights(NIGHTS_KEPT * 2))) == NIGHTS_KEPT
    jobs.record_nights([night(number) for number in range(NIGHTS_KEPT, NIGHTS_KEPT + 3)])
    kept = [row.due_at for row in jobs.nights(NIGHTS_KEPT * 2)]
    assert kept == list(range(NIGHTS_KEPT + 2, 2, -1))
    runs = [row.started_at for job in ("slice", "train") for row in jobs.runs_since(job, 0)]
    assert sorted(runs) == sorted(kept)
    jobs.record_nights([night(NIGHTS_KEPT + 2)])
    assert [row.due_at for row in jobs.nights(1)] == kept[:1]


def test_requests_wait_oldest_first_until_they_are_deleted(store: Store) -> None:
    jobs = JobStore(store)
    rows = [
        JobRequestRow(SCHEDULE_NAME, name, RUN, f"night-{name}", Timestamp(at))
        for name, at in (("a", 3), ("b", 1), ("c", 2))
    ]
    for row in rows:
        jobs.ask(row)
    assert [row.request_id for row in jobs.requests()] == ["b", "c", "a"]
    jobs.delete_requests(["c", "b", "unknown"])
    assert jobs.requests() == [rows[0]]


def test_there_is_no_schedule_before_a_scheduler_was_there(store: Store) -> None:
    assert JobStore(store).schedule() is None
    row = ScheduleRow(SCHEDULE_NAME, "holder", 1, 1, "{}")
    assert store.insert_if_absent(SCHEDULE, [row]) == [True]
    assert JobStore(store).schedule() == row


def test_samples_are_bytes_of_int16(store: Store) -> None:
    row = row_of(window(0))._replace(samples=Samples(b"\x01\x00\xff\x7f"))
    store.write([Insert(WINDOW, row)])
    assert next(store.scan(WINDOW)).samples == b"\x01\x00\xff\x7f"
