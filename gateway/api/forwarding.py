"""A request about another node's user: done there, over that node's HTTP API, and answered here as it was.

One hop, and with the caller's own token: the other node checks everything again and trusts nobody for it.
"""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from fastapi import Request, Response

from gateway.api.problems import NotAnswered, ServedElsewhere
from gateway.api.reads import Reads

HOP = "Muvr-Forwarded"  # says that a request has been forwarded once, and is not again
SECONDS_MAX = 15.0  # to connect, and for each part of the answer; an actor is waited for 10 s
ANSWER_BYTES_MAX = 4 << 20

_ASKED = (
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "traceparent",
    "x-reason",
)
_ANSWERED = ("content-type", "etag", "idempotency-replayed", "location", "retry-after", "www-authenticate")


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Forwarder:
    """Lives in the loop that serves; what waits for other nodes has a few threads of its own."""

    def __init__(self) -> None:
        self._threads = Reads()

    async def __call__(self, request: Request, elsewhere: ServedElsewhere) -> Response:
        """The answer of the node that serves the user.

        Raises `elsewhere` if the request was forwarded once already, TooBusy, and NotAnswered if that node
        does not answer, or serves the user no more: every request may be sent again.
        """
        if HOP in request.headers:
            raise elsewhere
        headers = {name: request.headers[name] for name in _ASKED if name in request.headers}
        query = f"?{request.url.query}" if request.url.query else ""
        target = quote(request.scope["path"]) + query
        answer = await self._threads(
            _exchange, elsewhere.url, request.method, target, await request.body(), headers | {HOP: "1"}
        )
        if answer.status == ServedElsewhere.status:
            raise NotAnswered("the user is moving to another node", remedy="send it again")
        return Response(answer.body, answer.status, answer.headers)

    def close(self) -> None:
        self._threads.close()


def _exchange(url: str, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> _Answer:
    """Blocks; raises NotAnswered."""
    there = urlsplit(url)
    kind = http.client.HTTPSConnection if there.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(there.hostname or "", there.port, timeout=SECONDS_MAX)
        try:
            connection.request(method, there.path.rstrip("/") + target, body or None, dict(headers))
            came = connection.getresponse()
            content = came.read(ANSWER_BYTES_MAX + 1)
            if came.length and len(content) <= ANSWER_BYTES_MAX:
                raise http.client.IncompleteRead(content)
            told = {name: came.headers[name] for name in _ANSWERED if name in came.headers}
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise NotAnswered(
            "the node that serves the user does not answer", remedy="send it again in a few seconds"
        ) from error
    if len(content) > ANSWER_BYTES_MAX:
        raise NotAnswered(f"the answer has more than {ANSWER_BYTES_MAX} bytes", remedy=f"ask {url} for it")
    return _Answer(came.status, told, content)
