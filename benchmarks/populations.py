"""Simulated populations as the frames that batch jobs read: block by block through Parquet files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from persistence.profile_tables import GOAL, MEASUREMENT_BY_USER, PROFILE
from persistence.schema import Table, Timestamp
from persistence.tables import LABEL, SESSION_BY_USER
from simulator.population import Columns, PopulationSettings, blocks

_ARROW = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_(), Timestamp: pa.int64()}


def population_frames(
    spark: SparkSession, settings: PopulationSettings, directory: Path
) -> dict[Table[Any], DataFrame]:
    """Frames of the tables that jobs read, but for sensors, from files left in `directory`."""
    tables: tuple[Table[Any], ...] = (LABEL, SESSION_BY_USER, PROFILE, MEASUREMENT_BY_USER, GOAL)
    for table in tables:
        (directory / table.name).mkdir(parents=True)
    for number, block in enumerate(blocks(settings)):
        parts = (block.labels, block.sessions, block.profiles, block.measurements, block.goals)
        for table, columns in zip(tables, parts, strict=True):
            pq.write_table(arrow_table(table, columns), directory / table.name / f"{number}.parquet")
    return {table: spark.read.parquet(str(directory / table.name)) for table in tables}


def arrow_table(table: Table[Any], columns: Columns) -> pa.Table:
    """`columns` with the types of `table`; NaN becomes null."""
    arrays = {}
    for name, kind in table.types.items():
        values = columns[name]
        missing = np.isnan(values) if values.dtype.kind == "f" else None
        arrays[name] = pa.array(values, mask=missing).cast(_ARROW[kind], safe=False)
    return pa.table(arrays)
