"""`muvr batch` as an operator runs it, and what is left of it when it is ended."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import sys
from datetime import date
from pathlib import Path

import psutil
import pytest

from batch.errors import translated
from batch.program import BatchConfig, run
from domain.errors import ConfigurationError, ProcessFailed, StoredValueCorrupt, StoreUnavailable
from domain.sensors import SensorSet

ROOT = Path(__file__).parents[2]

# The real program, whose job is one worker that calls the test and then never ends.
NEVER_ENDING = """
import socket, sys
import batch.program
from batch.arrow import map_rows
from cli.main import main

PORT = int(sys.argv.pop(1))

def call_and_hang(rows):
    import socket
    with socket.create_connection(("127.0.0.1", PORT)) as connection:
        connection.recv(1)
    yield from rows

def hang(places, *_, **__):
    map_rows(places.source.session.range(1), call_and_hang, "id bigint").collect()

batch.program.run_jobs = hang
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    directory = tmp_path / "keys"
    directory.mkdir()
    (directory / "pseudonyms.key").write_bytes(bytes(range(32)))
    return directory


def arguments(store: Path, keys: Path) -> list[str]:
    sets = ["--sensor-sets", "a@50", "a,g@50"]
    return ["batch", "run", "--store", f"sqlite:{store}", *sets, "--keys", str(keys)]


def muvr(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_progress_and_result_are_json_lines(store_directory, keys) -> None:
    ended = muvr(*arguments(store_directory, keys), "--json-progress")
    assert (ended.returncode, ended.stderr) == (0, "")
    *progress, last = map(json.loads, ended.stdout.splitlines())
    assert all(set(line) == {"stage", "done", "total", "message"} for line in progress)
    slices = last["result"]["jobs"]["slices"]
    assert set(slices["measures"]) == {"sessions", "windows of a@50", "windows of a,g@50"}
    assert slices["measures"]["sessions"] == 2
    assert slices["rows"]["window"] > 100
    listed = muvr("batch", "list", "--store", f"sqlite:{store_directory}").stdout
    assert listed.startswith("1  ")
    assert "; served: window, cluster, " in listed


def test_errors_are_one_line(tmp_path, keys) -> None:
    ended = muvr(*arguments(tmp_path / "none", keys))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("muvr: no store can be read in ")
    assert len(ended.stderr.splitlines()) == 1


def test_a_malformed_row_is_one_line_that_names_it(store_directory, keys) -> None:
    with sqlite3.connect(store_directory / "muvr.sqlite") as connection:
        connection.execute("UPDATE label SET end_at = start_at WHERE user_id = 'bob'")
    ended = muvr(*arguments(store_directory, keys))
    assert ended.returncode == 1
    assert ended.stderr.startswith("muvr: label of user 'bob', session 's2' at 1790000020000: 'press'")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"pseudonym_key": b"short"}, "5 bytes"),
        ({"day": date(2999, 1, 1)}, "2999-01-01 has not come yet"),
        ({"members_min": 0}, "--members-min 0"),
        ({"jobs": ("dreams",)}, "no job 'dreams'; expected some of slices"),
    ],
)
def test_what_cannot_be_is_refused_before_spark_starts(store_directory, settings, says) -> None:
    sets = (SensorSet.parse("a@50"),)
    given = {
        "store": f"sqlite:{store_directory}",
        "sensor_sets": sets,
        "pseudonym_key": bytes(32),
        **settings,
    }
    with pytest.raises(ConfigurationError, match=says):
        run(BatchConfig(**given), print)


def test_what_a_worker_raised_comes_back_as_itself() -> None:
    text = "Traceback:\n  File\ndomain.errors.StoredValueCorrupt: row 7 is bad; expected better\n\tat java"
    error = translated(text, Path("spark.log"))
    assert isinstance(error, StoredValueCorrupt)
    assert str(error) == "row 7 is bad; expected better"


def test_that_cassandra_is_away_is_told_from_a_failure() -> None:
    text = "Job aborted\nCaused by: com.datastax.oss.driver.api.core.AllNodesFailedException: all 1 node"
    assert isinstance(translated(text, Path("spark.log")), StoreUnavailable)


def test_what_spark_says_of_itself_becomes_one_line() -> None:
    error = translated("\nJob aborted\n\tat java", Path("spark.log"))
    assert isinstance(error, ProcessFailed)
    assert str(error).startswith("Spark failed: Job aborted; see spark.log")


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)]
)
def test_nothing_is_left_when_it_is_ended(store_directory, keys, tmp_path, number, status) -> None:
    options = [*arguments(store_directory, keys), "--work-directory", str(tmp_path / "work")]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        command = [sys.executable, "-c", NEVER_ENDING, port, *options]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
            server.settimeout(60)
            connection, _ = server.accept()  # a worker is in the middle of its task
            family = psutil.Process(program.pid).children(recursive=True)
            assert "java" in {process.name() for process in family}
            assert len(family) >= 3
            program.send_signal(number)
            _, errors = program.communicate(timeout=60)
            _, alive = psutil.wait_procs(family, timeout=60)
            connection.close()
    assert alive == []
    assert program.returncode == status
    assert b"Traceback" not in errors
