"""Arrow between Spark and Python without pandas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.rdd import PythonEvalType
from pyspark.sql import DataFrame
from pyspark.sql.udf import UserDefinedFunction

ROWS_PER_BATCH = 1024  # of at most 8 KiB of samples each

Row = tuple[Any, ...]


def map_rows(frame: DataFrame, function: Callable[[Iterator[Row]], Iterable[Row]], schema: str) -> DataFrame:
    """Apply `function` to the rows of each partition of `frame`; it yields rows of `schema` (Spark DDL).

    This is `DataFrame.mapInArrow`, whose public form in Spark 3.5 refuses to run without pandas installed,
    although neither side of it uses pandas. Rows are of plain values; those of `array<smallint>` are
    little-endian bytes, as `Samples` are.
    """
    fields = _arrow_schema(schema)

    def mapped(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows = (row for batch in batches for row in zip(*_columns(batch), strict=True))
        results = iter(function(rows))
        while chunk := list(islice(results, ROWS_PER_BATCH)):
            arrays = [
                _array(column, field.type)
                for column, field in zip(zip(*chunk, strict=True), fields, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=fields)

    udf = UserDefinedFunction(mapped, schema, evalType=PythonEvalType.SQL_MAP_ARROW_ITER_UDF)
    column = udf(*[frame[name] for name in frame.columns])
    java_frame = frame._jdf.pythonMapInArrow(column._jc.expr(), False)
    return DataFrame(java_frame, frame.sparkSession)


_ARROW_TYPES = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "binary": pa.binary(),
    "array<smallint>": pa.list_(pa.int16()),
}


def _arrow_schema(schema: str) -> pa.Schema:
    """`user_id string, start_at bigint` to an Arrow schema."""
    pairs = (column.split() for column in schema.split(","))
    return pa.schema([(name, _ARROW_TYPES[kind]) for name, kind in pairs])


def _array(column: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if not pa.types.is_list(kind):
        return pa.array(column, kind)
    ends = np.cumsum([0, *(len(value) // 2 for value in column)], dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(ends), np.frombuffer(b"".join(column), "<i2"))


def _columns(batch: pa.RecordBatch) -> list[list[Any]]:
    return [
        _bytes_of(column) if pa.types.is_list(column.type) else column.to_pylist() for column in batch.columns
    ]


def _bytes_of(column: pa.ListArray) -> list[bytes | None]:
    """The bytes of each list of numbers, without making a Python number of any."""
    values, ends = column.values.to_numpy(zero_copy_only=False).astype("<i2"), column.offsets.to_pylist()
    return [
        values[first:end].tobytes() if is_valid else None
        for first, end, is_valid in zip(ends, ends[1:], column.is_valid().to_pylist(), strict=False)
    ]
