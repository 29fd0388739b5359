"""Machines that go away in the middle of a run: it gives what an undisturbed one gives, row for row."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.cassandra.cluster import LocalCluster
from persistence.batch_tables import ARRIVAL
from persistence.location import open_store, prepare_store
from persistence.ports import Insert
from persistence.profile_tables import PROFILE
from persistence.runs import RunStore
from persistence.sqlite import SqliteStore
from persistence.tables import LABEL, SENSOR, WINDOW
from tests.batch.running import confirm, upload, window_rows
from tests.batch.spark_cluster import SparkCluster, spark_cluster

ROOT = Path(__file__).parents[2]
SESSIONS = 12
RUN_SECONDS_MAX = 280
TimesOut = pytest.mark.timeout(600)


class Program:
    """`muvr batch run`, listened to."""

    def __init__(self, location: str, keys: Path, *options: str) -> None:
        command = [sys.executable, "-m", "cli", "batch", "run", "--json-progress", "--store", location]
        command += ["--sensor-sets", "a@50", "a,g@50", "--keys", str(keys), "--memory-mb", "512", *options]
        environment = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"}
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def wait_until_under_way(self) -> None:
        """Until some of the job's tasks are done, and others are not."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said = json.loads(line)
            if said.get("stage") == "slices" and 0 < said["done"] < said["total"]:
                return
        raise AssertionError(f"it ended before: {self.process.communicate()}")

    def result(self) -> dict[str, object]:
        output, errors = self.process.communicate(timeout=RUN_SECONDS_MAX)
        assert self.process.returncode == 0, errors
        found: dict[str, object] = json.loads(output.splitlines()[-1])["result"]
        return found

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("keys")
    (directory / "pseudonyms.key").write_bytes(bytes(range(32)))
    return directory


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, make_frames: Callable[..., list]) -> Path:
    """A store that nothing has run on yet."""
    directory = tmp_path_factory.mktemp("original") / "store"
    store = SqliteStore(directory)
    for number in range(SESSIONS):
        user, session = f"user{number}", "x" * (number + 1)
        for stream in ("a.wrist", "g.wrist"):
            upload(store, user, make_frames(session, stream, 100))
        confirm(store, user, session, 10, 50, "squat")
    store.close()
    return directory


@pytest.fixture(scope="module")
def undisturbed(original: Path, keys: Path, tmp_path_factory: pytest.TempPathFactory) -> list:
    with copied(original, tmp_path_factory.mktemp("undisturbed")) as (location, store):
        assert Program(location, keys, "--master", "local[2]").result()["run_nr"] == 1
        rows = window_rows(store)
    assert len({row[3] for row in rows}) == SESSIONS
    return rows


@contextmanager
def copied(original: Path, place: Path) -> Iterator[tuple[str, SqliteStore]]:
    directory = place / "store"
    shutil.copytree(original, directory)
    store = SqliteStore(directory)
    yield f"sqlite:{directory}", store
    store.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    with spark_cluster(tmp_path_factory.mktemp("spark")) as running:
        yield running


@TimesOut
def test_the_driver_is_killed_and_the_run_begun_again(cluster, original, undisturbed, keys, tmp_path) -> None:
    with copied(original, tmp_path) as (location, store):
        first = Program(location, keys, "--master", cluster.master)
        first.wait_until_under_way()
        first.kill()
        assert RunStore(store).state().served == {}
        assert Program(location, keys, "--master", cluster.master).result()["run_nr"] == 2
        assert window_rows(store) == undisturbed
        assert {row.run_nr for row in store.scan(WINDOW)} == {2}
        assert [run.number for run in RunStore(store).state().runs] == [2]


@TimesOut
def test_a_worker_is_reclaimed_in_the_middle(cluster, original, undisturbed, keys, tmp_path) -> None:
    with copied(original, tmp_path) as (location, store):
        program = Program(location, keys, "--master", cluster.master)
        program.wait_until_under_way()
        cluster.reclaim(0)
        assert program.result()["run_nr"] == 1
        assert window_rows(store) == undisturbed


@pytest.mark.soak
@TimesOut
def test_cassandra_is_killed_and_comes_back_in_the_middle(original, undisturbed, keys, tmp_path) -> None:
    with LocalCluster(tmp_path / "cassandra", nodes=1, dev=True, heap_mb=384) as servers:
        location = f"cassandra://{servers.hosts[0]}:{servers.port}/faults?replication=1"
        prepare_store(location)
        store, source = open_store(location), SqliteStore(original)
        for table in (SENSOR, LABEL, ARRIVAL, PROFILE):
            store.write([Insert(table, row) for row in source.scan(table)])
        source.close()
        program = Program(location, keys, "--master", "local[2]")
        program.wait_until_under_way()
        servers.kill(0)
        servers.start(0)
        assert program.result()["run_nr"] == 1
        assert window_rows(store) == undisturbed
        store.close()
