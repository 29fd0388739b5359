"""A session as a device would have recorded it without a network: in the client's outbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from domain.frames import SensorFrame
from domain.identifiers import SessionId, StreamId
from edge.client import DeviceClient
from exchange.points import SENSOR, frames
from exchange.written import Written

HEART = StreamId(SENSOR)
PLACE = "unknown"  # where it was worn: no file says so


def begin(client: DeviceClient, session: Written, letters: Sequence[str] = (), place: str = PLACE) -> None:
    """Open the session, with streams for sensors of these letters and for what it has of heart rates.

    The device names the exercises and coaches, as without a network: the server suggests nothing and
    recognises nothing in what is long over.
    """
    streams = [(letter, letter, place) for letter in letters]
    if session.heart_rate:
        streams.append((HEART, SENSOR, PLACE))
    client.open_session(session.session, session.start_ms, "device", streams, coach="device")


def frames_of_rate(session: Written) -> Iterator[SensorFrame]:
    """The session's heart rates, to be sent after `begin`."""
    return frames(SessionId(session.session), HEART, session.heart_rate)


def end(client: DeviceClient, session: Written) -> None:
    """Describe what nobody knows, confirm the sets, and close."""
    for each in session.described:
        client.exercise(session.session, **msgspec.structs.asdict(each))
    for done in session.sets:
        client.label(
            session.session, done.start_ms, done.end_ms, done.exercise, done.repetitions, done.weight_kg
        )
    client.close_session(session.session, session.end_ms)
