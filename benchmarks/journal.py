"""Events persisted per second through session actors, one outstanding command per user.

    python -m benchmarks.journal --store cassandra --json FILE

A shard host with the load inside its process: no websocket, no other process but the server. 256 and 1,000
of 1,000 users wait for an acknowledgement at a time (closed loop), or events come at fixed times (open loop,
4,000 a second). Two kinds of event: `frame`, 300 int16 samples, which is one readable row of the sensor
table; `label`, a confirmed set, which is an encrypted journal row and a readable row of the label table.
`writer` is the ceiling in the same run: the same rows of frames, submitted to the same store without actors.
Acknowledged events are counted in the store afterwards.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from actors.messages import Envelope
from benchmarks.hosts import Host, now_ms
from benchmarks.stores import KINDS, Place, empty, opened, place
from domain.commands import AcceptFrame, Command, ConfirmLabel, OpenSession, Stream
from domain.frames import SensorFrame
from domain.identifiers import DeviceId, SessionId, StreamId, UserId
from domain.replies import Acknowledged
from persistence.ports import Insert, Store
from persistence.sensors import SensorStore
from persistence.tables import LABEL, SENSOR

USERS = 1000
OPEN_LOOP_HZ = 4000.0
ROWS_PER_WRITE, WRITES_IN_FLIGHT = 48, 6
SAMPLES = [os.urandom(600) for _ in range(64)]
T0_MS = 1_750_000_000_000

_LOADS: dict[str, dict[str, Any]] = {
    "256": {"outstanding": 256},
    "1000": {"outstanding": 1000},
    "open_loop": {"rate_hz": OPEN_LOOP_HZ},
}

Figures = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure events persisted per second.")
    parser.add_argument("--store", default="cassandra", help=KINDS)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--warm-up-seconds", type=float, default=60.0, help="of the server, once")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    with place(options.store) as found:
        _measure("frame", found, options.warm_up_seconds, outstanding=256)
        runs = []
        for number in range(options.runs):
            runs.append(_one_run(found, options.seconds))
            print(f"run {number + 1}: {json.dumps(runs[-1])}", file=sys.stderr, flush=True)
    result = {"store": options.store, "users": USERS, **_medians(runs), "runs": runs}
    text = json.dumps(result | {"measured_at": time.strftime("%Y-%m-%d")}, indent=2)
    print(text)
    if options.json is not None:
        options.json.write_text(text + "\n")


def _one_run(found: Place, seconds: float) -> Figures:
    """Each on empty tables: compacting what another left would count as its work."""
    figures: Figures = {}
    for kind in ("frame", "label"):
        for name, load in _LOADS.items():
            empty(found)
            figures[f"{kind}_{name}"] = _measure(kind, found, seconds, **load)
    empty(found)
    figures["writer"] = _writer(found, seconds)
    return figures


class Load:
    """Users of one shard host, each with at most one command that is not acknowledged."""

    def __init__(self, store: Store, kind: str) -> None:
        self._store = store
        self._make: Callable[[int, int], Command] = _frame if kind == "frame" else _label
        self._first_nr = 0 if kind == "frame" else 1
        self._stream = "a" if kind == "frame" else ""
        self._run = f"{time.time_ns():x}"
        self._host = Host(store)
        self._users = {UserId(f"{self._run}-{number}"): number for number in range(USERS)}
        self._names = list(self._users)
        self._next = [self._first_nr] * USERS
        self._due = [0.0] * USERS
        self.ready = deque(range(USERS))
        self.outstanding = 0
        self.acknowledged = 0
        self.latencies: list[float] = []
        self._host.submit([Envelope(1, user, _opening()) for user in self._users])
        self._host.settle()

    def send(self, count: int, due_s: float) -> None:
        """Let so many users send; what they wait for counts from `due_s`."""
        numbers = [self.ready.popleft() for _ in range(min(count, len(self.ready)))]
        for number in numbers:
            self._due[number] = due_s
        self.outstanding += len(numbers)
        self._host.submit([Envelope(1, self._names[n], self._make(self._next[n], T0_MS)) for n in numbers])

    def take(self, wait_s: float | None) -> None:
        """Take acknowledgements."""
        replies = self._host.replies(wait_s)
        now = time.perf_counter()
        for addressed in replies:
            reply = addressed.reply
            if not isinstance(reply, Acknowledged):
                if reply.__class__.__name__ == "Refused":
                    raise AssertionError(f"refused: {reply}")
                continue
            number = self._users[addressed.user]
            self._next[number] = reply.next_nr
            self.latencies.append(now - self._due[number])
            self.ready.append(number)
            self.outstanding -= 1
            self.acknowledged += 1

    def stored(self) -> int:
        """How many events are in the store."""
        counts = 0
        for user in self._names:
            if self._stream:
                counts += sum(1 for _ in self._store.read(SENSOR, (user, "s", "a")))
            else:
                counts += sum(1 for _ in self._store.read(LABEL, (user, "s")))
        return counts


def _measure(
    kind: str, found: Place, seconds: float, *, outstanding: int = USERS, rate_hz: float = 0.0
) -> Figures:
    store = opened(found)
    load = Load(store, kind)
    begun = time.perf_counter()
    own, server, before = time.process_time(), found.server_cpu_s(), load.acknowledged
    sent = 0
    while (now := time.perf_counter()) - begun < seconds:
        if rate_hz:
            due = int((now - begun) * rate_hz) - sent
            load.send(due, now)
            sent += due
            load.take(0.0005)
        else:
            load.send(outstanding - load.outstanding, now)
            load.take(None if len(load.ready) and load.outstanding < outstanding else 0.05)
    took, count = time.perf_counter() - begun, load.acknowledged - before
    figures = {
        "events_per_s": round(count / took, 1),
        "p50_ms": _quantile(load.latencies, 0.5),
        "p99_ms": _quantile(load.latencies, 0.99),
        "own_us_per_event": round(1e6 * (time.process_time() - own) / max(1, count), 1),
        "server_us_per_event": round(1e6 * (found.server_cpu_s() - server) / max(1, count), 1),
    }
    while load.outstanding:
        load.take(0.05)
    figures["acknowledged_but_not_stored"] = max(0, load.acknowledged - load.stored())
    store.close()
    return figures


def _writer(found: Place, seconds: float) -> Figures:
    """The same frames as rows, submitted to the same store by a loop."""
    store = opened(found)
    run, number, count = f"{time.time_ns():x}", 0, 0
    flying: deque[tuple[Any, float]] = deque()
    latencies: list[float] = []
    begun, own, server = time.perf_counter(), time.process_time(), found.server_cpu_s()
    while (now := time.perf_counter()) - begun < seconds:
        rows = []
        for _ in range(ROWS_PER_WRITE):
            number += 1
            frame = _frame(number // USERS, T0_MS).frame
            rows.append(Insert(SENSOR, SensorStore.entry(UserId(f"{run}-{number % USERS}"), frame).row))
        flying.append((store.submit(rows), now))
        while len(flying) >= WRITES_IN_FLIGHT:
            future, sent = flying.popleft()
            future.result()
            latencies.append(time.perf_counter() - sent)
            count += ROWS_PER_WRITE
    took = time.perf_counter() - begun
    for future, _ in flying:
        future.result()
    store.close()
    return {
        "events_per_s": round(count / took, 1),
        "p50_ms": _quantile(latencies, 0.5),
        "p99_ms": _quantile(latencies, 0.99),
        "own_us_per_event": round(1e6 * (time.process_time() - own) / max(1, count), 1),
        "server_us_per_event": round(1e6 * (found.server_cpu_s() - server) / max(1, count), 1),
    }


def _opening() -> OpenSession:
    return OpenSession(
        session=SessionId("s"),
        command_nr=0,
        at_ms=now_ms(),
        device=DeviceId("watch"),
        recogniser="device",
        streams=(Stream(stream=StreamId("a"), sensor="a", location="wrist"),),
    )


def _frame(number: int, at_ms: int) -> AcceptFrame:
    return AcceptFrame(
        frame=SensorFrame(
            session=SessionId("s"),
            stream=StreamId("a"),
            sequence_nr=number,
            sensor="a",
            start_ms=at_ms + 1000 * number,
            rate_hz=50.0,
            scale=0.0005,
            samples=SAMPLES[number & 63],
        )
    )


def _label(number: int, at_ms: int) -> ConfirmLabel:
    start_ms = at_ms + 60_000 * number
    return ConfirmLabel(
        session=SessionId("s"),
        command_nr=number,
        start_ms=start_ms,
        end_ms=start_ms + 30_000,
        exercise="barbell-bench-press",
        repetitions=10,
        weight_kg=60.0,
    )


def _quantile(latencies: list[float], share: float) -> float:
    ordered = sorted(latencies)
    return round(1000 * ordered[int(share * (len(ordered) - 1))], 2) if ordered else float("nan")


def _medians(runs: list[Figures]) -> Figures:
    return {
        kind: {key: statistics.median(run[kind][key] for run in runs) for key in runs[0][kind]}
        for kind in runs[0]
    }


if __name__ == "__main__":
    main()
