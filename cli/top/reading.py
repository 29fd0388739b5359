"""Fetches a node's metrics over HTTP."""

from __future__ import annotations

import time
import urllib.error
import urllib.request

from cli.top.figures import Reading, read
from domain.errors import ProcessFailed

FETCH_SECONDS = 5.0
BYTES_MAX = 4 << 20


def fetch(url: str, token: str | None) -> Reading:
    """Raises ProcessFailed if there are none."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=FETCH_SECONDS) as answer:
            return read(answer.read(BYTES_MAX).decode(), time.monotonic())
    except urllib.error.HTTPError as error:
        raise ProcessFailed(
            f"{url} answers {error.code} {error.reason}",
            expected="metrics",
            remedy="say --data of that node, whose key makes a token, or its --metrics-port as --url",
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ProcessFailed(
            f"{url} does not answer: {reason}", remedy="start the node, or correct --url"
        ) from error
