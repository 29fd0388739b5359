"""Sensor store: one readable row per frame, written idempotently by (user, session, stream, number)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from domain.frames import SensorFrame
from domain.identifiers import SessionId, StreamId, UserId
from persistence.ports import Insert, Slice, Store
from persistence.schema import Samples, Timestamp
from persistence.tables import SENSOR, SensorRow


class SensorStore:
    def __init__(self, store: Store) -> None:
        self._store = store

    @staticmethod
    def entry(user: UserId, frame: SensorFrame) -> Insert:
        """The mutation that stores `frame`."""
        return Insert(
            SENSOR,
            SensorRow(
                user,
                frame.session,
                frame.stream,
                frame.sequence_nr,
                frame.sensor,
                Timestamp(frame.start_ms),
                frame.rate_hz,
                frame.scale,
                Samples(frame.samples),
            ),
        )

    def frames(
        self, user: UserId, session: SessionId, stream: StreamId, *, from_nr: int = 0
    ) -> Iterator[SensorFrame]:
        """Stored frames of a stream in order of their numbers, from `from_nr` on."""
        for row in self._store.read(SENSOR, (user, session, stream), lower=(from_nr,)):
            yield frame_of(row)

    def frames_of(
        self, streams: Sequence[tuple[UserId, SessionId, StreamId, int]]
    ) -> list[list[SensorFrame]]:
        """The stored frames of each (user, session, stream) from a number on, read together."""
        slices = [Slice((user, session, stream), (first,)) for user, session, stream, first in streams]
        return [[frame_of(row) for row in rows] for rows in self._store.read_many(SENSOR, slices)]


def frame_of(row: SensorRow) -> SensorFrame:
    return SensorFrame(
        session=SessionId(row.session_id),
        stream=StreamId(row.stream),
        sequence_nr=row.sequence_nr,
        sensor=row.sensor,
        start_ms=row.start_at,
        rate_hz=row.rate_hz,
        scale=row.scale,
        samples=row.samples,
    )
