"""What the gateway counts, each with one call where it happens."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from actors.messages import Envelope
from domain.commands import AcceptFrame
from telemetry import metrics, spans
from telemetry.traces import follow, trace_of

log = logging.getLogger(__name__)

came = metrics.MESSAGE_BYTES.of().observe_alone  # takes a message's size, in the listeners' thread
turned_away = metrics.CONNECTIONS_REFUSED.of().add
held_back = metrics.CONNECTIONS_HELD.of().add
_connections = metrics.CONNECTIONS.of()
_opened = metrics.CONNECTIONS_OPENED.of()
_frames = metrics.FRAMES.of()
_batch = metrics.BATCH_MESSAGES.of()
_acknowledgement = metrics.ACKNOWLEDGEMENT.of()
_waiting = metrics.MESSAGES_WAITING.of()
_in_flight = metrics.BATCHES_IN_FLIGHT.of()
_in_flight_max = metrics.BATCHES_IN_FLIGHT_MAX.of()


def joined(open_count: int) -> None:
    """A connection was opened; now there are so many."""
    _opened.add()
    _connections.set(open_count)


left = _connections.set  # a connection has ended; takes how many there are now


def error_told(code: str) -> None:
    """A device is told of an error by the gateway itself."""
    metrics.ERRORS_SENT.of(code).add()


def sent(number: int, host: str, batch: Sequence[Envelope]) -> None:
    """A batch goes to its shard host."""
    _batch.observe(len(batch))
    _frames.add(sum([type(envelope.command) is AcceptFrame for envelope in batch]))
    if spans.RECORDER is not None:
        spans.RECORDER.sent((each.command, each.read_s) for each in batch)
    if log.isEnabledFor(logging.DEBUG):
        _follow("goes to its shard host", batch, batch_nr=number, host=host)


def answered(number: int, batch: Sequence[Envelope]) -> None:
    """A batch's answers are there."""
    if batch:
        now_s = time.monotonic()
        _acknowledgement.observe_all([now_s - envelope.read_s for envelope in batch])
        if spans.RECORDER is not None:
            spans.RECORDER.answered((each.command, each.read_s) for each in batch)
        if log.isEnabledFor(logging.DEBUG):
            _follow("is answered", batch, batch_nr=number)


def stand(waiting: int, in_flight: int, in_flight_max: int) -> None:
    """So many messages wait, and so many batches of those that may be are in flight."""
    _waiting.set(waiting)
    _in_flight.set(in_flight)
    _in_flight_max.set(in_flight_max)


def _follow(message: str, batch: Sequence[Envelope], **fields: Any) -> None:
    connections = sorted({envelope.connection for envelope in batch})
    follow(log, message, [trace_of(each.command) for each in batch], connections=connections, **fields)
