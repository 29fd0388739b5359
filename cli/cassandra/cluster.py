"""`LocalCluster`: one or three Cassandra nodes on this machine."""

from __future__ import annotations

import fcntl
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import msgspec

from batch.java import find_java
from cli.cassandra.configuration import (
    NODES,
    ClusterSettings,
    CommitlogSync,
    cassandra_yaml,
    heap_mb_default,
    java_command,
    logback_xml,
)
from cli.cassandra.jars import Say, fetched_jars
from cli.cassandra.network import check_port, free_port
from cli.cassandra.node import STOP_SECONDS_MAX, NodeProcess
from domain.errors import ConfigurationError

JAVA_MAJORS = (11, 17)  # what Cassandra 5.0 runs on
_SETTINGS_FILE = "cluster.json"
_MEGABYTE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class NodeStatus:
    """`pid` and `resident_mb` are None if it does not run; a paused node runs and does not answer."""

    name: str
    address: str
    pid: int | None
    resident_mb: int | None
    answers: bool


class LocalCluster:
    """`nodes` servers, 127.0.0.1 and on, that keep everything in `data`. Index 0 is the first.

    As a context manager it starts them and stops them. A port of 0 is one that `data` already uses, else one
    that is free on all addresses. Unless they `survive`, the nodes are killed when this process ends.
    Raises ConfigurationError if they cannot be started, ProcessFailed if one dies as it starts.
    """

    def __init__(
        self,
        data: Path,
        *,
        nodes: int = 1,
        port: int = 0,
        storage_port: int = 0,
        heap_mb: int | None = None,
        dev: bool = True,
        commitlog_sync: CommitlogSync = "periodic",
        survive: bool = False,
        cache: Path | None = None,
        say: Say = lambda line: None,
    ) -> None:
        if nodes not in NODES:
            raise ConfigurationError(f"{nodes} nodes", expected="1 or 3")
        self._data = data.absolute().resolve()
        self._cache = cache
        self._say = say
        stored = stored_settings(self._data)
        hosts = [f"127.0.0.{number}" for number in range(1, nodes + 1)]
        port = port or (stored.port if stored else free_port(hosts))
        self.settings = ClusterSettings(
            nodes=nodes,
            port=port,
            storage_port=storage_port or (stored.storage_port if stored else free_port(hosts, [port])),
            heap_mb=heap_mb or heap_mb_default(nodes, dev=dev),
            dev=dev,
            commitlog_sync=commitlog_sync,
        )
        self._nodes = [
            NodeProcess(self._data / f"node{number}", host, port, survive=survive)
            for number, host in enumerate(hosts, start=1)
        ]

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *exception: object) -> None:
        self.down()

    @property
    def hosts(self) -> list[str]:
        return self.settings.hosts

    @property
    def port(self) -> int:
        return self.settings.port

    def location(self, keyspace: str) -> str:
        """Where a store finds it: `cassandra://127.0.0.1:9042,127.0.0.2:9042/muvr`."""
        return f"cassandra://{','.join(f'{host}:{self.port}' for host in self.hosts)}/{keyspace}"

    def pid(self, index: int) -> int:
        process = self._nodes[index].process()
        assert process is not None, f"{self._nodes[index].name} does not run"
        return int(process.pid)

    def log(self, index: int) -> Path:
        return self._nodes[index].log

    def up(self) -> int:
        """Start the nodes that do not run and wait until all answer; how many were started."""
        with self._locked():
            missing = [index for index, node in enumerate(self._nodes) if node.process() is None]
            stored = stored_settings(self._data)
            self._check_stored(stored, is_any_running=len(missing) < len(self._nodes))
            try:
                _store_settings(self._data, self.settings)  # first, so that `down` finds what has begun
                self._start(missing)
                self._wait_for_ring()
            except BaseException:
                self._stop([self._nodes[index] for index in missing])
                _store_settings(self._data, stored)
                raise
            return len(missing)

    def down(self) -> int:
        """Stop all nodes, each of which writes its memory to disk first; how many were stopped."""
        running = [node for node in self._nodes if node.process() is not None]
        self._stop(running)
        return len(running)

    def start(self, index: int) -> None:
        """Start a node that was killed, and wait until it answers."""
        assert self._nodes[index].process() is None, f"{self._nodes[index].name} runs"
        self._start([index])
        self._wait_for_ring()

    def kill(self, index: int) -> None:
        """SIGKILL, as when the machine's memory runs out; returns when it is gone."""
        self._nodes[index].kill()

    def pause(self, index: int) -> None:
        """SIGSTOP: its connections stay open and nothing answers."""
        self._nodes[index].signal(signal.SIGSTOP)

    def resume(self, index: int) -> None:
        self._nodes[index].signal(signal.SIGCONT)

    def status(self) -> list[NodeStatus]:
        return [_status(node) for node in self._nodes]

    def _stop(self, nodes: list[NodeProcess]) -> None:
        for node in nodes:
            node.begin_stop()
        for node in nodes:
            if node.wait_until_stopped(STOP_SECONDS_MAX):
                self._say(f"{node.name} did not stop in time and was killed; it replays its log next time")

    def _start(self, indices: list[int]) -> None:
        """Start nodes side by side and wait for each."""
        began = time.monotonic()
        java_home = find_java(majors=JAVA_MAJORS, program="Cassandra")
        jars = fetched_jars(java_home, self._cache, self._say)
        if indices:
            self._say(f"starting {', '.join(self._nodes[index].name for index in indices)}")
        for index in indices:
            node = self._nodes[index]
            check_port([node.host], self.settings.port, "--port")
            check_port([node.host], self.settings.storage_port, "--storage-port")
            _write_configuration(self.settings, index, node)
            node.start(java_command(java_home, jars, self.settings, node.directory))
        for index in indices:
            self._nodes[index].wait_until_it_answers()
            self._say(f"{self._nodes[index].name} answers after {time.monotonic() - began:.1f} s")

    def _wait_for_ring(self) -> None:
        """Until all nodes that are at work see one another."""
        at_work = [node for node in self._nodes if node.is_at_work()]
        if len(at_work) > 1:
            for node in at_work:
                node.wait_until_it_reaches(len(at_work))

    def _check_stored(self, stored: ClusterSettings | None, *, is_any_running: bool) -> None:
        """A ring keeps its size and, while a node runs, everything else."""
        if stored and stored.nodes != self.settings.nodes:
            raise ConfigurationError(
                f"{self.settings.nodes} nodes on the data of {stored.nodes} in {self._data}",
                expected="the number of nodes that the data was written with",
                remedy="choose another directory with --data",
            )
        if stored and is_any_running and stored != self.settings:
            raise ConfigurationError(
                f"nodes of {self._data} run with other settings ({_differences(stored, self.settings)})",
                remedy="stop them first: muvr cassandra down",
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Only one program starts nodes of `data` at a time."""
        try:
            self._data.mkdir(parents=True, exist_ok=True)
            file = (self._data / "lock").open("w")
        except OSError as error:
            raise ConfigurationError(
                f"{self._data} cannot be written: {error.strerror or error}",
                remedy="choose another directory with --data",
            ) from error
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def stored_settings(data: Path) -> ClusterSettings | None:
    """What the cluster in `data` was last started with; None if there is none."""
    path = data / _SETTINGS_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=ClusterSettings)
    except FileNotFoundError:
        return None
    except (NotADirectoryError, msgspec.MsgspecError) as error:
        raise ConfigurationError(
            f"{path} is not the settings of a cluster: {error}",
            remedy="choose another directory with --data",
        ) from error


def _store_settings(data: Path, settings: ClusterSettings | None) -> None:
    path = data / _SETTINGS_FILE
    if settings is None:
        path.unlink(missing_ok=True)
        return
    new = path.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(settings))
    new.replace(path)


def _status(node: NodeProcess) -> NodeStatus:
    process = node.process()
    return NodeStatus(
        name=node.name,
        address=f"{node.host}:{node.port}",
        pid=process.pid if process else None,
        resident_mb=process.memory_info().rss // _MEGABYTE if process else None,
        answers=process is not None and node.answers(),
    )


def _write_configuration(settings: ClusterSettings, index: int, node: NodeProcess) -> None:
    directory = node.directory / "conf"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "cassandra.yaml").write_text(cassandra_yaml(settings, index, node.directory))
    (directory / "logback.xml").write_text(logback_xml(node.log))


def _differences(one: ClusterSettings, other: ClusterSettings) -> str:
    before, after = asdict(one), asdict(other)
    return ", ".join(
        f"{name} {before[name]}, not {after[name]}" for name in before if before[name] != after[name]
    )
