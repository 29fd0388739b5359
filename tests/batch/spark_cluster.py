"""A Spark master and two workers of its own package, real processes on loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyspark

from batch.java import find_java

DAEMON_MEMORY, WORKER_MEMORY, WORKER_CORES = "192m", "700m", 1
START_SECONDS_MAX = 120.0
UP = {"master": "I have been elected leader", "worker": "Successfully registered with master"}


@dataclass
class SparkCluster:
    directory: Path
    port: int
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def master(self) -> str:
        return f"spark://127.0.0.1:{self.port}"

    def reclaim(self, number: int) -> None:
        """End a worker and all of its executors at once, as a spot machine does."""
        os.killpg(self.workers[number].pid, signal.SIGKILL)
        self.workers[number].wait()


@contextmanager
def spark_cluster(directory: Path) -> Iterator[SparkCluster]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    cluster = SparkCluster(directory, port)
    started = []
    try:
        started.append(
            _start(
                directory, "master", "master.Master", "-h", "127.0.0.1", "-p", str(port), "--webui-port", "0"
            )
        )
        for number in range(2):
            options = ["-c", str(WORKER_CORES), "-m", WORKER_MEMORY, "-h", "127.0.0.1", "--webui-port", "0"]
            options += ["-d", str(directory / f"work{number}"), cluster.master]
            cluster.workers.append(_start(directory, f"worker{number}", "worker.Worker", *options))
            started.append(cluster.workers[-1])
        yield cluster
    finally:
        for process in reversed(started):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _start(directory: Path, name: str, main: str, *options: str) -> subprocess.Popen[bytes]:
    """Returns once it says that it is up: its output is a pipe that is read so far, then a file."""
    home = Path(pyspark.__file__).parent
    environment = {
        **os.environ,
        "JAVA_HOME": str(find_java()),
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_DAEMON_MEMORY": DAEMON_MEMORY,
        "SPARK_DAEMON_JAVA_OPTS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "SPARK_WORKER_DIR": str(directory),
        "PYSPARK_PYTHON": sys.executable,
    }
    command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{main}", *options]
    log = directory / f"{name}.log"
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    assert process.stdout is not None
    with log.open("wb") as kept:
        for line in process.stdout:
            kept.write(line)
            if UP[name.rstrip("01")].encode() in line:
                break
        else:
            raise AssertionError(f"{name} ended with {process.wait()}: {log.read_text()}")
    # What it says later must not fill the pipe, so another process takes it for as long as there is any.
    with log.open("ab") as kept:
        subprocess.Popen(["cat"], stdin=process.stdout, stdout=kept, start_new_session=True)
    process.stdout.close()
    return process
