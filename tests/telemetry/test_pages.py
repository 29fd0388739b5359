"""Counting in pages: what several processes count is summed, and outlives them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from telemetry import metrics, pages
from telemetry.exposition import exposed
from telemetry.kinds import Declarations

THREADS, ADDS = 4, 5_000


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    pages.COUNTING.reset()
    pages.begin(tmp_path / "metrics")
    yield tmp_path / "metrics"
    pages.end()
    pages.COUNTING.reset()


def in_process(work: Callable[[], None]) -> None:
    """Run `work` in a forked process and wait for its end."""
    pid = os.fork()
    if not pid:
        try:
            work()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def samples(directory: Path) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    content, _ = exposed(directory)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(content.decode())
        for sample in family.samples
    }


def sample(directory: Path, name: str, **labels: str) -> float:
    return samples(directory)[name, frozenset(labels.items())]


def count_as(role: str, frames: int, connections: int = 0) -> None:
    metrics.count_as(role)
    metrics.FRAMES.of().add(frames)
    metrics.CONNECTIONS.of().add(connections)


def test_processes_are_summed_and_what_they_counted_outlives_them(directory: Path) -> None:
    in_process(lambda: count_as("shard-host-0", 3, connections=5))
    in_process(lambda: count_as("shard-host-1", 4))
    assert sample(directory, "muvr_frames_total") == 7
    assert sample(directory, "muvr_connections") == 0, (
        "how it stands with a process that is gone is not known"
    )
    assert sample(directory, "muvr_process_up", process="shard-host-0") == 0
    count_as("gateway", 10, connections=2)
    assert sample(directory, "muvr_frames_total") == 17
    assert sample(directory, "muvr_connections") == 2
    assert sample(directory, "muvr_process_up", process="gateway") == 1


def test_the_next_process_of_a_role_goes_on_counting(directory: Path) -> None:
    in_process(lambda: count_as("gateway", 3, connections=5))
    count_as("gateway", 1)
    assert sample(directory, "muvr_frames_total") == 4
    assert sample(directory, "muvr_connections") == 0
    assert sample(directory, "muvr_process_starts_total", process="gateway") == 2


def test_a_node_that_begins_forgets_the_last_one(directory: Path) -> None:
    in_process(lambda: count_as("gateway", 3))
    pages.begin(directory)
    assert sample(directory, "muvr_frames_total") == 0


def test_what_was_counted_before_the_page_was_there_is_not_lost(directory: Path) -> None:
    metrics.FRAMES.of().add(2)
    metrics.count_as("gateway")
    assert sample(directory, "muvr_frames_total") == 2


def test_a_forked_process_counts_for_itself(directory: Path) -> None:
    count_as("gateway", 1)
    in_process(lambda: metrics.FRAMES.of().add(100))
    assert sample(directory, "muvr_frames_total") == 1


def test_threads_lose_no_count(directory: Path) -> None:
    metrics.count_as("gateway")

    def work() -> None:
        for _ in range(ADDS):
            metrics.WINDOWS.of().add()
            metrics.HOST_WAIT.of().observe(0.1)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sample(directory, "muvr_windows_classified_total") == THREADS * ADDS
    assert sample(directory, "muvr_host_wait_seconds_count") == THREADS * ADDS


def test_without_a_node_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    metrics.count_as("gateway")
    metrics.FRAMES.of().add()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"x" * 100, os.urandom(64) + bytes(40_000)])
def test_pages_of_something_else_are_passed_over_and_replaced(directory: Path, content: bytes) -> None:
    (directory / "gateway.page").write_bytes(content)
    assert ("muvr_process_up", frozenset({("process", "gateway")})) not in samples(directory)
    count_as("gateway", 1)
    assert sample(directory, "muvr_frames_total") == 1


def test_a_role_that_is_none_of_a_nodes_gets_no_page(directory: Path) -> None:
    metrics.count_as("../gateway")
    metrics.count_as("anna")
    assert not list(directory.iterdir())


@given(st.lists(st.floats(0, 100), max_size=50))
def test_a_histogram_counts_each_value_once(values: list[float]) -> None:
    declared = Declarations()
    histogram = declared.histogram("h", "", (0.5, 1.0, 10.0))
    pages.COUNTING.reset()
    histogram.of().observe_all(values[1:])
    for value in values[:1]:
        histogram.of().observe_alone(value)
    slots = [pages.COUNTING.slots[at] for at in range(histogram.width)]
    expected = [
        sum(value <= 0.5 for value in values),
        sum(0.5 < value <= 1 for value in values),
        sum(1 < value <= 10 for value in values),
        sum(value > 10 for value in values),
    ]
    assert slots[:4] == expected
    assert slots[4] == pytest.approx(sum(values))


def test_every_label_value_that_is_told_is_declared(directory: Path) -> None:
    count_as("shard-host-0", 1)
    metrics.ERRORS_SENT.of("anna").add()
    metrics.HTTP_REQUESTS.of("BREW", "4xx").add()
    declared = {metric.name: metric for metric in metrics.DECLARED.metrics}
    for name, labels in samples(directory):
        metric = declared.get(name) or declared[name.rpartition("_")[0]]
        for label, value in labels:
            if label == "process":
                assert pages.ROLE.fullmatch(value)
            elif label != "le":
                assert value in metric.labels[label], (name, label, value)
    assert sample(directory, "muvr_errors_sent_total", code="other") == 1
    assert sample(directory, "muvr_http_requests_total", method="other", status="4xx") == 1


def test_a_value_that_cannot_be_is_an_error() -> None:
    with pytest.raises(KeyError):
        metrics.GROUP_STAGE.of("sleep")


def test_names_follow_the_conventions() -> None:
    names = [metric.name for metric in metrics.DECLARED.metrics]
    assert len(set(names)) == len(names)
    for metric in metrics.DECLARED.metrics:
        assert metric.name.startswith("muvr_")
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert not metric.name.endswith(("_ms", "_kb", "_percent"))
        assert metric.help_text
        assert not {"user", "device", "session", "stream"} & set(metric.label_names)


def test_openmetrics_is_spoken_to_who_asks(directory: Path) -> None:
    count_as("gateway", 1)
    content, content_type = exposed(directory, "application/openmetrics-text; version=1.0.0")
    assert "openmetrics" in content_type
    assert content.rstrip().endswith(b"# EOF")
