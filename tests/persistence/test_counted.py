"""What the wrapper around a store counts. The contract suite, which runs through it, shows that it is one."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.errors import StoreFull, StoreUnavailable
from domain.frames import SensorFrame
from domain.identifiers import SessionId, StreamId, UserId
from persistence.counted import CountedStore
from persistence.sensors import SensorStore
from persistence.sqlite import SqliteStore
from persistence.tables import DATA_KEY, SENSOR, DataKeyRow
from telemetry import metrics
from telemetry.pages import COUNTING
from tests.actors.faulty_store import FaultyStore
from tests.telemetry.counting import value_of

ANNA = UserId("anna")
UNDER_WAY = metrics.STORE_UNDER_WAY.of()


@pytest.fixture(autouse=True)
def from_zero() -> Iterator[None]:
    COUNTING.reset()
    yield
    COUNTING.reset()


@pytest.fixture
def inner(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    yield store
    store.close()


def seconds(operation: str) -> float:
    return value_of(metrics.STORE_SECONDS.of("sqlite", operation))


def errors(operation: str, code: str) -> float:
    return value_of(metrics.STORE_ERRORS.of("sqlite", operation, code))


def frame(number: int) -> SensorFrame:
    return SensorFrame(
        session=SessionId("s"),
        stream=StreamId("a"),
        sequence_nr=number,
        sensor="a",
        start_ms=0,
        rate_hz=50.0,
        scale=0.01,
        samples=bytes(6),
    )


def test_operations_are_timed(inner: SqliteStore) -> None:
    store = CountedStore(inner, "sqlite")
    store.write([SensorStore.entry(ANNA, frame(nr)) for nr in range(3)])
    store.submit([SensorStore.entry(ANNA, frame(3))]).result()
    assert seconds("write") == 2
    assert value_of(metrics.STORE_ROWS.of("sqlite")) == 2
    assert len(list(store.read(SENSOR, (ANNA, "s", "a")))) == 4
    assert not list(store.read(SENSOR, ("nobody", "s", "a")))
    assert next(store.scan(SENSOR)).user_id == ANNA
    assert seconds("read") == 3
    row = DataKeyRow(ANNA, b"x")
    assert store.insert_if_absent(DATA_KEY, [row]) == [True]
    assert store.compare_and_set(DATA_KEY, row, row._replace(wrapped_key=b"y"))
    assert seconds("conditional") == 2
    assert value_of(UNDER_WAY) == 0


def test_what_fails_is_counted_by_why_and_not_timed(
    inner: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty = FaultyStore(inner, random.Random(1), 0.0)
    store = CountedStore(faulty, "sqlite")
    written = store.submit([SensorStore.entry(ANNA, frame(0))])
    assert value_of(UNDER_WAY) == 1
    faulty.rate = 1.0
    faulty.finish_one()
    assert isinstance(written.exception(), StoreFull | StoreUnavailable)
    assert value_of(UNDER_WAY) == 0
    with pytest.raises(StoreUnavailable):
        store.read_many(SENSOR, [])
    with pytest.raises(StoreUnavailable):
        list(store.read(SENSOR, (ANNA, "s", "a")))
    assert errors("read", "store_unavailable") == 2
    assert errors("write", "store_full") + errors("write", "store_unavailable") == 1
    assert seconds("write") == seconds("read") == 0

    def refuses(mutations: object) -> None:
        raise ValueError("no bytes")

    monkeypatch.setattr(faulty, "submit", refuses)
    with pytest.raises(ValueError, match="no bytes"):
        store.submit([])
    assert errors("write", "other") == 1
    assert value_of(UNDER_WAY) == 0


def test_frames_are_named_only_when_somebody_listens(
    inner: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    store = CountedStore(inner, "sqlite")
    with caplog.at_level(logging.DEBUG, "persistence.counted"):
        store.write([SensorStore.entry(ANNA, frame(7))])
    (record,) = caplog.records
    assert record.fields["traces"] == ["s/a/7"]  # type: ignore[attr-defined]
    assert record.fields["rows"] == 1  # type: ignore[attr-defined]
    caplog.clear()
    with caplog.at_level(logging.INFO, "persistence.counted"):
        store.write([SensorStore.entry(ANNA, frame(8))])
    assert not caplog.records
