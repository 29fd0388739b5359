"""Reads pages of rows, asking for the next before the present one is decoded."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from cassandra.cluster import ResponseFuture, Session

from domain.errors import StoreUnavailable
from persistence.cassandra.codec import routing_key
from persistence.cassandra.errors import Answer, answer_to, store_error
from persistence.cassandra.patience import pause_seconds, request_seconds
from persistence.cassandra.placement import Placement
from persistence.cassandra.protocol import EncodedQuery, RawRows
from persistence.cassandra.statements import TableStatements, is_empty_range, is_no_key, select_values
from persistence.cassandra.values import LONG, encode_int, encode_list
from persistence.ports import TOKEN_MAX, TOKEN_MIN, Slice, TokenRange
from persistence.schema import Key, Table

RowT = TypeVar("RowT", bound=NamedTuple)
Decode = Callable[[bytes, int, int], list[Any]]

PAGE_BYTES = 1 << 20  # about what a page holds
PAGE_ROWS_FIRST, PAGE_ROWS_MIN, PAGE_ROWS_MAX = 100, 10, 5000
PARTITIONS_PER_QUERY = 30
QUERIES_UNDER_WAY = 16
_LIMIT_NONE = 2**31 - 1


class Asker:
    """Asks what may be asked twice, for `retry_seconds`."""

    def __init__(
        self, session: Session, retry_seconds: float, avoid: Callable[[BaseException], None]
    ) -> None:
        self._session = session
        self._retry_seconds = retry_seconds
        self._avoid = avoid
        self._timeout = request_seconds(retry_seconds)

    def send(self, query: EncodedQuery, paging_state: bytes | None = None) -> ResponseFuture:
        return self._session.execute_async(query, paging_state=paging_state, timeout=self._timeout)

    def answer(self, asked: ResponseFuture, again: Callable[[], ResponseFuture]) -> tuple[Any, bytes | None]:
        """Rows and where the next page begins; raises a StoreError."""
        began, failures = time.monotonic(), 0
        while True:
            try:
                result = asked.result()
            except Exception as error:
                self._avoid(error)
                is_over = time.monotonic() >= began + self._retry_seconds
                if answer_to(error) is not Answer.REPEAT or is_over:
                    raise store_error(error) from error
                time.sleep(pause_seconds(failures))
                failures += 1
                asked = again()
            else:
                return result.current_rows, result.paging_state


class Reader:
    """The reading half of the port, by table name."""

    def __init__(self, asker: Asker, of: Mapping[str, TableStatements], placement: Placement) -> None:
        self._asker = asker
        self._of = of
        self._placement = placement
        self._row_bytes: dict[str, float] = {}  # about, of each table, as pages came

    def read(
        self,
        table: Table[RowT],
        partition: Key,
        *,
        lower: Key = (),
        upper: Key = (),
        limit: int | None = None,
        backwards: bool = False,
        is_serial: bool = False,
    ) -> Iterator[RowT]:
        """As in the port; `is_serial` also sees what a condition left half done."""
        if limit == 0 or is_no_key(table, partition) or is_empty_range(lower, upper):
            return
        of = self._of[table.name]
        key = of.codec.partition(partition)
        bound = _LIMIT_NONE if limit is None else limit
        query = self._query(
            of,
            of.select(len(lower), len(upper), backwards=backwards),
            select_values(of.codec, key, lower, upper, encode_int(bound)),
            key,
            bound,
        )
        if is_serial:
            query.consistency_level = of.serial_consistency
        # A page that could hold the whole limit is answered from the start, whatever page was asked for.
        yield from self._rows(of, query, page_rows_max=bound - 1)

    def read_many(
        self, table: Table[RowT], slices: Sequence[Slice], *, limit: int | None = None
    ) -> list[list[RowT]]:
        if limit == 0:
            return [[] for _ in slices]
        if table.serial_reads:  # of which Cassandra answers one partition at a time
            return [
                list(self.read(table, part.partition, lower=part.lower, upper=part.upper, limit=limit))
                for part in slices
            ]
        found: dict[Slice, list[RowT]] = {part: [] for part in slices}
        asked: deque[tuple[Key, Key, EncodedQuery, ResponseFuture]] = deque()
        of = self._of[table.name]
        for lower, upper, query in self._queries(of, list(found), limit):
            if len(asked) == QUERIES_UNDER_WAY:
                self._take(of, found, *asked.popleft())
            asked.append((lower, upper, query, self._asker.send(query)))
        while asked:
            self._take(of, found, *asked.popleft())
        return [list(found[part]) for part in slices]

    def scan(self, table: Table[RowT], tokens: TokenRange | None = None) -> Iterator[RowT]:
        of = self._of[table.name]
        return self._scan(of, of.codec.decode, tokens, is_of_keys=False)

    def partitions(self, table: Table[Any], tokens: TokenRange | None = None) -> Iterator[Key]:
        of = self._of[table.name]
        return self._scan(of, of.codec.decode_partitions, tokens, is_of_keys=True)

    def _scan(
        self, of: TableStatements, decode: Decode, tokens: TokenRange | None, *, is_of_keys: bool
    ) -> Iterator[Any]:
        tokens = tokens or TokenRange(TOKEN_MIN, TOKEN_MAX)
        if tokens.lower > tokens.upper or tokens.upper == TOKEN_MIN:  # a token that no partition has
            return
        # The lowest token stands for no bound at all, so it must not be one.
        bounds = [tokens.lower] * (tokens.lower > TOKEN_MIN) + [tokens.upper] * (tokens.upper < TOKEN_MAX)
        prepared = of.scan(
            has_lower=tokens.lower > TOKEN_MIN, has_upper=tokens.upper < TOKEN_MAX, is_of_keys=is_of_keys
        )
        values = [LONG.pack(bound) for bound in bounds]
        query = EncodedQuery(prepared, values, consistency=of.consistency, page_rows=self._page_rows(of))
        yield from self._rows(of, query, decode=decode)

    def _query(
        self,
        of: TableStatements,
        prepared: Any,
        values: Sequence[bytes | None],
        partition: Sequence[bytes],
        row_count_max: int,
    ) -> EncodedQuery:
        is_everywhere = self._placement.is_everywhere(of.keyspace)
        return EncodedQuery(
            prepared,
            values,
            consistency=of.read_consistency,
            keyspace=None if is_everywhere else of.keyspace,
            routing_key=None if is_everywhere else routing_key(partition),
            page_rows=min(self._page_rows(of), row_count_max),
        )

    def _queries(
        self, of: TableStatements, slices: Sequence[Slice], limit: int | None
    ) -> Iterator[tuple[Key, Key, EncodedQuery]]:
        """Queries for the rows of all `slices`, each of up to PARTITIONS_PER_QUERY, with their bounds."""
        many = _most_varied(of.table, slices)
        bound = encode_int(_LIMIT_NONE if limit is None else limit)
        is_everywhere = self._placement.is_everywhere(of.keyspace)
        groups: dict[Any, list[list[bytes]]] = {}
        for part in slices:
            if is_no_key(of.table, part.partition) or is_empty_range(part.lower, part.upper):
                continue
            key = of.codec.partition(part.partition)
            others = tuple(value for index, value in enumerate(key) if index != many)
            place = () if is_everywhere else self._placement.replicas(of.keyspace, routing_key(key))
            groups.setdefault((part.lower, part.upper, others, place), []).append(key)
        for (lower, upper, _, _), keys in groups.items():
            prepared = of.select(len(lower), len(upper), many=many)
            for start in range(0, len(keys), PARTITIONS_PER_QUERY):
                chunk = keys[start : start + PARTITIONS_PER_QUERY]
                values = [*chunk[0]]
                values[many] = encode_list([key[many] for key in chunk])
                encoded = select_values(of.codec, values, lower, upper, bound)
                yield lower, upper, self._query(of, prepared, encoded, chunk[0], _LIMIT_NONE)

    def _take(
        self,
        of: TableStatements,
        found: dict[Slice, list[Any]],
        lower: Key,
        upper: Key,
        query: EncodedQuery,
        asked: ResponseFuture,
    ) -> None:
        width = len(of.table.partition)
        for row in self._rows(of, query, asked):
            found[Slice(tuple(row[:width]), lower, upper)].append(row)

    def _rows(
        self,
        of: TableStatements,
        query: EncodedQuery,
        asked: ResponseFuture | None = None,
        *,
        page_rows_max: int = PAGE_ROWS_MAX,
        decode: Decode | None = None,
    ) -> Iterator[Any]:
        decode = decode or of.codec.decode
        asked = asked or self._asker.send(query)
        paging_state: bytes | None = None
        while True:
            at = paging_state
            raw, paging_state = self._asker.answer(asked, lambda at=at: self._asker.send(query, at))  # type: ignore[misc]
            if not isinstance(raw, RawRows):
                raise StoreUnavailable(f"Cassandra answered a read with {type(raw).__name__}")
            self._measure(of, raw)
            if paging_state is not None:
                query.fetch_size = min(self._page_rows(of), query.fetch_size * 4, page_rows_max)
                asked = self._asker.send(query, paging_state)
            yield from decode(*raw)
            if paging_state is None:
                return

    def _page_rows(self, of: TableStatements) -> int:
        row_bytes = self._row_bytes.get(of.table.name)
        if row_bytes is None:
            return PAGE_ROWS_FIRST
        return max(PAGE_ROWS_MIN, min(PAGE_ROWS_MAX, int(PAGE_BYTES / row_bytes)))

    def _measure(self, of: TableStatements, raw: RawRows) -> None:
        if raw.row_count:
            row_bytes = (len(raw.buffer) - raw.position) / raw.row_count
            known = self._row_bytes.get(of.table.name, row_bytes)
            self._row_bytes[of.table.name] = max(row_bytes, (known + row_bytes) / 2)


def _most_varied(table: Table[Any], slices: Sequence[Slice]) -> int:
    """The partition column that has the most different values in `slices`."""
    columns = list(zip(*(part.partition for part in slices), strict=True))
    return max(range(len(table.partition)), key=lambda index: len(set(columns[index])) if columns else 0)
