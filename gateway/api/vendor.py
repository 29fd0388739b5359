"""Programs of others that the page loads: from an installed package, and only the very files that we know.

uPlot 1.6.31 (MIT licence, github.com/leeoniya/uPlot) as the package `youplot` carries it; the digests are
those of uPlot's own release. See docs/decisions/0026-page.md.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
from collections.abc import Mapping
from pathlib import Path

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_log = logging.getLogger(__name__)

_PACKAGE = "youplot"
_DIRECTORY = "vendor"
_FILES = {
    "uPlot.iife.min.js": (
        "uplot.iife.min.js",
        "text/javascript",
        "2d27e8ad3d228164525ce213f9dc716f39b4e3aee0cc773fb3491c96cf4921a2",
    ),
    "uPlot.min.css": (
        "uplot.min.css",
        "text/css",
        "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    ),
}


class Vendor:
    """An ASGI application that serves the files by their names; 404 for one that is not there or another."""

    def __init__(self, directory: Path | None = None) -> None:
        self._contents = _contents(directory or _installed())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"].rpartition("/")[2]
        await self._answer(name)(scope, receive, send)

    def _answer(self, name: str) -> Response:
        if name not in self._contents:
            return Response(status_code=404)
        _, media_type, digest = _FILES[name]
        return Response(self._contents[name], media_type=media_type, headers={"ETag": f'"{digest[:32]}"'})


def _installed() -> Path | None:
    spec = importlib.util.find_spec(_PACKAGE)  # which does not import it
    return None if spec is None or spec.origin is None else Path(spec.origin).with_name(_DIRECTORY)


def _contents(directory: Path | None) -> Mapping[str, bytes]:
    contents = {}
    for name, (file_name, _, digest) in _FILES.items():
        path = directory / file_name if directory else None
        content = path.read_bytes() if path and path.is_file() else b""
        if hashlib.sha256(content).hexdigest() == digest:
            contents[name] = content
        else:
            _log.warning("%s is not that of %s's pinned version: the page shows no charts", name, _PACKAGE)
    return contents
