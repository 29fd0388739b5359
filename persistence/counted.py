"""A store that times its operations and counts their errors; with debug, it says which frames it wrote."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, TypeVar

from domain.errors import MuvrError
from persistence.ports import Insert, Mutation, Slice, Store, TokenRange
from persistence.schema import Key, Table
from persistence.tables import SensorRow
from telemetry import metrics, spans
from telemetry.traces import follow, frame_trace

RowT = TypeVar("RowT", bound=NamedTuple)
log = logging.getLogger(__name__)

_UNDER_WAY = metrics.STORE_UNDER_WAY.of()


class CountedStore:
    """`backend` is one of telemetry.metrics.BACKENDS. Of a read, the time until its first row is told."""

    def __init__(self, store: Store, backend: str) -> None:
        self._store = store
        self._backend = backend
        self._write_s = metrics.STORE_SECONDS.of(backend, "write")
        self._read_s = metrics.STORE_SECONDS.of(backend, "read")
        self._rows = metrics.STORE_ROWS.of(backend)

    def write(self, mutations: Sequence[Mutation]) -> None:
        _UNDER_WAY.add(1)
        since_s = time.perf_counter()
        try:
            self._store.write(mutations)
        except Exception as error:
            self._ended(mutations, since_s, error)
            raise
        self._ended(mutations, since_s, None)

    def submit(self, mutations: Sequence[Mutation]) -> Future[None]:
        _UNDER_WAY.add(1)
        since_s = time.perf_counter()
        try:
            submitted = self._store.submit(mutations)
        except Exception as error:
            self._ended(mutations, since_s, error)
            raise
        submitted.add_done_callback(partial(self._done, mutations, since_s))
        return submitted

    def insert_if_absent(self, table: Table[RowT], rows: Sequence[RowT]) -> list[bool]:
        with self._timed("conditional"):
            return self._store.insert_if_absent(table, rows)

    def compare_and_set(self, table: Table[RowT], expected: RowT, new: RowT) -> bool:
        with self._timed("conditional"):
            return self._store.compare_and_set(table, expected, new)

    def read(
        self,
        table: Table[RowT],
        partition: Key,
        *,
        lower: Key = (),
        upper: Key = (),
        limit: int | None = None,
        backwards: bool = False,
    ) -> Iterator[RowT]:
        rows = self._store.read(table, partition, lower=lower, upper=upper, limit=limit, backwards=backwards)
        return self._counted(rows)

    def read_many(
        self, table: Table[RowT], slices: Sequence[Slice], *, limit: int | None = None
    ) -> list[list[RowT]]:
        with self._timed("read"):
            return self._store.read_many(table, slices, limit=limit)

    def not_before(self, at_ms: int) -> None:
        self._store.not_before(at_ms)

    def scan(self, table: Table[RowT], tokens: TokenRange | None = None) -> Iterator[RowT]:
        return self._counted(self._store.scan(table, tokens))

    def partitions(self, table: Table[Any], tokens: TokenRange | None = None) -> Iterator[Key]:
        return self._store.partitions(table, tokens)

    def token_ranges(self, table: Table[Any], count: int) -> list[TokenRange]:
        return self._store.token_ranges(table, count)

    def close(self) -> None:
        self._store.close()

    def _done(self, mutations: Sequence[Mutation], since_s: float, done: Future[None]) -> None:
        self._ended(mutations, since_s, done.exception())

    def _ended(self, mutations: Sequence[Mutation], since_s: float, error: BaseException | None) -> None:
        _UNDER_WAY.add(-1)
        if error is not None:
            self._failed("write", error)
        else:
            self._write_s.observe(time.perf_counter() - since_s)
            self._rows.observe(len(mutations))
        if spans.RECORDER is not None:
            why = "" if error is None else _code(error)  # not its words, which may name somebody
            spans.RECORDER.written(_frames(mutations), time.perf_counter() - since_s, why)
        if log.isEnabledFor(logging.DEBUG):
            says = "durable" if error is None else f"not written: {error}"
            ms = round((time.perf_counter() - since_s) * 1000, 3)
            traces = (frame_trace(*each) for each in _frames(mutations))
            follow(log, says, traces, backend=self._backend, rows=len(mutations), ms=ms)

    def _counted(self, rows: Iterator[RowT]) -> Iterator[RowT]:
        since_s = time.perf_counter()
        try:
            for first in rows:
                self._read_s.observe(time.perf_counter() - since_s)
                yield first
                break
            else:
                self._read_s.observe(time.perf_counter() - since_s)
                return
            yield from rows
        except MuvrError as error:
            self._failed("read", error)
            raise
        finally:
            if hasattr(rows, "close"):
                rows.close()

    @contextmanager
    def _timed(self, operation: str) -> Iterator[None]:
        since_s = time.perf_counter()
        try:
            yield
        except Exception as error:
            self._failed(operation, error)
            raise
        metrics.STORE_SECONDS.of(self._backend, operation).observe(time.perf_counter() - since_s)

    def _failed(self, operation: str, error: BaseException) -> None:
        metrics.STORE_ERRORS.of(self._backend, operation, _code(error)).add()


def _code(error: BaseException) -> str:
    return error.code if isinstance(error, MuvrError) else MuvrError.code


def _frames(mutations: Sequence[Mutation]) -> Iterator[spans.Frame]:
    for mutation in mutations:
        if isinstance(mutation, Insert) and isinstance(mutation.row, SensorRow):
            row = mutation.row
            yield row.session_id, row.stream, row.sequence_nr
