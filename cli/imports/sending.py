"""Sends sessions through a device's connection, one after the other, and says which were refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cli.delivery import Delivery
from cli.imports.target import Target
from edge.client import DeviceClient
from exchange.recorded import begin, end, frames_of_rate
from exchange.recordings import RecordedSession
from exchange.written import Written

TELL_SECONDS = 2.0


@dataclass
class Sent:
    """Names of sessions that are durable, and why others were refused."""

    taken: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


Session = Written | RecordedSession


async def send(
    target: Target, device: str, sessions: Sequence[Session], tell: Callable[[int, int], None]
) -> Sent:
    """Returns when everything is acknowledged or refused; raises what ended the connection for good."""
    client = DeviceClient(target.token, device)
    sent, told_s = Sent(), time.monotonic()
    delivery = Delivery(client, target.urls[0], lambda _: None, device, more_urls=target.urls[1:])
    async with delivery:
        for number, session in enumerate(sessions):
            await _send(delivery, session)
            name = written_of(session).session
            reasons = [each["wrong"] for each in client.refusals if each.get("session") == name]
            if reasons:
                sent.refused[name] = reasons[0]
            else:
                sent.taken.append(name)
            if time.monotonic() - told_s > TELL_SECONDS:
                told_s = time.monotonic()
                tell(number + 1, len(sessions))
    return sent


def written_of(session: Session) -> Written:
    return session.written if isinstance(session, RecordedSession) else session


async def _send(delivery: Delivery, session: Session) -> None:
    written = written_of(session)
    if isinstance(session, RecordedSession):
        begin(delivery.client, written, session.letters, session.place)
        frames = session.frames()
    else:
        begin(delivery.client, written)
        frames = frames_of_rate(written)
    for frame in frames:
        delivery.client.frame(frame)
        await delivery.has_room()
    end(delivery.client, written)
    delivery.changed()
    await delivery.until(lambda: delivery.client.is_idle, "a session stays unacknowledged")
