"""What of a day's frames and events is in the store, read back through the stores themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from cli.demo.player import Played
from domain.identifiers import StreamId
from persistence.ports import Store
from persistence.sensors import SensorStore
from persistence.tables import JOURNAL


def stored_frames(store: Store, played: Sequence[Played]) -> int:
    """How many of the sent frames are stored, byte for byte."""
    sensors = SensorStore(store)
    return sum(
        each.frames.get((stream, frame.sequence_nr)) == hashlib.sha256(frame.samples).digest()
        for each in played
        for stream in each.streams
        for frame in sensors.frames(each.session.user, each.session_id, StreamId(stream))
    )


def stored_events(store: Store) -> int:
    return sum(1 for _ in store.scan(JOURNAL))
