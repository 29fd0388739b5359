"""What counting costs: a count, an observation, and all that is counted of a frame; prints JSON.

    python -m benchmarks.counting

Beside it prometheus_client's own counters in the mode for several processes, in a process of its own, as
that mode is chosen when it is imported. A frame's share of what is counted per batch is of batches of 64, of
8 users; with spans, where a share of frames is followed. Not measured: the time that a scrape takes from
other processes of the machine.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from actors import counts as host_counts
from actors.messages import Addressed, Envelope
from actors.waiting import Work
from domain.commands import AcceptFrame
from domain.frames import SensorFrame
from domain.identifiers import SessionId, StreamId, UserId
from domain.replies import Acknowledged
from gateway import counts as gateway_counts
from telemetry import metrics, pages, spans
from telemetry.exposition import exposed
from telemetry.spans import SHARE

CALLS, ROUNDS = 500, 300  # short and many: some are not interrupted by what else runs
BATCH, USERS = 64, 8
_THEIRS = """
import json, sys
from benchmarks.counting import timed
from prometheus_client import Counter, Histogram
bytes_ = Histogram("b", "b", buckets=(64, 256, 512, 1024, 2048, 4096, 16384, 65536))
counter = Counter("c", "c")
print(json.dumps({"count_us": timed(counter.inc), "observation_us": timed(lambda: bytes_.observe(650))}))
"""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="muvr-counting-") as directory:
        pages.begin(Path(directory))
        metrics.count_as("gateway")
        followed = {f"share_{share:g}": _followed_us(share) for share in (0.0, SHARE)}
        figures = {
            "count_us": timed(metrics.FRAMES.of().add),
            "observation_us": timed(lambda: gateway_counts.came(650)),
            "frame_us": round(timed(lambda: gateway_counts.came(650)) + _batch_us() / BATCH, 3),
            "frame_with_spans_us": followed,
            "span_us": _span_us(),
            "scrape_ms": round(timed(lambda: exposed(Path(directory)), calls=1) / 1000, 2),
            "prometheus_client": _theirs(directory),
        }
    print(json.dumps(figures, indent=2))


def timed(call: Callable[[], object], calls: int = CALLS) -> float:
    """Microseconds of a call: the least of ROUNDS means, as all else that runs only adds to it."""
    means = []
    for _ in range(ROUNDS):
        since_s = time.perf_counter()
        for _ in range(calls):
            call()
        means.append((time.perf_counter() - since_s) / calls)
    return round(min(means) * 1e6, 3)


def _batch_us() -> float:
    """All that gateway and shard host count of a batch."""
    batch = [Envelope(nr % USERS, UserId(f"user-{nr % USERS}"), _frame(nr)) for nr in range(BATCH)]
    works = {UserId(f"user-{user}"): [Work(1, each) for each in batch[user::USERS]] for user in range(USERS)}
    ack = Acknowledged(session=SessionId("s"), stream=StreamId("a"), next_nr=1)
    replies = [Addressed(user, UserId(f"user-{user}"), ack) for user in range(USERS)]

    def count() -> None:
        gateway_counts.sent(1, "shard-host-0", batch)
        host_counts.taken(works)
        host_counts.answered([1], replies)
        gateway_counts.answered(1, batch)
        gateway_counts.stand(0, 1, 4)

    return timed(count, 10)


def _followed_us(share: float) -> float:
    """`frame_us` where spans of a share of frames are sent: what each frame costs, without sending."""
    rows = [("s", "a", number) for number in range(BATCH)]
    spans.RECORDER = recorder = spans.Recorder(share, lambda span: None)
    try:
        of_batch = _batch_us() + timed(lambda: recorder.written(rows, 0.001), 10)
    finally:
        spans.RECORDER = None
    return round(timed(lambda: gateway_counts.came(650)) + of_batch / BATCH, 3)


def _span_us() -> float:
    """One span given to OpenTelemetry's SDK, which drops it, as nobody receives it."""
    from telemetry.otlp import Sender  # imported here, as in a node

    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    sender = Sender("http://127.0.0.1:1", "gateway")
    span = spans.Span(name="frame", trace_id=1, span_id=1, parent_id=None, since_ns=0, until_ns=1)
    try:
        return timed(lambda: sender.tell(span), 10)
    finally:
        sender.close()


def _frame(number: int) -> AcceptFrame:
    return AcceptFrame(
        frame=SensorFrame(
            session=SessionId("s"),
            stream=StreamId("a"),
            sequence_nr=number,
            sensor="a",
            start_ms=0,
            rate_hz=50.0,
            scale=0.01,
            samples=bytes(300),
        )
    )


def _theirs(directory: str) -> dict[str, float]:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": directory}
    done = subprocess.run(
        [sys.executable, "-c", _THEIRS], env=environment, capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
