"""Stores for `benchmarks.batch`: simulated users with everything that the night reads of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from domain.frames import SensorFrame, pack_samples, scale_for
from domain.identifiers import SessionId, StreamId, UserId
from domain.sensors import SENSORS
from persistence.arrivals import DAY_MS, arrival
from persistence.ports import Insert
from persistence.profile_tables import GOAL, MEASUREMENT_BY_USER, PROFILE
from persistence.schema import Table, Timestamp
from persistence.sensors import SensorStore
from persistence.sqlite import SqliteStore
from persistence.tables import LABEL, SESSION_BY_USER, LabelRow
from simulator.population import END_MS, Columns, Population, PopulationSettings, blocks

SETS = 20
SET_SECONDS, REST_SECONDS = 30, 60
RATE_HZ = 50.0
ROWS_PER_WRITE = 5000
EXERCISES = ("squat", "press", "row", "lunge")
STREAMS = (StreamId("a"), StreamId("g"))


def fill_with_population(place: Path, users: int, sensor_seconds: int, *, sessions: int) -> dict[str, int]:
    """A store of `users`, whose last session came today, those before when they were done; rows by table.

    Profiles, measurements, sessions, labels and arrivals are whole. Of sensor rows there are the first
    `sensor_seconds` of accelerometer and gyroscope of each user's last session.
    """
    store = SqliteStore(place / "store")
    now_ms = time.time_ns() // 1_000_000
    shift_ms = (now_ms - END_MS) // DAY_MS * DAY_MS
    samples, counts = samples_of("ag"), Counter[str]()
    for block in blocks(PopulationSettings(user_count=users, session_count=sessions)):
        for table, columns in _read_models(block):
            _write(store, _inserts(table, columns, shift_ms), counts)
        _write(store, _uploads(block, shift_ms, now_ms, sensor_seconds, samples), counts)
    store.close()
    return dict(counts)


def fill_with_sessions(place: Path, count: int, seconds: int) -> None:
    """A store of `count` users with a session each, of accelerometer, gyroscope and SETS labels."""
    store = SqliteStore(place / "store")
    samples, now_ms = samples_of("ag"), time.time_ns() // 1_000_000
    for number in range(count):
        user, session = UserId(f"user{number}"), SessionId("s0")
        _write(store, _labels(user, session, now_ms), Counter())
        _write(store, frames(user, session, now_ms, seconds, samples), Counter())
        store.write([arrival(user, session, STREAMS, now_ms)])
    store.close()


def samples_of(letters: str) -> dict[str, list[bytes]]:
    """Some seconds of each sensor, of noise."""
    random = np.random.default_rng(1)
    shapes = {letter: (int(RATE_HZ), len(SENSORS[letter].axes)) for letter in letters}
    return {
        letter: [pack_samples(random.normal(size=shape), scale_for(letter)) for _ in range(64)]
        for letter, shape in shapes.items()
    }


def frames(
    user: UserId, session: SessionId, start_ms: int, seconds: int, samples: dict[str, list[bytes]]
) -> Iterator[Insert]:
    """Sensor rows, a stream of each sensor."""
    for letter, packed in samples.items():
        for number in range(seconds):
            frame = SensorFrame(
                session=session,
                stream=StreamId(letter),
                sequence_nr=number,
                sensor=letter,
                start_ms=start_ms + 1000 * number,
                rate_hz=RATE_HZ,
                scale=scale_for(letter),
                samples=packed[(number + len(user)) % len(packed)],
            )
            yield SensorStore.entry(user, frame)


def _read_models(block: Population) -> tuple[tuple[Table[Any], Columns], ...]:
    return (
        (PROFILE, block.profiles),
        (MEASUREMENT_BY_USER, block.measurements),
        (GOAL, block.goals),
        (SESSION_BY_USER, block.sessions),
        (LABEL, block.labels),
    )


def _inserts(table: Table[Any], columns: Columns, shift_ms: int) -> Iterator[Insert]:
    """`columns` as rows, `shift_ms` later; what is not known is None."""
    lists = []
    for name, kind in table.types.items():
        values = columns[name].tolist()
        if kind is Timestamp:
            values = [value + shift_ms for value in values]
        elif columns[name].dtype.kind == "f":
            convert = int if kind is int else float
            values = [None if value != value else convert(value) for value in values]
        lists.append(values)
    for row in zip(*lists, strict=True):
        yield Insert(table, table.row(*row))


def _uploads(
    block: Population, shift_ms: int, now_ms: int, sensor_seconds: int, samples: dict[str, list[bytes]]
) -> Iterator[Insert]:
    """What came with each session, and the frames of each user's last."""
    rows = zip(
        *(block.sessions[name].tolist() for name in ("user_id", "session_id", "started_at")), strict=True
    )
    for user, group in groupby(rows, key=itemgetter(0)):
        *earlier, (_, last, start_ms) = group
        for _, session, at_ms in earlier:
            yield arrival(UserId(user), SessionId(session), STREAMS, at_ms + shift_ms)
        yield arrival(UserId(user), SessionId(last), STREAMS, now_ms)
        yield from frames(UserId(user), SessionId(last), start_ms + shift_ms, sensor_seconds, samples)


def _labels(user: UserId, session: SessionId, start_ms: int) -> Iterator[Insert]:
    for nr in range(SETS):
        first = start_ms + 1000 * nr * (SET_SECONDS + REST_SECONDS)
        times = Timestamp(first), Timestamp(first + 1000 * SET_SECONDS)
        yield Insert(LABEL, LabelRow(user, session, *times, EXERCISES[nr * len(EXERCISES) // SETS], 10, 20.0))


def _write(store: SqliteStore, inserts: Iterable[Insert], counts: Counter[str]) -> None:
    remaining = iter(inserts)
    while some := list(islice(remaining, ROWS_PER_WRITE)):
        store.write(some)
        counts.update(insert.table.name for insert in some)
