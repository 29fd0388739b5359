"""A Cassandra of a benchmark's own, whose flushes, compactions, files and CPU time it can see."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import WhiteListRoundRobinPolicy

from batch.java import find_java
from cli.cassandra.cluster import JAVA_MAJORS, LocalCluster
from cli.cassandra.jars import jar_directory
from cli.cassandra.network import free_port

HEAP_MB = 1024
REQUEST_SECONDS_MAX = 60.0
SETTLE_SECONDS_MAX = 30.0
_POLL_SECONDS = 0.1
_NODETOOL_FLAGS = (
    "-XX:TieredStopAtLevel=1",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
)


class ScratchNode:
    """One server with production's settings, in `directory`; `close` stops it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._cluster = LocalCluster(directory / "cassandra", dev=False, heap_mb=HEAP_MB)
        taken = (self._cluster.port, self._cluster.settings.storage_port)
        self._jmx_port = free_port(self._cluster.hosts, taken)
        with _java_options(f"-Dcassandra.jmx.local.port={self._jmx_port}"):
            self._cluster.up()
        self._process = psutil.Process(self._cluster.pid(0))
        self._driver = Cluster(
            self._cluster.hosts,
            port=self._cluster.port,
            sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
            execution_profiles={
                EXEC_PROFILE_DEFAULT: ExecutionProfile(
                    load_balancing_policy=WhiteListRoundRobinPolicy(self._cluster.hosts),
                    request_timeout=REQUEST_SECONDS_MAX,
                )
            },
        )

    @property
    def address(self) -> str:
        return f"{self._cluster.hosts[0]}:{self._cluster.port}"

    def close(self) -> None:
        self._driver.shutdown()
        self._cluster.down()

    def session(self) -> Session:
        return self._driver.connect()

    def cpu_seconds(self) -> float:
        """CPU time of the server so far, its threads of flushing and compacting included."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def flush(self, keyspace: str, table: str) -> None:
        self.nodetool("flush", keyspace, table)

    def compact(self, keyspace: str, table: str) -> None:
        """Write all of a table anew, into one SSTable; returns when the old ones are gone."""
        self.nodetool("compact", keyspace, table)
        deadline = time.monotonic() + SETTLE_SECONDS_MAX
        # Components are `nb-GENERATION-big-NAME`; the compaction's log lies beside them until all is done.
        while len({path.name.rpartition("-")[0] for path in self._files(keyspace, table)}) != 1:
            assert time.monotonic() < deadline, f"{table} does not become one SSTable"
            time.sleep(_POLL_SECONDS)

    def disk_bytes(self, keyspace: str, table: str) -> int:
        """All component files of a table's SSTables."""
        return sum(path.stat().st_size for path in self._files(keyspace, table))

    def _files(self, keyspace: str, table: str) -> list[Path]:
        data = self._directory / "cassandra" / "node1" / "data" / keyspace
        return [path for path in data.glob(f"{table}-*/*") if path.is_file()]

    def nodetool(self, *arguments: str) -> None:
        """Run Cassandra's own tool on this node; it has to succeed."""
        java_home = find_java(majors=JAVA_MAJORS, program="Cassandra")
        command = [
            str(java_home / "bin" / "java"), *_NODETOOL_FLAGS, f"-Duser.home={self._directory}",
            "-cp", str(jar_directory() / "*"), "org.apache.cassandra.tools.NodeTool",
            "-p", str(self._jmx_port), *arguments,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def _java_options(options: str) -> Iterator[None]:
    """What every Java that is started meanwhile takes besides its arguments."""
    before = os.environ.get("JAVA_TOOL_OPTIONS")
    os.environ["JAVA_TOOL_OPTIONS"] = options if before is None else f"{before} {options}"
    try:
        yield
    finally:
        if before is None:
            del os.environ["JAVA_TOOL_OPTIONS"]
        else:
            os.environ["JAVA_TOOL_OPTIONS"] = before
