"""The whole loop as its user runs it: a real node, Spark, TensorFlow, websockets; and how it is ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

STOP_SECONDS = 60.0  # far more than the five that are promised: what is tested is that nothing is left
DEMO = [sys.executable, "-m", "cli", "demo", "--gateway-port", "0", "--api-port", "0"]


@contextmanager
def demo(data: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A running demonstration in a process group of its own, as a terminal starts it."""
    process = subprocess.Popen(
        [*DEMO, "--data", str(data), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def read_until(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if words in line:
            return "".join(seen)
    pytest.fail(f"{words!r} never came:\n" + "".join(seen))


def processes_of(data: Path) -> list[psutil.Process]:
    """Every process that names the data directory, or descends from one that does."""
    named = [p for p in psutil.process_iter() if str(data) in " ".join(_cmdline(p))]
    return [*named, *(child for p in named for child in p.children(recursive=True))]


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    directory = tmp_path_factory.mktemp("demo")
    path = directory / "report.json"
    with demo(directory / "node", "--exit", "--report", str(path)) as process:
        output, _ = process.communicate()
    assert process.returncode == 0, output
    figures: dict[str, Any] = json.loads(path.read_text())
    return figures


@pytest.mark.timeout(400)
def test_every_frame_that_was_sent_is_acknowledged_and_stored(report: dict[str, Any]) -> None:
    frames = report["frames"]
    assert frames["sent"] == frames["acknowledged"] == frames["stored"] > 10_000


def test_the_simulation_says_so_and_its_people_are_recognised(report: dict[str, Any]) -> None:
    assert report["simulated"] is True
    found = report["recognition"]
    assert found["sets"] == found["on_device"]["sets"] + found["on_server"]["sets"]
    assert min(found["on_device"]["sets"], found["on_server"]["sets"]) > 0
    # Far above chance (one in a dozen); the figures themselves are measured, not tested.
    assert found["sets_right"] > 0.6 * found["sets"]
    assert report["repetitions"]["within_one"] > 0.6 * report["repetitions"]["sets"]


def test_the_report_has_every_figure(report: dict[str, Any]) -> None:
    assert set(report) == {
        "store",
        "recordings",
        "simulated",
        "frames",
        "bytes_sent",
        "events_stored",
        "sessions",
        "users",
        "model",
        "recognition",
        "repetitions",
        "suggestions",
        "seconds",
    }
    assert {"start", "day_one", "night_batch", "night_train", "night_promote", "day_two"} <= set(
        report["seconds"]
    )
    assert report["model"]["bytes_int8"] > 0
    assert 0 < report["model"]["validation"]["f1_macro"] <= 1
    assert report["suggestions"]["made"] > report["suggestions"]["taken"] > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_night_ends_every_process_java_too(tmp_path: Path, number: signal.Signals) -> None:
    data = tmp_path / "node"
    with demo(data) as process:
        read_until(process, "labelled 2 s windows")
        started = processes_of(data)
        assert any("java" in p.name() for p in started)
        process.send_signal(number)
        assert process.wait(STOP_SECONDS) == 130
        _, left = psutil.wait_procs(started, STOP_SECONDS)
    assert left == []


def test_a_killed_training_fails_the_demonstration_in_words(tmp_path: Path) -> None:
    data = tmp_path / "node"
    with demo(data, "--exit") as process:
        read_until(process, "loss")
        (training,) = [p for p in processes_of(data) if "train" in _cmdline(p)]
        training.kill()
        output, _ = process.communicate()
    assert process.returncode == 1
    last = output.strip().splitlines()[-1]
    assert last.startswith("muvr: the night's train failed")
    assert "SIGKILL" in last
    assert "Traceback" not in output
