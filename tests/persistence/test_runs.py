"""Runs of the batch: what is served, what is hidden, and who may finish."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.errors import ConfigurationError, ProcessFailed, StoredValueCorrupt
from domain.identifiers import SessionId, StreamId, UserId
from persistence.arrivals import ARRIVAL_BUCKET_COUNT, arrival, forget_day
from persistence.batch_tables import ARRIVAL, BATCH_STATE, BatchStateRow
from persistence.ports import Store
from persistence.runs import BatchState, Cut, Run, RunStore, begun, ended_badly, ended_well
from persistence.tables import WINDOW
from persistence.windows import WindowStore, forget_windows
from tests.persistence.test_row_stores import SET, window

EVERYTHING = Cut(sensor_sets=(str(SET),), last_day="2026-11-26")


def run_of(holder: str, *, tables: tuple[str, ...] = (WINDOW.name,), cut: Cut | None = EVERYTHING) -> Run:
    return Run(number=0, holder=holder, day="2026-11-26", tables=tables, started_at_ms=1, cut=cut)


def begin(store: Store, holder: str = "a", **kind: object) -> Run:
    return RunStore(store).begin(run_of(holder, **kind), lease_s=0, sleep=lambda _: None)  # type: ignore[arg-type]


def finish(store: Store, run: Run, through: str | None = "2026-11-25") -> BatchState:
    return RunStore(store).change(lambda state: ended_well(state, run.number, through))


def labels(store: Store) -> list[str]:
    return [each.label for each in WindowStore(store).read(SET)]


def test_windows_are_seen_once_their_run_has_ended_well(store: Store) -> None:
    run = begin(store)
    WindowStore(store).write([window(0)], run.number)
    assert labels(store) == []
    finish(store, run)
    assert labels(store) == ["squat"]


def test_the_newest_run_of_a_session_counts_and_others_are_deleted(store: Store) -> None:
    windows = WindowStore(store)
    first = begin(store)
    windows.write([window(0), window(1000), window(0, session="s2")], first.number)
    finish(store, first)
    later = Cut(sensor_sets=(str(SET),), first_day="2026-11-26", last_day="2026-11-26")
    second = begin(store, "b", cut=later)
    windows.write([window(0, label="press")], second.number)
    assert labels(store) == ["squat"] * 3
    finish(store, second)
    assert sorted(labels(store)) == ["press", "squat"]
    store.write([forget_windows(str(SET), "p1", "s1", second.number)])
    assert {(row.session, row.run_nr) for row in store.scan(WINDOW)} == {("s1", 2), ("s2", 1)}
    assert sorted(labels(store)) == ["press", "squat"]
    assert windows.sessions(SET) == {"p1/s1": 1, "p1/s2": 1}


def test_a_run_that_cut_everything_hides_what_was_before(store: Store) -> None:
    windows = WindowStore(store)
    windows.write([window(0)])
    assert labels(store) == ["squat"]
    run = begin(store)
    windows.write([window(0, session="s2", label="press")], run.number)
    finish(store, run)
    assert labels(store) == ["press"]


def test_a_run_that_failed_is_never_seen(store: Store) -> None:
    run = begin(store)
    WindowStore(store).write([window(0)], run.number)
    RunStore(store).change(lambda state: ended_badly(state, run.number))
    other = begin(store, "b", cut=replace(EVERYTHING, first_day="2026-11-26"))
    finish(store, other)
    assert labels(store) == []
    assert [each.number for each in RunStore(store).state().hidden] == [run.number]
    again = begin(store, "c")
    finish(store, again)
    assert RunStore(store).state().hidden == ()


def test_who_was_given_up_cannot_finish(store: Store) -> None:
    first = begin(store)
    second = begin(store, "b")
    with pytest.raises(ProcessFailed, match="run 1 was given up"):
        finish(store, first)
    finish(store, second)
    assert RunStore(store).served(WINDOW) == second.number == 2


def test_a_run_that_renews_itself_is_not_given_up(store: Store) -> None:
    runs = RunStore(store)
    first = begin(store)
    with pytest.raises(ConfigurationError, match="run 1 of the batch is under way"):
        runs.begin(run_of("b"), lease_s=1, sleep=lambda _: runs.renew(first.number))
    finish(store, first)
    runs.renew(first.number)  # too late, and no harm
    assert runs.state().under_way is None


def test_a_state_that_does_not_parse_is_named(store: Store) -> None:
    assert store.insert_if_absent(BATCH_STATE, [BatchStateRow("batch", '{"last_nr": "x"}')]) == [True]
    with pytest.raises(StoredValueCorrupt, match="batch_state"):
        RunStore(store).state()


def test_arrivals_of_a_day_are_one_row_a_session(store: Store) -> None:
    streams = [StreamId("g"), StreamId("a")]
    rows = [arrival(UserId("ada"), SessionId("s"), streams, at) for at in (0, 86_399_999, 86_400_000)]
    store.write(rows)
    found = sorted(store.scan(ARRIVAL))
    assert [(row.day, row.streams) for row in found] == [("1970-01-01", "a g"), ("1970-01-02", "a g")]
    assert 0 <= found[0].bucket_nr < ARRIVAL_BUCKET_COUNT
    store.write(forget_day(date(1970, 1, 1)))
    assert [row.day for row in store.scan(ARRIVAL)] == ["1970-01-02"]


steps = st.lists(st.sampled_from(["begin", "well", "badly", "late"]), max_size=20)


@given(steps)
def test_whatever_happens_only_runs_that_ended_well_are_served(steps: list[str]) -> None:
    state, well, given_up = BatchState(), [0], []
    for number, step in enumerate(steps):
        under_way = state.under_way
        if step == "begin":
            if under_way is not None:
                given_up.append(under_way.number)
            state = begun(state, run_of(str(number)))
        elif step == "late" and given_up:
            with pytest.raises(ProcessFailed):
                ended_well(state, given_up[-1], None)
        elif under_way is not None and step == "well":
            state = ended_well(state, under_way.number, None)
            well.append(under_way.number)
        elif under_way is not None and step == "badly":
            state = ended_badly(state, under_way.number)
        assert state.served.get(WINDOW.name, 0) == well[-1]
        shown = {nr for nr in range(1, state.last_nr + 1) if state.shows_windows(str(SET), nr)}
        assert shown <= set(well)


def test_a_cut_covers_what_lies_within_its_days_and_sets() -> None:
    day, two = Cut(sensor_sets=("a@50",), first_day="2026-01-02", last_day="2026-01-02"), ("a@50", "a,g@50")
    assert replace(day, sensor_sets=two, first_day=None).covers(day)
    assert replace(day, first_day="2026-01-01", last_day="2026-01-03").covers(day)
    assert not day.covers(replace(day, sensor_sets=two))
    assert not day.covers(replace(day, first_day=None))
    assert not day.covers(replace(day, last_day="2026-01-03"))
