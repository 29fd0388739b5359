"""The stores that benchmarks measure: the embedded one, or a Cassandra server of their own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from cli.cassandra.cluster import LocalCluster
from persistence.cassandra.connection import connect
from persistence.cassandra.settings import parse_location
from persistence.location import open_store, prepare_store
from persistence.ports import Delete, Store
from persistence.tables import TABLES

HEAP_MB = 2048
KINDS = "sqlite, cassandra, or the location of a store whose rows may be added to"


@dataclass(frozen=True)
class Place:
    """Where a store is, and the process that serves it, if it is not this one."""

    location: str
    server: psutil.Process | None

    def server_cpu_s(self) -> float:
        """CPU seconds that the server has used."""
        if self.server is None:
            return 0.0
        times = self.server.cpu_times()
        return float(times.user + times.system)


@contextmanager
def place(kind: str) -> Iterator[Place]:
    """A store of that kind with muvr's schema; but for a location it is gone afterwards.

    Cassandra gets one node with a 2 GB heap. Commit logs are synced every 10 s, as Cassandra does by default:
    of what was acknowledged a killed server may lose the last 0.1 s.
    """
    if ":" in kind:
        prepare_store(kind)
        yield Place(kind, _local_server())
        return
    with tempfile.TemporaryDirectory(prefix=f"muvr-{kind}-") as directory:
        if kind == "sqlite":
            location = f"sqlite:{directory}"
            prepare_store(location)
            yield Place(location, None)
            return
        with LocalCluster(Path(directory), dev=False, heap_mb=HEAP_MB) as cluster:
            location = cluster.location("muvr")
            prepare_store(location)
            yield Place(location, psutil.Process(cluster.pid(0)))


def _local_server() -> psutil.Process | None:
    """The only Cassandra of this machine, if there is one."""
    processes = psutil.process_iter(["cmdline"])
    found = [
        each for each in processes if any("CassandraDaemon" in part for part in each.info["cmdline"] or ())
    ]
    return found[0] if len(found) == 1 else None


def empty(found: Place) -> None:
    """Delete every row: what was measured before must not weigh on what is measured next."""
    if found.location.startswith("cassandra:"):
        settings = parse_location(found.location)
        session = connect(settings)
        for table in TABLES:
            session.execute(f"TRUNCATE {settings.qualified(table)}", timeout=60)
        session.cluster.shutdown()
        return
    store = opened(found)
    for table in TABLES:
        partitions = {tuple(row[: len(table.partition)]) for row in store.scan(table)}
        store.write([Delete(table, partition) for partition in partitions])
    store.close()


def opened(found: Place) -> Store:
    """The store, for one measurement."""
    return open_store(found.location)
