"""The node's metrics over HTTP, with a token at the API's port and without one at a port of their own."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from domain.errors import ConfigurationError
from gateway.api.app import create_app
from gateway.api.live import LiveView
from gateway.api.metrics import serve_metrics
from persistence.sqlite import SqliteStore
from telemetry import metrics, pages

HERE = "http://127.0.0.1"


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    pages.COUNTING.reset()
    pages.begin(tmp_path / "metrics")
    metrics.count_as("api")
    yield tmp_path / "metrics"
    pages.end()
    pages.COUNTING.reset()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    store = SqliteStore(tmp_path / "store")
    with TestClient(create_app(store, LiveView(), None), base_url=HERE) as client:
        yield client
    store.close()


def test_a_nodes_metrics_are_served(directory: Path, client: TestClient) -> None:
    metrics.FRAMES.of().add(5)
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "muvr_frames_total 5.0" in answer.text.splitlines()
    accepting = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert accepting.text.endswith("# EOF\n")


def test_requests_are_counted_by_method_and_status(directory: Path, client: TestClient) -> None:
    assert client.get("/health").status_code == 200
    assert client.get("/v1/users/nobody/nothing").status_code == 404
    assert client.request("BREW", "/health").status_code == 405
    told = client.get("/metrics").text.splitlines()
    assert 'muvr_http_requests_total{method="GET",status="2xx"} 1.0' in told
    assert 'muvr_http_requests_total{method="GET",status="4xx"} 1.0' in told
    assert 'muvr_http_requests_total{method="other",status="4xx"} 1.0' in told
    assert "muvr_http_request_seconds_count 3.0" in told


def test_without_a_node_there_are_none(client: TestClient) -> None:
    assert client.get("/metrics").status_code == 404


def test_a_port_of_their_own_needs_no_token(directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match="--metrics-port"):
            serve_metrics(directory, "127.0.0.1", port)
    serve_metrics(directory, "127.0.0.1", port)
    with urllib.request.urlopen(f"{HERE}:{port}/metrics", timeout=60) as answer:
        assert b'muvr_process_up{process="api"} 1.0' in answer.read()


@pytest.mark.parametrize("port", [-1, 70_000])
def test_a_port_that_cannot_be_is_an_error(directory: Path, port: int) -> None:
    with pytest.raises(ConfigurationError):
        serve_metrics(directory, "127.0.0.1", port)
