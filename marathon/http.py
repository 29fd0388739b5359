"""JSON over HTTP to a service of the cluster, each request once."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from typing import Any

from domain.errors import ConfigurationError
from marathon.errors import ClusterRefused, ClusterUnavailable

BYTES_MAX = 16 << 20  # of an answer; the state of a cluster is long
WORDS_MAX = 300  # of a refusal that are told
BUSY = frozenset((408, 429, 500, 502, 503, 504))


class Service:
    """The service at `url`, as `http://HOST:PORT`. Raises ClusterUnavailable and ClusterRefused."""

    def __init__(self, url: str, timeout_s: float) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(f"{url!r} is no address", expected="http://HOST:PORT")
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s

    def get(self, path: str, query: Sequence[tuple[str, str]] = ()) -> Any:
        """The value at `path`."""
        return self._ask("GET", path, query=query)

    def post(self, path: str, body: Any = None) -> Any:
        return self._ask("POST", path, body=body)

    def put(self, path: str, body: Any = None) -> Any:
        return self._ask("PUT", path, body=body)

    def delete(self, path: str, query: Sequence[tuple[str, str]] = ()) -> Any:
        return self._ask("DELETE", path, query=query)

    def _ask(self, method: str, path: str, *, query: Sequence[tuple[str, str]] = (), body: Any = None) -> Any:
        where = f"{self._url}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        request = urllib.request.Request(where, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as answer:
                return _decoded(answer.read(BYTES_MAX + 1), where)
        except urllib.error.HTTPError as error:
            raise _refusal(error, method, where) from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise ClusterUnavailable(f"{self._url} does not answer: {reason}") from error


def _decoded(data: bytes, where: str) -> Any:
    if len(data) > BYTES_MAX:
        raise ClusterUnavailable(f"{where} answers with more than {BYTES_MAX} bytes")
    try:
        return json.loads(data.decode(errors="surrogateescape")) if data.strip() else None
    except (ValueError, RecursionError) as error:
        raise ClusterUnavailable(f"{where} answers with something that is no JSON") from error


def _refusal(error: urllib.error.HTTPError, method: str, where: str) -> ClusterRefused | ClusterUnavailable:
    words = error.read(WORDS_MAX).decode(errors="replace").strip()
    told = f"{method} {where}: status {error.code}" + (f", {words}" if words else "")
    if error.code in BUSY:
        return ClusterUnavailable(told)
    return ClusterRefused(told, status=error.code)
