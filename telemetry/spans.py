"""Spans of a few frames' way through a node, for OpenTelemetry. Off unless a node is told where to send them.

Which frames are followed, and the identifiers of their spans, follow from the trace that names a frame on
every part of its way (`telemetry.traces`). So the processes agree without telling each other: nothing is
added to messages or rows, and OpenTelemetry's SDK is not imported where this is off.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

from domain.commands import AcceptFrame, Command
from domain.errors import ConfigurationError
from telemetry.traces import frame_trace, trace_of

SHARE = 0.001  # of frames, unless told otherwise
ROLES = re.compile(r"gateway|shard-host-\d{1,3}")  # the processes that a frame goes through
FOLLOWED_MAX = 10_000  # frames that a process has heard the beginning of; of more the oldest is forgotten
_SHARES = 1 << 32
_TRACE_BYTES, _SPAN_BYTES = 16, 8

Frame = tuple[str, str, int]  # session, stream and number
Timed = tuple[Command, float]  # and when it was read, by the clock that all processes of a machine share
ValueT = TypeVar("ValueT")


@dataclass(frozen=True, kw_only=True)
class SpanSettings:
    """`endpoint` is an OTLP/HTTP receiver, as `http://HOST:4318`; `share` of frames is followed, 0 to 1."""

    endpoint: str
    share: float = SHARE


@dataclass(frozen=True, kw_only=True)
class Span:
    """A part of a frame's way. `parent_id` is the whole way's; the whole way has no parent.

    Times are ns since 1970; `error` says why it did not succeed.
    """

    name: str
    trace_id: int
    span_id: int | None  # None: any
    parent_id: int | None
    since_ns: int
    until_ns: int
    error: str = ""


class Recorder:
    """Follows frames in one process, from several threads; `tell` takes what is known of one."""

    def __init__(self, share: float, tell: Callable[[Span], None]) -> None:
        self._below = int(share * _SHARES)
        self._tell = tell
        self._lock = threading.Lock()
        self._taken_s: OrderedDict[str, float] = OrderedDict()
        self._durable: OrderedDict[str, tuple[Frame, float]] = OrderedDict()

    def sent(self, commands: Iterable[Timed]) -> None:
        """The gateway sends commands, each read at such a time, to their shard host."""
        now_s = time.monotonic()
        for trace, read_s in self._followed(commands):
            self._part("wait in the gateway", trace, read_s, now_s)

    def answered(self, commands: Iterable[Timed]) -> None:
        """The gateway has the answers to commands, each read at such a time."""
        now_s = time.monotonic()
        for trace, read_s in self._followed(commands):
            trace_id, whole_id = _ids(trace)
            self._tell(_span("frame", trace_id, whole_id, None, read_s, now_s))

    def taken(self, commands: Iterable[Timed]) -> None:
        """A shard host gives commands to their actors."""
        now_s = time.monotonic()
        for trace, _ in self._followed(commands):
            with self._lock:
                _remember(self._taken_s, trace, now_s)

    def written(self, frames: Iterable[Frame], took_s: float, error: str = "") -> None:
        """A write of frames that took so long has ended just now."""
        now_s = time.monotonic()
        since_s = now_s - took_s
        for frame in frames:
            trace = frame_trace(*frame)
            if not self._is_followed(trace):
                continue
            with self._lock:
                taken_s = self._taken_s.pop(trace, None)
                if not error:
                    _remember(self._durable, trace, (frame, now_s))
            if taken_s is not None:
                self._part("actor", trace, taken_s, since_s)
            self._part("store write", trace, since_s, now_s, error)

    def acknowledged(self, streams: Iterable[Frame]) -> None:
        """A shard host acknowledges streams up to such a number, exclusive."""
        if not self._durable:
            return
        now_s = time.monotonic()
        until = {(session, stream): next_nr for session, stream, next_nr in streams}
        with self._lock:
            told = [
                (trace, durable_s)
                for trace, ((session, stream, number), durable_s) in self._durable.items()
                if number < until.get((session, stream), 0)
            ]
            for trace, _ in told:
                del self._durable[trace]
        for trace, durable_s in told:
            self._part("acknowledgement", trace, durable_s, now_s)

    def _followed(self, commands: Iterable[Timed]) -> Iterator[tuple[str, float]]:
        """The traces of frames alone; what else is said is encrypted when it is written."""
        for command, read_s in commands:
            if type(command) is AcceptFrame and self._is_followed(trace := trace_of(command)):
                yield trace, read_s

    def _is_followed(self, trace: str) -> bool:
        return zlib.crc32(trace.encode()) < self._below

    def _part(self, name: str, trace: str, since_s: float, until_s: float, error: str = "") -> None:
        trace_id, whole_id = _ids(trace)
        self._tell(_span(name, trace_id, None, whole_id, since_s, until_s, error))


RECORDER: Recorder | None = None  # of this process; None: nothing is followed
_settings: SpanSettings | None = None  # of the node; processes that are forked know it too
_close: Callable[[], None] | None = None


def begin(settings: SpanSettings | None) -> None:
    """A node begins whose processes send spans as `settings` say, or none. Raises ConfigurationError."""
    global _settings
    if settings is not None:
        _check(settings)
    _settings = settings


def record_as(role: str) -> None:
    """This process goes by `role`, and sends spans if the node does and frames go through it."""
    global RECORDER, _close
    if _settings is None or not ROLES.fullmatch(role):
        return
    from telemetry.otlp import Sender  # imported here: it takes longer than all else of a process's start

    sender = Sender(_settings.endpoint, role)
    RECORDER, _close = Recorder(_settings.share, sender.tell), sender.close


def end_recording() -> None:
    """This process ends: what was not sent yet is sent, unless that takes too long."""
    global RECORDER, _close
    close, RECORDER, _close = _close, None, None
    if close is not None:
        close()


def _check(settings: SpanSettings) -> None:
    try:
        parts = urlsplit(settings.endpoint)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ConfigurationError(
            f"{settings.endpoint!r} is no receiver of spans",
            expected="http://HOST:4318 or https://HOST:4318",
            remedy="correct --otlp-endpoint",
        )
    if not 0 <= settings.share <= 1:
        raise ConfigurationError(
            f"a share of {settings.share}", expected="0 to 1", remedy="correct --otlp-share"
        )
    if importlib.util.find_spec("opentelemetry") is None or any(
        importlib.util.find_spec(f"opentelemetry.{part}") is None for part in ("sdk", "exporter")
    ):
        raise ConfigurationError("OpenTelemetry is not installed", remedy="pip install 'muvr[otel]'")


def _remember(known: OrderedDict[str, ValueT], trace: str, value: ValueT) -> None:
    known[trace] = value
    if len(known) > FOLLOWED_MAX:
        known.popitem(last=False)


def _ids(trace: str) -> tuple[int, int]:
    """Of the trace and of its whole way's span: the first bytes of the SHA-256 of its name, and the next."""
    digest = hashlib.sha256(trace.encode()).digest()
    return (
        int.from_bytes(digest[:_TRACE_BYTES]),
        int.from_bytes(digest[_TRACE_BYTES : _TRACE_BYTES + _SPAN_BYTES]),
    )


def _span(
    name: str,
    trace_id: int,
    span_id: int | None,
    parent_id: int | None,
    since_s: float,
    until_s: float,
    error: str = "",
) -> Span:
    """Times are those of the clock that all processes of a machine share."""
    offset_ns = time.time_ns() - time.monotonic_ns()
    return Span(
        name=name,
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_id,
        since_ns=int(since_s * 1e9) + offset_ns,
        until_ns=int(until_s * 1e9) + offset_ns,
        error=error,
    )
