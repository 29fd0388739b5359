"""Runs of the batch: what each wrote becomes visible at once, and what no reader sees any more is deleted.

A run has a number, and all rows that it writes carry it. One row, changed by comparison alone, says which
runs there are and of which of them each job's results are served; a run that ends well sets all of that in
one change. Readers look there first. So a run that fails, or whose program dies, is never seen, and a program
that was taken for dead cannot finish its run any more.

A run that is under way renews itself. One that has not for as long as another program watches it has died.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from domain.errors import ConfigurationError, ProcessFailed, StoreUnavailable
from persistence.batch_tables import BATCH_STATE, BatchStateRow
from persistence.ports import Store
from persistence.schema import Key, Table
from persistence.stored_json import decode_stored
from persistence.tables import WINDOW

RESULT_BUCKET_COUNT = 16  # partitions of a result table with a row per user or session
RENEW_SECONDS = 2.0
LEASE_SECONDS = 10.0
RUNS_KEPT = 7  # that ended well
RUNNING, FINISHED, FAILED = "running", "finished", "failed"
_NAME = "batch"
_CHANGES_MAX = 64

RowT = TypeVar("RowT", bound=Any)


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """What a run cuts windows of: sensor sets, and arrivals of some days; all there is, if no first day."""

    sensor_sets: tuple[str, ...]
    last_day: str
    first_day: str | None = None

    def covers(self, other: Cut) -> bool:
        if not set(other.sensor_sets) <= set(self.sensor_sets):
            return False
        if self.first_day is None:
            return True
        return (
            other.first_day is not None
            and self.first_day <= other.first_day <= other.last_day <= self.last_day
        )


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """`holder` is drawn by its program; `tables` are those that it writes, by name.

    A run is swept once no windows are left that it made superfluous.
    """

    number: int
    holder: str
    day: str
    tables: tuple[str, ...]
    started_at_ms: int
    state: str = RUNNING
    renewal_nr: int = 0
    cut: Cut | None = None
    is_swept: bool = False


class BatchState(msgspec.Struct, frozen=True, kw_only=True):
    """`served` has the number of the run whose rows are read, by table.

    Of a sensor set, `sliced_through` is the last day of which all arrivals are cut, and windows of runs below
    `floors` do not count. Neither do those of `hidden` runs, which failed.
    """

    last_nr: int = 0
    runs: tuple[Run, ...] = ()  # oldest first
    served: Mapping[str, int] = {}
    sliced_through: Mapping[str, str] = {}
    floors: Mapping[str, int] = {}
    hidden: tuple[Run, ...] = ()

    def shows_windows(self, sensor_set: str, run_nr: int) -> bool:
        """Whether the windows of a run are to be seen; 0 stands for windows of no run."""
        is_in_time = self.floors.get(sensor_set, 0) <= run_nr <= self.served.get(WINDOW.name, 0)
        return is_in_time and all(run.number != run_nr for run in self.hidden)

    def run(self, number: int) -> Run | None:
        return next((run for run in self.runs if run.number == number), None)

    @property
    def under_way(self) -> Run | None:
        return next((run for run in self.runs if run.state == RUNNING), None)

    def superfluous(self, kept: int) -> list[Run]:
        """Runs whose results nobody reads: those that failed, and those before the `kept` newest."""
        ended = [run for run in self.runs if run.state == FINISHED]
        old = ended[: max(0, len(ended) - kept)]
        return [
            run
            for run in self.runs
            if run.state == FAILED or (run in old and run.is_swept and run.number not in self.served.values())
        ]


def begun(state: BatchState, run: Run) -> BatchState:
    """With `run` under way, numbered anew; whatever was under way has failed."""
    failed = state if state.under_way is None else ended_badly(state, state.under_way.number)
    number = failed.last_nr + 1
    return replace(failed, last_nr=number, runs=(*failed.runs, replace(run, number=number)))


def ended_badly(state: BatchState, number: int) -> BatchState:
    run = state.run(number)
    if run is None or run.state != RUNNING:
        return state
    hidden = (*state.hidden, run) if run.cut is not None else state.hidden
    return replace(_with(state, replace(run, state=FAILED)), hidden=hidden)


def ended_well(state: BatchState, number: int, sliced_through: str | None) -> BatchState:
    """With the results of run `number` served.

    `sliced_through` is the last day of which nothing can arrive any more that the run has not seen.
    """
    run = state.run(number)
    if run is None or run.state != RUNNING:
        raise ProcessFailed(
            f"run {number} was given up by another program meanwhile",
            remedy="nothing of it is served; look at the other run, or run the batch again",
        )
    served = {**state.served, **dict.fromkeys(run.tables, number)}
    state = replace(_with(state, replace(run, state=FINISHED, is_swept=run.cut is None)), served=served)
    return state if run.cut is None else _sliced(state, number, run.cut, sliced_through)


def swept(state: BatchState, number: int) -> BatchState:
    run = state.run(number)
    return state if run is None else _with(state, replace(run, is_swept=True))


def forgotten(state: BatchState, number: int) -> BatchState:
    return replace(state, runs=tuple(run for run in state.runs if run.number != number))


class RunStore:
    def __init__(self, store: Store) -> None:
        self._store = store

    def state(self) -> BatchState:
        return self._read()[1]

    def served(self, table: Table[Any]) -> int | None:
        """The number of the run whose rows of `table` are served."""
        return self.state().served.get(table.name)

    def results(self, table: Table[RowT], *, lower: Key = (), upper: Key = ()) -> Iterator[RowT]:
        """The rows of a result table that are served; nothing if there was no run."""
        number = self.served(table)
        for partition in result_partitions(table, number) if number is not None else ():
            yield from self._store.read(table, partition, lower=lower, upper=upper)

    def begin(
        self, run: Run, *, lease_s: float = LEASE_SECONDS, sleep: Callable[[float], None] = time.sleep
    ) -> Run:
        """Begin a run, `run.number` apart; raises ConfigurationError while another is under way.

        To find that out it waits for `lease_s`.
        """
        before = self.state().under_way
        if before is not None:
            sleep(lease_s)
            now = self.state().under_way
            if now is not None and now != before:
                raise ConfigurationError(
                    f"run {now.number} of the batch is under way", remedy="wait for its end, or end it"
                )

        def change(state: BatchState) -> BatchState:
            if any(each.holder == run.holder for each in state.runs):
                return state  # an answer was lost
            if state.under_way != before:
                raise ConfigurationError("another run of the batch began", remedy="wait for its end")
            return begun(state, run)

        state = self.change(change)
        return next(each for each in state.runs if each.holder == run.holder)

    def renew(self, number: int) -> None:
        """Say that a run is under way still; nothing if it is not."""

        def change(state: BatchState) -> BatchState:
            run = state.run(number)
            if run is None or run.state != RUNNING:
                return state
            return _with(state, replace(run, renewal_nr=run.renewal_nr + 1))

        self.change(change)

    def change(self, function: Callable[[BatchState], BatchState]) -> BatchState:
        """Replace the state by what `function` makes of it, which may be asked several times."""
        for _ in range(_CHANGES_MAX):
            row, state = self._read()
            new = function(state)
            if new == state:
                return state
            try:
                if self._put(row, BatchStateRow(_NAME, msgspec.json.encode(new).decode())):
                    return new
            except StoreUnavailable:
                if self.state() == new:  # it was done, and the answer was lost
                    return new
                raise
        raise StoreUnavailable("the batch's state changes all the time", remedy="try again")

    def _put(self, before: BatchStateRow | None, row: BatchStateRow) -> bool:
        if before is None:
            return self._store.insert_if_absent(BATCH_STATE, [row])[0]
        return self._store.compare_and_set(BATCH_STATE, before, row)

    def _read(self) -> tuple[BatchStateRow | None, BatchState]:
        row = next(self._store.read(BATCH_STATE, (_NAME,)), None)
        if row is None:
            return None, BatchState()
        remedy = "delete it: all windows and results are then made again"
        return row, decode_stored(row.state, BatchState, f"{BATCH_STATE.name} row {_NAME!r}", remedy)


def result_partition(number: int, name: str) -> Key:
    """Of a result table in buckets, the partition that holds a run's row of that name."""
    return number, zlib.crc32(name.encode()) % RESULT_BUCKET_COUNT


def result_partitions(table: Table[Any], number: int) -> list[Key]:
    """The partitions of a result table that hold a run's rows."""
    if table.partition == ("run_nr",):
        return [(number,)]
    assert table.partition == ("run_nr", "bucket_nr"), "so are result tables declared"
    return [(number, bucket) for bucket in range(RESULT_BUCKET_COUNT)]


def _with(state: BatchState, run: Run) -> BatchState:
    runs = tuple(run if each.number == run.number else each for each in state.runs)
    return replace(state, runs=runs)


def _sliced(state: BatchState, number: int, cut: Cut, through: str | None) -> BatchState:
    known = dict(state.sliced_through)
    if through is not None:
        known.update({name: max(known.get(name, ""), through) for name in cut.sensor_sets})
    floors = {**state.floors, **(dict.fromkeys(cut.sensor_sets, number) if cut.first_day is None else {})}
    hidden = tuple(run for run in state.hidden if run.cut is None or not cut.covers(run.cut))
    return replace(state, sliced_through=known, floors=floors, hidden=hidden)
