"""The codec beside the driver's own types, and what it makes of values and bytes that do not fit."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import Any

import pytest
from cassandra import cqltypes
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import StoredValueCorrupt, StoreRejected
from persistence.cassandra.codec import TableCodec, routing_key, statement
from persistence.cassandra.values import (
    KEY_BYTES_MAX,
    decode_samples,
    encode_list,
    encode_samples,
    with_length,
)
from persistence.schema import Samples, Table, Timestamp
from persistence.tables import JOURNAL, LABEL, SENSOR, TABLES, VIEW
from tests.persistence import rows

PROTOCOL = 4
STATEMENT = bytes(range(16))
LONGS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
SAMPLES = st.lists(st.integers(-(2**15), 2**15 - 1), max_size=700)
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: LONGS,
    Timestamp: st.integers(-(2**40), 2**45),
    float: st.floats(allow_nan=False),
    bytes: st.binary(max_size=200),
    bool: st.booleans(),
    Samples: SAMPLES.map(lambda values: struct.pack(f"<{len(values)}h", *values)),
}
SMALLINTS = cqltypes.ListType.apply_parameters([cqltypes.ShortType])
TYPES: dict[Any, Any] = {
    str: cqltypes.UTF8Type,
    int: cqltypes.LongType,
    Timestamp: cqltypes.DateType,
    float: cqltypes.DoubleType,
    bytes: cqltypes.BytesType,
    bool: cqltypes.BooleanType,
    Samples: SMALLINTS,
}


def driver_value(kind: Any, value: Any) -> Any:
    """What the driver takes in place of `value`."""
    if kind is Samples and value is not None:
        return list(struct.unpack(f"<{len(value) // 2}h", value))
    return value


@st.composite
def table_rows(draw: st.DrawFn) -> tuple[Table[Any], Any]:
    """A table and a row of it, at times with None outside the key, declared or not."""
    table = draw(st.sampled_from(TABLES))
    values = []
    for name, kind in table.types.items():
        strategy = VALUES[kind]
        if (name,) == table.partition:
            strategy = strategy.filter(lambda value: value not in ("", b""))
        if name not in table.key:
            strategy = st.none() | strategy if name in table.optional else strategy
            if draw(st.integers(0, 9)) == 0:
                strategy = st.none()
        values.append(draw(strategy))
    return table, table.row._make(values)


def parsed(part: bytes) -> list[bytes | None]:
    """The values of a part of a BATCH message, which is of STATEMENT."""
    head = b"\x01" + struct.pack(">H", len(STATEMENT)) + STATEMENT
    assert part.startswith(head)
    (count,) = struct.unpack_from(">H", part, len(head))
    position, values = len(head) + 2, list[bytes | None]()
    for _ in range(count):
        (size,) = struct.unpack_from(">i", part, position)
        position += 4
        values.append(None if size < 0 else part[position : position + size])
        position += max(size, 0)
    assert position == len(part)
    return values


@given(pair=table_rows(), timestamp=LONGS)
def test_rows_are_encoded_as_the_driver_does(pair: tuple[Table[Any], Any], timestamp: int) -> None:
    table, row = pair
    expected = [
        None if value is None else TYPES[kind].serialize(driver_value(kind, value), PROTOCOL)
        for kind, value in zip(table.types.values(), row, strict=True)
    ]
    codec = TableCodec(table)
    assert parsed(codec.encoder(STATEMENT)(row, timestamp)) == [*expected, struct.pack(">q", timestamp)]
    assert codec.values(row) == expected
    width = len(table.partition)
    assert codec.partition(tuple(row[:width])) == expected[:width]
    assert codec.clustering(tuple(row[width : len(table.key)])) == expected[width : len(table.key)]


@given(pairs=st.lists(table_rows(), min_size=1, max_size=5), before=st.binary(max_size=9))
def test_rows_are_decoded_as_the_driver_encodes_them(
    pairs: list[tuple[Table[Any], Any]], before: bytes
) -> None:
    table = pairs[0][0]
    found = [row for owner, row in pairs if owner is table]
    encoded = b"".join(
        with_length(None if value is None else TYPES[kind].serialize(driver_value(kind, value), PROTOCOL))
        for row in found
        for kind, value in zip(table.types.values(), row, strict=True)
    )
    decoded = TableCodec(table).decode(before + encoded + b"after", len(before), len(found))
    assert decoded == found
    assert all(type(row) is table.row for row in decoded)
    kinds = [[type(value) for value in row] for row in decoded]
    assert kinds == [[type(value) for value in row] for row in found]


@given(SAMPLES)
def test_samples_are_lists_of_smallints(values: list[int]) -> None:
    samples = struct.pack(f"<{len(values)}h", *values)
    assert encode_samples(samples) == SMALLINTS.serialize(values, PROTOCOL)
    assert SMALLINTS.deserialize(encode_samples(samples), PROTOCOL) == values
    assert decode_samples(encode_samples(samples)) == samples


def test_a_long_frame_of_samples() -> None:
    samples = struct.pack("<60000h", *(number - 30000 for number in range(60000)))
    assert decode_samples(encode_samples(samples)) == samples


@pytest.mark.parametrize(
    ("column", "wrong"),
    [
        ("persistence_id", None), ("persistence_id", 5), ("persistence_id", b"ada"),
        ("persistence_id", "\ud800"), ("persistence_id", "x" * (KEY_BYTES_MAX + 1)),
        ("partition_nr", None), ("sequence_nr", "1"), ("sequence_nr", 1.5), ("sequence_nr", 2**63),
        ("written_at", -(2**63) - 1), ("event", "text"), ("event", object()), ("event", [1]),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused_and_named(column: str, wrong: Any) -> None:
    codec = TableCodec(JOURNAL)
    row: Any = rows.journal(1)
    with pytest.raises(StoreRejected, match=f"journal.{column}"):
        codec.encoder(STATEMENT)(row._replace(**{column: wrong}), 1)


@pytest.mark.parametrize(
    ("table", "row"),
    [
        (LABEL, rows.label(1)._replace(weight_kg="heavy")),  # type: ignore[arg-type]
        (VIEW, rows.view(1, name="")),
        (SENSOR, SENSOR.row("u", "s", "t", 1, "a", Timestamp(1), 50.0, 1.0, Samples(b"odd"))),
    ],
)
def test_other_values_that_are_refused(table: Table[Any], row: Any) -> None:
    with pytest.raises(StoreRejected, match=table.name):
        TableCodec(table).encoder(STATEMENT)(row, 1)


def test_a_key_has_all_its_columns() -> None:
    with pytest.raises(StoreRejected, match="persistence_id, partition_nr"):
        TableCodec(JOURNAL).partition(("ada",))


@given(table=st.sampled_from(TABLES), data=st.binary(max_size=300), count=st.integers(1, 4))
def test_any_bytes_are_rows_or_corrupt(table: Table[Any], data: bytes, count: int) -> None:
    found: list[Any] = [None] * count
    with suppress(StoredValueCorrupt):
        found = TableCodec(table).decode(data, 0, count)
    assert len(found) == count


def test_a_row_that_cannot_be_read_is_told() -> None:
    with pytest.raises(StoredValueCorrupt, match=r"journal.*schema check"):
        TableCodec(JOURNAL).decode(b"\x00\x00\x00\x02\xff\xfe" + bytes(100), 0, 1)


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_lists_for_in(items: list[bytes]) -> None:
    blobs = cqltypes.ListType.apply_parameters([cqltypes.BytesType])
    assert encode_list(items) == blobs.serialize(items, PROTOCOL)


def test_a_routing_key_is_the_partition_as_the_servers_hash_it() -> None:
    assert routing_key([b"ada"]) == b"ada"
    assert routing_key([b"ada", b"\x00\x01"]) == b"\x00\x03ada\x00\x00\x02\x00\x01\x00"


def test_a_statement_that_is_not_prepared() -> None:
    assert statement("DELETE", [b"a", None]) == (
        b"\x00\x00\x00\x00\x06DELETE\x00\x02" + b"\x00\x00\x00\x01a" + b"\xff\xff\xff\xff"
    )
