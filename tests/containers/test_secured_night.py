"""The night on a Cassandra with certificates and roles: Spark's connector has to show both, too."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from batch.registry import chosen
from batch.session import spark_session
from domain.frames import SensorFrame
from domain.identifiers import SessionId, StreamId
from persistence.location import open_store
from tests.batch.running import START_MS, confirm, run_batch, upload, window_rows
from tests.containers.secured import Secured

pytestmark = pytest.mark.soak

SECONDS = 60


def frame(stream: str, number: int) -> SensorFrame:
    samples = np.random.default_rng(number).integers(-2000, 2000, 150).astype("<i2").tobytes()
    return SensorFrame(
        session=SessionId("s1"), stream=StreamId(stream), sequence_nr=number, sensor=stream[0],
        start_ms=START_MS + 1000 * number, rate_hz=50.0, scale=0.001, samples=samples,
    )  # fmt: skip


@pytest.mark.timeout(1800)
def test_a_night_runs_with_certificates_and_its_own_role(tmp_path: Path) -> None:
    secured = Secured(tmp_path / "secured")
    try:
        secured.up()
        with closing(open_store(secured.of_role("node"))) as store:
            for stream in ("a.wrist", "g.wrist"):
                upload(store, "ada", [frame(stream, number) for number in range(SECONDS)])
            confirm(store, "ada", "s1", 20, 50, "squat")
        location = secured.of_role("batch")
        with spark_session(tmp_path / "spark", location=location) as spark:
            result = run_batch(spark, location, jobs=chosen(()))
        assert result
        with closing(open_store(secured.of_role("read"))) as store:
            assert window_rows(store)
    finally:
        secured.node.kill()
