"""Sends spans by OpenTelemetry's SDK to a receiver of OTLP over HTTP. Only who sends spans imports this."""

from __future__ import annotations

import os
import threading

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, set_span_in_context
from opentelemetry.trace.status import Status, StatusCode

from telemetry.spans import Span

PATH = "/v1/traces"
TIMEOUT_SECONDS = 5.0  # of a request
DELAY_MS = 2000  # for which spans wait to be sent together
WAITING_MAX = 2048  # spans that wait; of more the oldest is dropped
CLOSE_SECONDS = 1.0  # for what was not sent when the process ends


class _Ids(IdGenerator):
    """Those that are known of the span that is made now, in this thread; else random ones."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()
        self.known = threading.local()

    def generate_span_id(self) -> int:
        span_id: int | None = getattr(self.known, "span_id", None)
        return self._random.generate_span_id() if span_id is None else span_id

    def generate_trace_id(self) -> int:
        trace_id: int = self.known.trace_id
        return trace_id


class Sender:
    """Spans of the process that is called `role`. Headers and certificates, if the receiver wants some, stand
    in OpenTelemetry's own variables, as OTEL_EXPORTER_OTLP_HEADERS.
    """

    def __init__(self, endpoint: str, role: str) -> None:
        self._ids = _Ids()
        described = {
            "service.name": "muvr",
            "service.instance.id": f"{role}-{os.getpid()}",
            "muvr.process": role,
        }
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource.create(described),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + PATH, timeout=TIMEOUT_SECONDS)
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter, max_queue_size=WAITING_MAX, schedule_delay_millis=DELAY_MS)
        )
        self._tracer = self._provider.get_tracer("muvr")

    def tell(self, span: Span) -> None:
        """Any thread may call; it does not wait for the network."""
        self._ids.known.trace_id, self._ids.known.span_id = span.trace_id, span.span_id
        kind = SpanKind.SERVER if span.parent_id is None else SpanKind.INTERNAL
        made = self._tracer.start_span(span.name, _parent(span), kind, start_time=span.since_ns)
        if span.error:
            made.set_status(Status(StatusCode.ERROR, span.error))
        made.end(span.until_ns)

    def close(self) -> None:
        """Send what waits, for at most CLOSE_SECONDS."""
        closing = threading.Thread(target=self._provider.shutdown, name="spans", daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)


def _parent(span: Span) -> Context | None:
    if span.parent_id is None:
        return None
    context = SpanContext(
        span.trace_id, span.parent_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)
    )
    return set_span_in_context(NonRecordingSpan(context))
