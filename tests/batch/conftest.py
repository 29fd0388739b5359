"""One Spark session for all tests of a module, and a small store with two labelled sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from batch.session import spark_session
from domain.frames import SensorFrame, pack_samples, scale_for
from domain.identifiers import SessionId, StreamId
from domain.sensors import SENSORS
from persistence.sqlite import SqliteStore
from tests.batch.running import START_MS, confirm, upload

MakeFrames = Callable[..., list[SensorFrame]]


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Knows the connector, as there is one session in a process and some tests want Cassandra."""
    with spark_session(tmp_path_factory.mktemp("spark"), location="cassandra://any/any") as session:
        yield session


@pytest.fixture(scope="session")
def make_frames() -> MakeFrames:
    """Frames of one second at 100 Hz from `start_ms` on; a fixed seed per session and sensor."""

    def make(session: str, stream: str, seconds: int, start_ms: int = START_MS) -> list[SensorFrame]:
        sensor = stream[0]
        shape = (seconds, 100, len(SENSORS[sensor].axes))
        values = np.random.default_rng(len(session) + ord(sensor)).normal(size=shape)
        return [
            SensorFrame(
                session=SessionId(session),
                stream=StreamId(stream),
                sequence_nr=number,
                sensor=sensor,
                start_ms=start_ms + number * 1000,
                rate_hz=100.0,
                scale=scale_for(sensor),
                samples=pack_samples(second, scale_for(sensor)),
            )
            for number, second in enumerate(values)
        ]

    return make


@pytest.fixture
def store_directory(tmp_path: Path, make_frames: MakeFrames) -> Path:
    """Two users, each with a session of 100 s labelled from 20 s to 60 s, and a session without labels."""
    directory = tmp_path / "store"
    store = SqliteStore(directory)
    for user, session in (("ada", "s1"), ("bob", "s2"), ("bob", "unlabelled")):
        for stream in ("a.wrist", "g.wrist"):
            upload(store, user, make_frames(session, stream, 100))
    for user, session, exercise in (("ada", "s1", "squat"), ("bob", "s2", "press")):
        confirm(store, user, session, 20, 60, exercise)
    store.close()
    return directory
