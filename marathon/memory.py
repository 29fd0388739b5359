"""How the memory of a container is shared out between a Java heap and everything beside it.

A container that grows past its memory is killed; a heap that is as large as its container lets that happen as
soon as Java puts anything beside it: code, threads, buffers for the network, Cassandra's memtables and index.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

GRANULE_MB = 64
HEAP_MB_MAX = 16_384  # G1's pauses grow with what lives in the heap; the rest serves better as page cache
YOUNG_SHARE = 4  # the young generation is a quarter of the heap
DEV_HEAP_MB, DEV_NEW_MB = 128, 24
# Measured: a node with a heap of 512 MB takes 980 MB, the development variant with 128 MB takes 465.
CASSANDRA_MEMORY_MB_MIN: Mapping[str, int] = {"dev": 768, "staging": 2_048, "production": 4_096}
SPARK_DAEMON_MB = 384  # the worker itself, whose own heap is half of it
SPARK_HEAP_SHARE = 0.6  # of the rest; Python's workers and Arrow's buffers are not in Java's heap
SPARK_MEMORY_MB_MIN = 1_536


@dataclass(frozen=True)
class Heap:
    """A heap's size and that of its young generation, in MB."""

    size_mb: int
    new_mb: int


def cassandra_heap(memory_mb: int, environment: str) -> Heap:
    """Half of the container up to 16 GB; in development as small as Cassandra starts with."""
    if environment == "dev":
        return Heap(DEV_HEAP_MB, DEV_NEW_MB)
    size = _whole(min(memory_mb // 2, HEAP_MB_MAX))
    return Heap(size, _whole(size // YOUNG_SHARE))


def spark_executor_mb(memory_mb: int) -> int:
    """The heap that a worker of that memory may give to executors."""
    return _whole(int((memory_mb - SPARK_DAEMON_MB) * SPARK_HEAP_SHARE))


def _whole(size_mb: int) -> int:
    return max(GRANULE_MB, size_mb // GRANULE_MB * GRANULE_MB)
