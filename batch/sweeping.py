"""What runs leave to be deleted: windows that newer ones replace, results of old runs and of failed ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from batch.errors import translated_errors
from batch.job import Parameters, Source
from batch.slicing import superseded, withdrawn
from batch.stores import delete_windows
from persistence.arrivals import forget_day
from persistence.ports import Delete, Store
from persistence.runs import FINISHED, BatchState, RunStore, forgotten, result_partitions, swept
from persistence.tables import TABLES, WINDOW

ARRIVAL_DAYS_KEPT = 35
ARRIVAL_DAYS_FORGOTTEN = 14  # of the days before those, so that nights that were missed are made up for


@dataclass(frozen=True, kw_only=True)
class Places:
    """`location` is that of `store` and `source`; `log` is Spark's."""

    location: str
    store: Store
    source: Source
    log: Path


def sweep(places: Places, runs: RunStore, parameters: Parameters, runs_kept: int) -> None:
    """Delete what nobody reads any more, then forget its runs; what is interrupted is done again."""
    state = runs.state()
    for run in state.runs:
        if run.state == FINISHED and not run.is_swept and run.cut is not None:
            with translated_errors(places.log):
                old = superseded(places.source, replace(parameters, cut=run.cut))
                delete_windows(old, places.location, run.number)
            runs.change(partial(swept, number=run.number))
    _forget_arrivals(places.store, runs.state())
    by_name = {table.name: table for table in TABLES}
    for run in runs.state().superfluous(runs_kept):
        tables = [by_name[name] for name in run.tables if name in by_name and name != WINDOW.name]
        places.store.write(
            [Delete(table, key) for table in tables for key in result_partitions(table, run.number)]
        )
        runs.change(partial(forgotten, number=run.number))


def forget_withdrawn(places: Places, parameters: Parameters, run_nr: int) -> None:
    """Delete the windows of users who do not agree, or no more, that others' models learn from them."""
    with translated_errors(places.log):
        delete_windows(withdrawn(places.source, parameters), places.location, run_nr)


def _forget_arrivals(store: Store, state: BatchState) -> None:
    if not state.sliced_through:
        return
    last = date.fromisoformat(min(state.sliced_through.values())) - timedelta(days=ARRIVAL_DAYS_KEPT)
    for days in range(ARRIVAL_DAYS_FORGOTTEN):
        store.write(forget_day(last - timedelta(days=days)))
