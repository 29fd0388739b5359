"""Bytes on disk for an hour of a three-axis sensor in Cassandra, and the CPU that its rows cost.

    python -m benchmarks.storage [--recordings DIR] [--json FILE]

Starts a Cassandra of its own. Frames of a second are written as the store does, the streams of a data set
side by side; each table is flushed and compacted before its files are measured. `declared` is the sensor
table as persistence/tables.py has it; beside it stand other types and compressions of the samples. DIR is a
data set of recordings or a folder of such; without it people are simulated. What was measured faster than
50 Hz is thinned to it. CPU is the median of some runs, with the smallest and largest; the machine may do
other work meanwhile. Not measured: replicas, other tables, rows that wait for their first compaction.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from cassandra.cluster import Session
from cassandra.query import BatchStatement, BatchType

from benchmarks.cassandra_node import ScratchNode
from benchmarks.streams import RATE_HZ, DataSet, data_sets
from domain.frames import SensorFrame
from persistence.cassandra.codec import TableCodec
from persistence.cassandra.values import LONG, encode_list, encode_samples
from persistence.sensors import SensorStore
from persistence.tables import SENSOR

KEYSPACE = "storage"
COMPACTION_OFF = "{'class': 'SizeTieredCompactionStrategy', 'enabled': 'false'}"
BATCH_ROWS, BATCHES_IN_FLIGHT = 25, 4
USERS = 1000  # whose rows are written in turn when CPU is measured
COMPACTED_ROWS = 40_000
MIB = 2**20

Encoded = tuple[bytes, ...]
Row = tuple[bytes | None, ...]  # every column as the native protocol has it, and the write time
Figures = dict[str, Any]


class Layout(NamedTuple):
    """How samples are declared, and how those of a frame are encoded."""

    columns: dict[str, str]
    encode: Callable[[SensorFrame], Encoded]


def _axes(frame: SensorFrame) -> Encoded:
    values = np.frombuffer(frame.samples, "<i2").reshape(-1, frame.axis_count)
    return tuple(encode_samples(np.ascontiguousarray(axis).tobytes()) for axis in values.T)


def _nested(frame: SensorFrame) -> Encoded:
    return (encode_list(_axes(frame)),)


def _text(frame: SensorFrame) -> Encoded:
    return (",".join(map(str, np.frombuffer(frame.samples, "<i2").tolist())).encode(),)


LIST = "frozen<list<smallint>>"
DECLARED = Layout({"samples": SENSOR.cql_types["samples"]}, lambda frame: (encode_samples(frame.samples),))
LAYOUTS = {
    "list": Layout({"samples": LIST}, lambda frame: (encode_samples(frame.samples),)),
    "list per axis": Layout({"x": LIST, "y": LIST, "z": LIST}, _axes),
    "list of lists": Layout({"samples": f"frozen<list<{LIST}>>"}, _nested),
    "text": Layout({"samples": "text"}, _text),
    "blob": Layout({"samples": "blob"}, lambda frame: (frame.samples,)),
}


def _zstd(level: int, chunk_kb: int) -> str:
    options = f"'compression_level': {level}, 'chunk_length_in_kb': {chunk_kb}"
    return f"{{'class': 'ZstdCompressor', {options}}}"


COMPRESSIONS = {
    "LZ4 16": "{'class': 'LZ4Compressor'}",
    "Deflate 64": "{'class': 'DeflateCompressor', 'chunk_length_in_kb': 64}",
    "Zstd 2, 64": _zstd(2, 64),
    "Zstd 3, 16": _zstd(3, 16),
    "Zstd 7, 64": _zstd(7, 64),
    "Zstd 13, 16": _zstd(13, 16),
}


def main() -> None:
    options = _parser().parse_args()
    sets = data_sets(options.recordings)
    with (
        tempfile.TemporaryDirectory(prefix="muvr-storage-") as directory,
        closing(ScratchNode(Path(directory))) as node,
    ):
        bench = _Bench(node, options.seconds, options.runs)
        result: Figures = {"mib_per_hour": {}, "values_per_second": round(RATE_HZ) * 3}
        for each in sets:
            layouts = list(LAYOUTS) if each is sets[0] else ["list"]
            result["mib_per_hour"][each.name] = bench.sizes(each, layouts)
            print(
                f"{each.name}: {json.dumps(result['mib_per_hour'][each.name])}", file=sys.stderr, flush=True
            )
        if options.seconds:
            result["cpu_us_per_row"] = {"of": sets[0].name, **bench.cpu(sets[0])}
    result["measured_at"] = time.strftime("%Y-%m-%d")
    text = json.dumps(result, indent=2)
    print(text)
    if options.json is not None:
        options.json.write_text(text + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure what sensor rows cost in Cassandra.")
    parser.add_argument("--recordings", type=Path, metavar="DIR")
    parser.add_argument("--seconds", type=float, default=5.0, help="of a run of writes; 0 measures no CPU")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser


class _Bench:
    def __init__(self, node: ScratchNode, seconds: float, runs: int) -> None:
        self._node = node
        self._session = node.session()
        self._seconds = seconds
        self._runs = runs
        replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
        self._session.execute(f"CREATE KEYSPACE {KEYSPACE} WITH replication = {replication}")

    def sizes(self, data: DataSet, layouts: Sequence[str]) -> Figures:
        """MiB for an hour of one sensor: as declared, and as `layouts` under each compression."""
        table = _Table(self._node, self._session, DECLARED)
        table.write(rows_of(data, DECLARED))
        written = sum(
            int(np.frombuffer(frame.samples, "<i2").sum(dtype=np.int64)) for _, frame in data.frames
        )
        figures: Figures = {
            "hours": round(data.hours, 2),
            "samples alone": _per_hour(sum(len(frame.samples) for _, frame in data.frames), data),
            "declared": _per_hour(table.compacted_bytes(None), data),
            "sum of numbers read is that written": table.sum_of_samples() == written,
        }
        table.drop()
        for name in layouts:
            table = _Table(self._node, self._session, LAYOUTS[name])
            table.write(rows_of(data, LAYOUTS[name]))
            figures[name] = {
                label: _per_hour(table.compacted_bytes(compression), data)
                for label, compression in COMPRESSIONS.items()
            }
            table.drop()
        return figures

    def cpu(self, data: DataSet) -> Figures:
        """Microseconds of CPU a row: of the client's encoding, and of the server for each thing it does."""
        return {name: self._cpu(data, layout) for name, layout in LAYOUTS.items()}

    def _cpu(self, data: DataSet, layout: Layout) -> Figures:
        table = _Table(self._node, self._session, layout)
        rows = _of_many_users(list(rows_of(data, layout)))
        self._written(table, rows)  # warm-up
        writing = [self._written(table, rows) for _ in range(self._runs)]
        table.empty()
        table.write(islice(rows, COMPACTED_ROWS))
        table.compacted_bytes(None)  # warm-up
        compacting = {}
        for label, compression in COMPRESSIONS.items():
            rewrite = partial(table.compacted_bytes, compression)
            spent = [self._spent(rewrite) for _ in range(self._runs)]
            compacting[label] = round(1e6 * statistics.median(spent) / COMPACTED_ROWS, 1)
        self._read(table)  # warm-up
        reading = [self._read(table) for _ in range(self._runs)]
        table.drop()
        return {
            "client encodes the samples": round(
                1e6 * statistics.median(_encoding(data, layout, self._runs)), 1
            ),
            "server writes": _median_and_range(writing),
            "server compacts": compacting,
            "server reads": _median_and_range([server for server, _ in reading]),
            "client reads": _median_and_range([client for _, client in reading]),
        }

    def _written(self, table: _Table, rows: Iterator[Row]) -> float:
        """The server's CPU seconds a row, of writing for some time."""
        count = 0

        def until_late() -> Iterator[Row]:
            nonlocal count
            end = time.monotonic() + self._seconds
            for row in rows:
                yield row
                count += 1
                if time.monotonic() > end:
                    return

        return self._spent(lambda: table.write(until_late())) / count

    def _read(self, table: _Table) -> tuple[float, float]:
        """CPU seconds a row of the server, and of this process with the driver's own decoding."""
        count, before = 0, time.process_time()

        def read() -> None:
            nonlocal count
            count = table.read_partitions()

        server = self._spent(read)
        return server / count, (time.process_time() - before) / count

    def _spent(self, work: Callable[[], object]) -> float:
        before = self._node.cpu_seconds()
        work()
        return self._node.cpu_seconds() - before


class _Table:
    """A table like SENSOR but for how it declares samples; made, filled and dropped."""

    numbers = itertools.count(1)

    def __init__(self, node: ScratchNode, session: Session, layout: Layout) -> None:
        self._node = node
        self._session = session
        self._table = f"sensor_{next(_Table.numbers)}"  # files of one that was dropped may still be there
        self._name = f"{KEYSPACE}.{self._table}"
        declared = f"samples {SENSOR.cql_types['samples']}"
        wanted = ", ".join(f"{name} {kind}" for name, kind in layout.columns.items())
        statement = SENSOR.cql(KEYSPACE).replace(f"{KEYSPACE}.{SENSOR.name} ", f"{self._name} ")
        session.execute(statement.replace(declared, wanted))
        # Only what is asked for is compacted.
        session.execute(f"ALTER TABLE {self._name} WITH compaction = {COMPACTION_OFF}")
        self._samples = ", ".join(layout.columns)
        columns = [*SENSOR.columns[:-1], *layout.columns]
        marks = ", ".join("?" * len(columns))
        self._insert = session.prepare(
            f"INSERT INTO {self._name} ({', '.join(columns)}) VALUES ({marks}) USING TIMESTAMP ?"
        )

    def write(self, rows: Iterator[Row]) -> None:
        """In batches, some at a time; the values are encoded already, so the driver is left out."""
        free, failures = threading.Semaphore(BATCHES_IN_FLIGHT), list[Exception]()

        def failed(error: Exception) -> None:
            failures.append(error)
            free.release()

        while part := list(islice(rows, BATCH_ROWS)):
            batch = BatchStatement(BatchType.UNLOGGED)
            batch._statements_and_parameters += [(True, self._insert.query_id, row) for row in part]
            free.acquire()
            self._session.execute_async(batch).add_callbacks(lambda _: free.release(), failed)
        for _ in range(BATCHES_IN_FLIGHT):
            free.acquire()
        assert not failures, failures[0]

    def compacted_bytes(self, compression: str | None) -> int:
        """On disk, after all was written anew with `compression`; None keeps the declared one."""
        if compression is not None:
            self._session.execute(f"ALTER TABLE {self._name} WITH compression = {compression}")
        self._node.flush(KEYSPACE, self._table)
        self._node.compact(KEYSPACE, self._table)
        return self._node.disk_bytes(KEYSPACE, self._table)

    def sum_of_samples(self) -> int:
        """Of a plain SELECT of the whole table."""
        rows = self._session.execute(f"SELECT samples FROM {self._name}")
        return sum(sum(row.samples) for row in rows)

    def read_partitions(self) -> int:
        """Read every partition by itself; the number of rows."""
        key = ", ".join(SENSOR.partition)
        partitions = list(self._session.execute(f"SELECT DISTINCT {key} FROM {self._name}"))
        condition = " AND ".join(f"{name} = ?" for name in SENSOR.partition)
        select = self._session.prepare(
            f"SELECT start_at, {self._samples} FROM {self._name} WHERE {condition}"
        )
        return sum(len(list(self._session.execute(select, partition))) for partition in partitions)

    def empty(self) -> None:
        self._session.execute(f"TRUNCATE {self._name}")

    def drop(self) -> None:
        self._session.execute(f"DROP TABLE {self._name}")


def rows_of(data: DataSet, layout: Layout) -> Iterator[Row]:
    codec = TableCodec(SENSOR)
    random = np.random.default_rng(1)
    for user, frame in data.frames:
        values = codec.values(SensorStore.entry(user, frame).row)
        written_at_us = frame.start_ms * 1000 + int(random.integers(1_000_000))
        yield *values[:-1], *layout.encode(frame), LONG.pack(written_at_us)


def _of_many_users(rows: Sequence[Row]) -> Iterator[Row]:
    """Rows without end, each of another partition than those around it."""
    number = SENSOR.columns.index("sequence_nr")
    for count in itertools.count():
        row = list(rows[count % len(rows)])
        row[0], row[number] = b"user-%d" % (count % USERS), LONG.pack(count // USERS)
        row[1] = b"s-0123456789abcdef"
        yield tuple(row)


def _encoding(data: DataSet, layout: Layout, runs: int) -> Iterator[float]:
    """CPU seconds of encoding the samples of a frame."""
    for _ in range(runs):
        before = time.process_time()
        for _, frame in data.frames:
            layout.encode(frame)
        yield (time.process_time() - before) / len(data.frames)


def _per_hour(size: int, data: DataSet) -> float:
    return round(size / data.hours / MIB, 3)


def _median_and_range(seconds: Sequence[float]) -> list[float]:
    return [round(1e6 * value, 1) for value in (statistics.median(seconds), min(seconds), max(seconds))]


if __name__ == "__main__":
    main()
