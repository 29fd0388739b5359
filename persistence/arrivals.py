"""Arrivals: of which sessions something came on a day, so that a night reads those and not everything.

The day is that of the node's clock, whenever the samples were taken: a late upload is in the day it came.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime

from domain.identifiers import SessionId, StreamId, UserId, shard_of
from persistence.batch_tables import ARRIVAL, ArrivalRow
from persistence.ports import Delete, Insert

ARRIVAL_BUCKET_COUNT = 16  # partitions of a day
DAY_MS = 86_400_000


def day_of(at_ms: int) -> date:
    """The day, UTC."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).date()


def arrival(user: UserId, session: SessionId, streams: Iterable[StreamId], at_ms: int) -> Insert:
    """The row that says so; equal for all that comes of a session on a day."""
    bucket = shard_of(user) % ARRIVAL_BUCKET_COUNT
    return Insert(
        ARRIVAL, ArrivalRow(day_of(at_ms).isoformat(), bucket, user, session, " ".join(sorted(set(streams))))
    )


def forget_day(day: date) -> list[Delete]:
    """What deletes the arrivals of a day."""
    return [Delete(ARRIVAL, (day.isoformat(), bucket)) for bucket in range(ARRIVAL_BUCKET_COUNT)]
