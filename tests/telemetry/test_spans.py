"""Which frames are followed, and what is told of them; OpenTelemetry is there only where it is asked for."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.commands import AcceptFrame, CloseSession
from domain.errors import ConfigurationError
from domain.identifiers import SessionId
from telemetry import spans
from telemetry.spans import FOLLOWED_MAX, Recorder, Span, SpanSettings
from tests.actors.stub_models import heart_frame
from tests.telemetry.receiver import receiver
from tests.test_style import ROOT

SLACK_NS = 1_000_000  # the two clocks are compared anew for each span
NAMES = st.text("abcdefgh-_.:0123456789", min_size=1, max_size=30)


def frame(session: str, number: int) -> AcceptFrame:
    return AcceptFrame(frame=heart_frame(session, number, 60))


def way(recorder: Recorder, session: str, number: int, error: str = "") -> None:
    """Of one frame, as the gateway and a shard host tell it."""
    read = [(frame(session, number), time.monotonic())]
    key = (session, read[0][0].frame.stream, number)
    recorder.sent(read)
    recorder.taken(read)
    recorder.written([key], 0.0, error)
    recorder.acknowledged([(session, key[1], number + 1)])
    recorder.answered(read)


def test_the_parts_of_a_frames_way_are_of_one_trace() -> None:
    told: list[Span] = []
    way(Recorder(1.0, told.append), "morning", 17)
    assert [each.name for each in told] == [
        "wait in the gateway",
        "actor",
        "store write",
        "acknowledgement",
        "frame",
    ]
    *parts, whole = told
    digest = hashlib.sha256(b"morning/h/17").hexdigest()
    assert {f"{each.trace_id:032x}" for each in told} == {digest[:32]}
    assert whole.parent_id is None
    assert f"{whole.span_id:016x}" == digest[32:48]
    assert {each.parent_id for each in parts} == {whole.span_id}
    assert {each.span_id for each in parts} == {None}
    for each in told:
        assert whole.since_ns - SLACK_NS <= each.since_ns <= each.until_ns + SLACK_NS
    assert abs(whole.until_ns - time.time_ns()) < 60e9


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 1.0])
def test_a_share_of_frames_is_followed_by_all_processes_alike(share: float) -> None:
    count = 20_000
    here: list[Span] = []
    there: list[Span] = []
    one, other = Recorder(share, here.append), Recorder(share, there.append)
    for number in range(count):
        one.answered([(frame(f"s-{number % 50}", number), 0.0)])
        other.written([(f"s-{number % 50}", "h", number)], 0.0)
    assert [each.trace_id for each in here] == [each.trace_id for each in there]
    assert len(here) == pytest.approx(share * count, rel=0.2, abs=2)


def test_what_is_no_frame_is_not_followed() -> None:
    told: list[Span] = []
    recorder = Recorder(1.0, told.append)
    close = CloseSession(session=SessionId("s"), command_nr=0, at_ms=0)
    recorder.sent([(close, 0.0)])
    recorder.taken([(close, 0.0)])
    recorder.acknowledged([("s", "", 1)])
    assert told == []


def test_a_write_that_failed_says_why_and_is_not_acknowledged() -> None:
    told: list[Span] = []
    way(Recorder(1.0, told.append), "s", 0, "the store is away")
    assert [(each.name, each.error) for each in told if each.error] == [("store write", "the store is away")]
    assert "acknowledgement" not in {each.name for each in told}


def test_only_what_is_acknowledged_is_told_so() -> None:
    told: list[Span] = []
    recorder = Recorder(1.0, told.append)
    recorder.written([("s", "h", number) for number in range(4)], 0.0)
    told.clear()
    recorder.acknowledged([("s", "h", 2), ("other", "h", 9)])
    assert len(told) == 2
    recorder.acknowledged([("s", "h", 2)])
    assert len(told) == 2
    recorder.acknowledged([("s", "h", 4)])
    assert len(told) == 4


def test_what_never_ends_is_forgotten() -> None:
    told: list[Span] = []
    recorder = Recorder(1.0, told.append)
    count = FOLLOWED_MAX + 5
    recorder.taken((frame("s", number), 0.0) for number in range(count))
    recorder.written([("s", "h", number) for number in range(count)], 0.0)
    assert sum(each.name == "actor" for each in told) == FOLLOWED_MAX
    told.clear()
    recorder.acknowledged([("s", "h", count)])
    assert len(told) == FOLLOWED_MAX


@given(session=NAMES, number=st.integers(0, 2**40), share=st.floats(0, 1))
def test_any_frame_can_be_followed(session: str, number: int, share: float) -> None:
    told: list[Span] = []
    recorder = Recorder(share, told.append)
    recorder.written([(session, "h", number)], 0.0)
    for each in told:
        assert 0 < each.trace_id < 2**128


@pytest.mark.parametrize("endpoint", ["collector:4318", "ftp://a", "http://", "http://a:b", "", "http://[x"])
def test_what_is_no_receiver_is_refused(endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match="no receiver"):
        spans.begin(SpanSettings(endpoint=endpoint))


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_what_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(ConfigurationError, match="share"):
        spans.begin(SpanSettings(endpoint="http://127.0.0.1:4318", share=share))


SENDS = """
import json, sys
from telemetry import metrics, spans
address, role = sys.argv[1:]
if address != "-":
    spans.begin(spans.SpanSettings(endpoint=address, share=1.0))
metrics.count_as(role)
if spans.RECORDER is not None:
    spans.RECORDER.written([("s", "h", 1)], 0.25)
    spans.RECORDER.written([("s", "h", 2)], 0.25, "the disk is full")
spans.end_recording()
print(json.dumps("opentelemetry.sdk" in sys.modules))
"""


def sends(address: str, role: str) -> bool:
    """Whether a process with two spans for `address` imports OpenTelemetry, as only some roles do."""
    command = [sys.executable, "-c", SENDS, address, role]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    return bool(json.loads(done.stdout))


def test_nothing_is_imported_where_it_is_off() -> None:
    with receiver() as received:
        assert not sends("-", "gateway")
        assert not sends(received.address, "scheduler")
        assert received.spans == []


def test_spans_arrive_as_they_were_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=k1")
    with receiver() as received:
        assert sends(f"{received.address}/", "shard-host-0")
    assert received.headers[0]["x-key"] == "k1"
    assert [(each.process, each.name, each.is_error) for each in received.spans] == [
        ("shard-host-0", "store write", False),
        ("shard-host-0", "store write", True),
    ]
    for number, each in enumerate(received.spans, start=1):
        digest = hashlib.sha256(f"s/h/{number}".encode()).hexdigest()
        assert (each.trace, each.parent) == (digest[:32], digest[32:48])
        assert each.until_ns - each.since_ns == pytest.approx(0.25e9, rel=1e-3)


def test_a_receiver_that_is_away_delays_the_end_by_little() -> None:
    assert sends("http://127.0.0.1:1", "gateway")
