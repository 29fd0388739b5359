"""Microseconds of CPU that a shard host itself needs per command, by layer, and per event that it recovers.

    python -m benchmarks.profile_host [--rounds 5] [--profile frames|events|recovery]

A store in memory, done at once, stands in for a real one, so that only the host's own CPU is left: neither
the codec of messages nor the store is measured. Commands are decoded as a host decodes them, each batch holds
one command of each of 256 users in turn. Layers are measured apart, each with the ones before it, and the
differences are what a layer adds. Figures are medians of the rounds, of the process's CPU time.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import itertools
import math
import pstats
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from actors.messages import Envelope, decode_envelopes, encode_envelopes
from actors.recognition import ModelShelf
from actors.recovery import recover
from actors.session_actors import SessionActors
from actors.shard_host import ShardHost
from actors.tenure import Tenure
from actors.user_entity import UserEntity
from actors.user_stores import UserStores
from domain.commands import AcceptFrame, Command, ConfirmLabel, OpenSession, Stream
from domain.events import LabelConfirmed
from domain.frames import SensorFrame
from domain.identifiers import SHARD_COUNT, DeviceId, SessionId, ShardNr, StreamId, UserId
from domain.user import User, decide, evolve
from persistence.journal import Journal
from persistence.models import ModelStore
from persistence.ports import Insert, Mutation, Slice
from persistence.schema import Key, Table
from persistence.snapshots import SnapshotStore

USERS = 1_000
BATCH = 256
BATCHES = 40  # per round
SAMPLES = 300
T0_MS = 1_750_000_000_000

Make = Callable[[int, int], Command]  # of a user's and a command's number
Batch = list[Envelope]


class ListStore:
    """What was loaded into it, by partition, as a store gives it; what is submitted is gone at once."""

    def __init__(self) -> None:
        self._done: Future[None] = Future()
        self._done.set_result(None)
        self._rows: dict[tuple[str, Key], list[Any]] = {}

    def load(self, mutations: Sequence[Mutation]) -> None:
        """Rows in the order in which they are to be read."""
        for mutation in mutations:
            if isinstance(mutation, Insert):
                self._rows.setdefault(_partition(mutation.table, mutation.row), []).append(mutation.row)

    def submit(self, mutations: Sequence[Mutation]) -> Future[None]:
        return self._done

    def insert_if_absent(self, table: Table[Any], rows: Sequence[Any]) -> list[bool]:
        self._rows |= {_partition(table, row): [row] for row in rows}
        return [True] * len(rows)

    def read(
        self,
        table: Table[Any],
        partition: Key,
        *,
        lower: Key = (),
        upper: Key = (),
        limit: int | None = None,
        backwards: bool = False,
    ) -> Iterator[Any]:
        rows = self._within(table, partition, lower, upper)
        return itertools.islice(reversed(rows) if backwards else rows, limit)

    def read_many(
        self, table: Table[Any], slices: Sequence[Slice], *, limit: int | None = None
    ) -> list[list[Any]]:
        return [self._within(table, each.partition, each.lower, each.upper)[:limit] for each in slices]

    def _within(self, table: Table[Any], partition: Key, lower: Key, upper: Key) -> list[Any]:
        """Bounds are numbers, of journal rows alone."""
        rows = self._rows.get((table.name, partition), [])
        if lower:
            rows = [row for row in rows if row.sequence_nr >= lower[0]]
        return [row for row in rows if row.sequence_nr <= upper[0]] if upper else rows


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the CPU of a shard host.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", choices=["frames", "events", "recovery"])
    options = parser.parse_args()
    if options.profile:
        _profile(options.profile)
        return
    for name, make in (("frames", _frame), ("events", _label)):
        before = 0.0
        for layer, microseconds in _medians(options.rounds, partial(_by_layer, make)).items():
            print(f"{name:8} {layer:10} {microseconds:7.2f} µs per command, {microseconds - before:+7.2f}")
            before = microseconds
    for what, microseconds in _medians(options.rounds, _recovery).items():
        print(f"recovery {what:24} {microseconds:9.2f} µs")


def _medians(rounds: int, measure: Callable[[], Mapping[str, float]]) -> dict[str, float]:
    runs = [measure() for _ in range(rounds)]
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def _by_layer(make: Make) -> dict[str, float]:
    """Microseconds per command of each layer with those before it."""
    batches = _batches(make)
    return {
        "rules": _timed(_rules(), batches),
        "entity": _timed(_entities(), batches),
        "actor": _timed(_actors(), batches),
        "host": _timed(_host(), batches),
    }


def _timed(take: Callable[[Batch], object], batches: Sequence[Batch]) -> float:
    gc.collect()
    begun = time.process_time()
    for batch in batches:
        take(batch)
    return (time.process_time() - begun) * 1e6 / (len(batches) * BATCH)


def _rules() -> Callable[[Batch], object]:
    states = {user: _opened_state(number) for number, user in enumerate(_users())}

    def take(batch: Batch) -> None:
        for envelope in batch:
            state = states[envelope.user]
            for event in decide(state, envelope.command):
                state = evolve(state, event)
            states[envelope.user] = state

    return take


def _entities() -> Callable[[Batch], object]:
    stores, shelf = _stores(ListStore())
    entities: dict[UserId, Any] = recover(dict.fromkeys(_users(), 1), stores, shelf)
    for number, entity in enumerate(entities.values()):
        entity.take([(number, _opening(number))], T0_MS)

    def take(batch: Batch) -> None:
        for envelope in batch:
            entities[envelope.user].take([(envelope.connection, envelope.command)], T0_MS)

    return take


def _actors() -> Callable[[Batch], object]:
    stores, shelf = _stores(ListStore())
    actors = SessionActors(stores, shelf, lambda: T0_MS)
    actors.wake(dict.fromkeys(_users(), 1))
    actors.take({user: [(number, _opening(number))] for number, user in enumerate(_users())})

    def take(batch: Batch) -> None:
        actors.take({each.user: [(each.connection, each.command)] for each in batch})

    return take


def _host() -> Callable[[Batch], object]:
    store: Any = ListStore()
    stores, shelf = _stores(store)
    tenure = Tenure(time.monotonic)
    tenure.valid_until_s = math.inf
    tenure.epochs = {ShardNr(number): 1 for number in range(SHARD_COUNT)}
    host = ShardHost(store, stores, shelf, tenure, lambda: T0_MS, woken=lambda: None)
    numbers = itertools.count()

    def take(batch: Batch) -> None:
        number = next(numbers)
        host.submit(number, batch)
        assert host.advance().finished == [number]

    for user_nr, user in enumerate(_users()):
        take([Envelope(user_nr, user, _opening(user_nr))])
    return take


def _recovery() -> dict[str, float]:
    """Microseconds per event of one user, and of a thousand users together."""
    figures = {}
    for count in (10_000, 100_000):
        store = ListStore()
        _load(store, UserId("user-0"), count)
        stores, shelf = _stores(store)
        figures[f"per event of {count:,}"] = _timed_recovery(1, stores, shelf) / count
    store = ListStore()
    for user in _users():
        _load(store, user, 100)
    stores, shelf = _stores(store)
    figures["of 1,000 users, events"] = _timed_recovery(USERS, stores, shelf)
    ciphers = stores.keys.ciphers_of(_users())
    for user, entity in recover(dict.fromkeys(_users(), 2), stores, shelf).items():
        cipher: Any = ciphers[user]
        assert isinstance(entity, UserEntity)
        store.load(SnapshotStore.entries(user, cipher, 100, entity.state, T0_MS))
    figures["of 1,000 users, snapshot"] = _timed_recovery(USERS, stores, shelf)
    return figures


def _timed_recovery(users: int, stores: UserStores, shelf: ModelShelf) -> float:
    gc.collect()
    begun = time.process_time()
    outcomes = recover(dict.fromkeys(_users()[:users], 2), stores, shelf)
    took = time.process_time() - begun
    assert all(isinstance(outcome, UserEntity) for outcome in outcomes.values())
    return took * 1e6


def _load(store: ListStore, user: UserId, count: int) -> None:
    """A session with `count` events."""
    stores, _ = _stores(store)
    number = int(user.removeprefix("user-"))
    opened = decide(User(), _opening(number))
    labels = [LabelConfirmed(**_set(number, nr)) for nr in range(1, count)]
    store.load(
        Journal.entries(
            user,
            stores.keys.cipher_of(user),
            [*opened, *labels],  # type: ignore[list-item]
            first_nr=1,
            writer_epoch=1,
            previous_epoch=0,
            now_ms=T0_MS,
        )
    )


def _batches(make: Make) -> list[Batch]:
    """As they come from the gateway: decoded, each user's commands numbered in order."""
    users = itertools.cycle(range(USERS))
    taken = [0] * USERS
    batches = []
    for _ in range(BATCHES):
        batch = []
        for user in itertools.islice(users, BATCH):
            batch.append(Envelope(user, UserId(f"user-{user}"), make(user, taken[user])))
            taken[user] += 1
        batches.append(decode_envelopes(encode_envelopes(batch)))
    return batches


def _frame(user: int, number: int) -> Command:
    frame = SensorFrame(
        session=SessionId(f"session-{user}"),
        stream=StreamId("a"),
        sequence_nr=number,
        sensor="a",
        start_ms=T0_MS + 2_000 * number,
        rate_hz=50.0,
        scale=0.001,
        samples=bytes(2 * SAMPLES),
    )
    return AcceptFrame(frame=frame)


def _label(user: int, number: int) -> Command:
    return ConfirmLabel(**_set(user, number + 1))


def _set(user: int, command_nr: int) -> dict[str, Any]:
    return {
        "session": SessionId(f"session-{user}"),
        "command_nr": command_nr,
        "start_ms": T0_MS + 60_000 * command_nr,
        "end_ms": T0_MS + 60_000 * command_nr + 30_000,
        "exercise": "dumbbell-curl",
        "repetitions": 10,
        "weight_kg": 12.5,
    }


def _opening(number: int) -> OpenSession:
    return OpenSession(
        session=SessionId(f"session-{number}"),
        command_nr=0,
        at_ms=T0_MS,
        device=DeviceId(f"watch-{number}"),
        recogniser="server",
        streams=(Stream(stream=StreamId("a"), sensor="a", location="wrist"),),
    )


def _opened_state(number: int) -> User:
    state = User()
    for event in decide(state, _opening(number)):
        state = evolve(state, event)
    return state


def _users() -> list[UserId]:
    return [UserId(f"user-{number}") for number in range(USERS)]


def _stores(store: Any) -> tuple[UserStores, ModelShelf]:
    return UserStores.over(store, bytes(32)), ModelShelf(ModelStore(store))


def _partition(table: Table[Any], row: Any) -> tuple[str, Key]:
    return table.name, tuple(getattr(row, name) for name in table.partition)


def _profile(what: str) -> None:
    """Where the time goes by function; the profiler's own cost weighs most on small ones."""
    with cProfile.Profile() as profile:
        if what == "recovery":
            profile.disable()
            store = ListStore()
            for user in _users():
                _load(store, user, 100)
            profile.enable()
            _timed_recovery(USERS, *_stores(store))
        else:
            profile.disable()
            take, batches = _host(), _batches(_frame if what == "frames" else _label)
            profile.enable()
            _timed(take, batches)
    pstats.Stats(profile).sort_stats("tottime").print_stats(40)


if __name__ == "__main__":
    main()
