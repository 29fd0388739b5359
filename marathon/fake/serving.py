"""HTTP for both fakes: JSON in and out, and a stream of events."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Answer = tuple[int, Any]
Answering = Callable[[str, str, Any], Answer]
BODY_BYTES_MAX = 16 << 20
POLL_SECONDS = 0.02


class Stream:
    """Of server-sent events, each already written."""

    def __init__(self, events: Iterator[bytes]) -> None:
        self.events = events


class FakeServer:
    """Answers on loopback, at a free port unless one is given."""

    def __init__(self, answering: Answering, port: int = 0) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(answering))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _handler(answering: Answering) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _respond(self) -> None:
            length = min(int(self.headers.get("Content-Length") or 0), BODY_BYTES_MAX)
            data = self.rfile.read(length)
            try:
                body = json.loads(data) if data.strip() else None
            except ValueError:
                self._answer(400, {"message": "Invalid JSON"})
                return
            status, value = answering(self.command, self.path, body)
            if isinstance(value, Stream):
                self._stream(value)
            else:
                self._answer(status, value)

        def _answer(self, status: int, value: Any) -> None:
            is_text = isinstance(value, str)
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            answer = b"" if value is None else text.encode(errors="surrogateescape")
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if is_text else "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def _stream(self, stream: Stream) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            try:
                for event in stream.events:
                    self.wfile.write(event)
                    self.wfile.flush()
            except OSError:
                return  # who listened has gone

        do_GET = do_POST = do_PUT = do_DELETE = _respond  # noqa: N815 (the names that http.server calls)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler
