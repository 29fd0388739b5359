"""Events replayed per second from a store into a session actor, and users woken per second.

    python -m benchmarks.recovery --store cassandra --json FILE

`replay`: one user's journal of 10 thousand and of 100 thousand confirmed sets, no snapshot. `wake`: 1,000
users recovered together, from 100 events each, then from snapshots after them. No session is open: of one the
last frames would be read too. The store is opened anew for each measurement; its server has the
rows in memory or in the operating system's cache.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from itertools import islice
from pathlib import Path
from typing import Any

from actors.recognition import ModelShelf
from actors.recovery import recover
from actors.user_entity import UserEntity
from benchmarks.hosts import now_ms, stores_of
from benchmarks.stores import KINDS, Place, opened, place
from domain.events import JournalEvent, LabelConfirmed, SessionClosed, SessionOpened
from domain.identifiers import DeviceId, SessionId, UserId
from domain.user import User, evolve
from persistence.journal import Journal
from persistence.models import ModelStore
from persistence.ports import Mutation, Store
from persistence.snapshots import SnapshotStore

LONG = (10_000, 100_000)
WOKEN = 1000
EVENTS_EACH = 100
WRITES_IN_FLIGHT = 8
ROWS_PER_WRITE = 50
EPOCH = 1
SESSION = SessionId("session")

Figures = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how quickly users recover.")
    parser.add_argument("--store", default="cassandra", help=KINDS)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    with place(options.store) as found:
        runs = [_one_run(found, f"{time.time_ns():x}") for _ in range(options.runs)]
    result = {"store": options.store, **_medians(runs), "runs": runs}
    text = json.dumps(result | {"measured_at": time.strftime("%Y-%m-%d")}, indent=2)
    print(text)
    if options.json is not None:
        options.json.write_text(text + "\n")


def _one_run(found: Place, name: str) -> Figures:
    figures: Figures = {}
    for count in LONG:
        user = UserId(f"{name}-{count}")
        _prepare(found, {user: count})
        figures[f"replay_{count}_events_per_s"] = round(count / _timed(found, [user]), 1)
    users = {UserId(f"{name}-{number}"): EVENTS_EACH for number in range(WOKEN)}
    _prepare(found, users)
    figures["wake_1000_from_events_s"] = round(_timed(found, list(users)), 3)
    _snapshot(found, list(users))
    figures["wake_1000_from_snapshots_s"] = round(_timed(found, list(users)), 3)
    print(json.dumps(figures), file=sys.stderr, flush=True)
    return figures


def _timed(found: Place, users: list[UserId]) -> float:
    """Seconds until all are recovered, by a store that was opened before."""
    store = opened(found)
    stores, shelf = stores_of(store), ModelShelf(ModelStore(store))
    recover({UserId("warm-up"): EPOCH}, stores, shelf)  # statements are prepared once per process
    begun = time.perf_counter()
    outcomes = recover(dict.fromkeys(users, EPOCH), stores, shelf)
    took = time.perf_counter() - begun
    for outcome in outcomes.values():
        assert isinstance(outcome, UserEntity), outcome
        assert outcome.state.sessions[SESSION].closed, "the last event was not replayed"
    store.close()
    return took


def _prepare(found: Place, users: dict[UserId, int]) -> None:
    store = opened(found)
    keys = stores_of(store).keys.ciphers_of(list(users))
    _write(
        store,
        (
            entry
            for user, count in users.items()
            for entry in Journal.entries(
                user,
                keys[user],  # type: ignore[arg-type]
                list(_events(count)),
                first_nr=1,
                writer_epoch=EPOCH,
                previous_epoch=0,
                now_ms=now_ms(),
            )
        ),
    )
    store.close()


def _snapshot(found: Place, users: list[UserId]) -> None:
    store = opened(found)
    keys = stores_of(store).keys.ciphers_of(users)
    state = User()
    for event in _events(EVENTS_EACH):
        state = evolve(state, event)
    _write(
        store,
        (
            entry
            for user in users
            for entry in SnapshotStore.entries(user, keys[user], EVENTS_EACH, state, now_ms())  # type: ignore[arg-type]
        ),
    )
    store.close()


def _write(store: Store, mutations: Iterable[Mutation]) -> None:
    """Write many rows, several writes at a time."""
    remaining = iter(mutations)
    futures: deque[Future[None]] = deque()
    while rows := list(islice(remaining, ROWS_PER_WRITE)):
        futures.append(store.submit(rows))
        if len(futures) == WRITES_IN_FLIGHT:
            futures.popleft().result()
    for future in futures:
        future.result()


def _events(count: int) -> Iterator[JournalEvent]:
    """A session of so many events, closed at the end."""
    yield SessionOpened(
        session=SESSION,
        command_nr=0,
        at_ms=0,
        device=DeviceId("watch"),
        recogniser="device",
        streams=(),
    )
    for number in range(1, count - 1):
        yield LabelConfirmed(
            session=SESSION,
            command_nr=number,
            start_ms=60_000 * number,
            end_ms=60_000 * number + 30_000,
            exercise="barbell-bench-press",
            repetitions=10,
            weight_kg=60.0,
        )
    yield SessionClosed(session=SESSION, command_nr=count - 1, at_ms=60_000 * count)


def _medians(runs: list[Figures]) -> Figures:
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


if __name__ == "__main__":
    main()
