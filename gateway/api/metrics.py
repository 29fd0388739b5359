"""The node's metrics over HTTP, and what the API counts of itself."""

from __future__ import annotations

import time
from pathlib import Path

from fastapi import Request, Response
from prometheus_client import start_http_server
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.errors import ConfigurationError
from gateway.api.problems import problem
from telemetry import metrics
from telemetry.exposition import exposed, registry_of
from telemetry.pages import node_directory

_SECONDS = metrics.HTTP_SECONDS.of()


class CountedRequests:
    """The outermost layer: counts answers by method and status, and times them until they begin."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        since_s = time.perf_counter()

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                _SECONDS.observe(time.perf_counter() - since_s)
                metrics.HTTP_REQUESTS.of(scope["method"], f"{message['status'] // 100}xx").add()
            await send(message)

        await self._app(scope, receive, send_counted)


def node_metrics(request: Request) -> Response:
    """The answer to /metrics: of all processes of the node, as Prometheus asks for it."""
    directory = node_directory()
    if directory is None:
        return problem(404, "no node counts here", code="http", remedy="ask the API of a node")
    content, content_type = exposed(directory, request.headers.get("accept", ""))
    return Response(content, media_type=content_type)


def serve_metrics(directory: Path, host: str, port: int) -> None:
    """Serve them to everyone who reaches the port, in threads of their own, until the process ends.

    Raises ConfigurationError if the address cannot be used.
    """
    try:
        start_http_server(port, host, registry_of(directory))
    except (OSError, OverflowError) as error:
        raise ConfigurationError(
            f"metrics cannot be served at {host}:{port}: {getattr(error, 'strerror', None) or error}",
            expected="a free port of this machine",
            remedy="choose another with --metrics-port, or stop who uses it",
        ) from error
