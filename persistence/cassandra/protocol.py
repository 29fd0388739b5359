"""What travels to and from the servers without a Python object per value: encoded batches, raw rows."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

from cassandra.protocol import BatchMessage, ExecuteMessage, ResultMessage, _ProtocolHandler
from cassandra.query import BatchStatement, BatchType, BoundStatement, PreparedStatement

PROTOCOL_VERSION = 4  # 5 adds checksums to those of TCP: a fifth more CPU a row
_HEADER = struct.Struct(">BBhBi")
_UNLOGGED = BatchType.UNLOGGED.value
_VALUES, _SKIP_METADATA, _PAGE_SIZE, _PAGING_STATE, _SERIAL = 0x01, 0x02, 0x04, 0x08, 0x10


class RawRows(NamedTuple):
    """`row_count` rows that begin at `position` of `buffer`, for `codec` to decode."""

    buffer: bytes
    position: int
    row_count: int


class EncodedParts(list[bytes]):
    """Statements of a batch, each as `codec` encodes it."""


class EncodedValues(list[bytes | None]):
    """Values of a prepared select whose answer is wanted as RawRows."""


class EncodedBatch(BatchStatement):
    """An unlogged batch of statements that are encoded already."""

    def __init__(
        self,
        parts: Sequence[bytes],
        *,
        consistency: int,
        serial_consistency: int | None = None,
        keyspace: str | None = None,
        routing_key: bytes | None = None,
    ) -> None:
        super().__init__(
            BatchType.UNLOGGED,
            consistency_level=consistency,
            serial_consistency_level=serial_consistency,
        )
        self._statements_and_parameters = EncodedParts(parts)
        self.keyspace = keyspace
        self.routing_key = routing_key
        self.is_idempotent = serial_consistency is None


class EncodedQuery(BoundStatement):
    """A prepared statement with its values; `is_raw` asks for RawRows instead of what the driver makes."""

    def __init__(
        self,
        prepared: PreparedStatement,
        values: Sequence[bytes | None],
        *,
        consistency: int,
        serial_consistency: int | None = None,
        keyspace: str | None = None,
        routing_key: bytes | None = None,
        page_rows: int = 0,
        is_raw: bool = True,
    ) -> None:
        super().__init__(
            prepared,
            consistency_level=consistency,
            serial_consistency_level=serial_consistency,
            routing_key=routing_key,
            fetch_size=page_rows or None,
            keyspace=keyspace,
        )
        self.values = EncodedValues(values) if is_raw else list(values)
        self.is_idempotent = serial_consistency is None

    @property
    def routing_key(self) -> bytes | None:
        return self._routing_key  # type: ignore[no-any-return]


class _Result(ResultMessage):
    """An answer without metadata is of an EncodedQuery: its rows stay as they came."""

    def recv_results_rows(self, f: io.BytesIO, *arguments: Any) -> None:
        start = f.tell()
        self.recv_results_metadata(f, {})
        if self.column_metadata is None:
            (row_count,) = struct.unpack(">i", f.read(4))
            self.parsed_rows = RawRows(f.getvalue(), f.tell(), row_count)
        else:
            f.seek(start)
            super().recv_results_rows(f, *arguments)


class Handler(_ProtocolHandler):
    """Writes and reads messages for the session; all but encoded ones as the driver does."""

    message_types_by_opcode = {**_ProtocolHandler.message_types_by_opcode, ResultMessage.opcode: _Result}  # noqa: RUF012

    @classmethod
    def encode_message(
        cls,
        msg: Any,
        stream_id: int,
        protocol_version: int,
        compressor: Any,
        allow_beta_protocol_version: bool,
    ) -> bytes:
        if type(msg) is BatchMessage and type(msg.queries) is EncodedParts:
            body = _batch(msg)
        elif type(msg) is ExecuteMessage and type(msg.query_params) is EncodedValues:
            body = _execute(msg)
        else:
            return super().encode_message(  # type: ignore[no-any-return]
                msg, stream_id, protocol_version, compressor, allow_beta_protocol_version
            )
        return _HEADER.pack(protocol_version, 0, stream_id, msg.opcode, len(body)) + body


def _batch(msg: Any) -> bytes:
    """The body of BATCH, without the message's time: each statement has its own."""
    parts = msg.queries
    head = struct.pack(">BH", _UNLOGGED, len(parts))
    if msg.serial_consistency_level is None:
        return b"".join((head, *parts, struct.pack(">HB", msg.consistency_level, 0)))
    tail = struct.pack(">HBH", msg.consistency_level, _SERIAL, msg.serial_consistency_level)
    return b"".join((head, *parts, tail))


def _execute(msg: Any) -> bytes:
    """The body of EXECUTE that asks for no metadata."""
    flags = _VALUES | _SKIP_METADATA
    tail = b""
    if msg.fetch_size:
        flags |= _PAGE_SIZE
        tail += struct.pack(">i", msg.fetch_size)
    if msg.paging_state:
        flags |= _PAGING_STATE
        tail += struct.pack(">i", len(msg.paging_state)) + msg.paging_state
    values = b"".join(
        b"\xff\xff\xff\xff" if value is None else struct.pack(">i", len(value)) + value
        for value in msg.query_params
    )
    head: bytes = struct.pack(">H", len(msg.query_id)) + msg.query_id
    return head + struct.pack(">HBH", msg.consistency_level, flags, len(msg.query_params)) + values + tail
