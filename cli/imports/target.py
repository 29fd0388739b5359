"""Where an import goes: a node that runs, else one that is started for it; and what is there already."""

from __future__ import annotations

import http.client
import json
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from actors.membership import view_of_store
from cli.settings import NodeSettings
from domain.errors import ConfigurationError, ProcessFailed
from domain.identifiers import UserId
from persistence.location import open_store, sqlite_directory
from persistence.tables import SESSION_BY_USER

TOKEN_SECONDS = 86_400
CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 30.0
ANSWER_BYTES_MAX = 4 << 20
PAGES_MAX = 10_000
SESSIONS_PER_PAGE = 200


@dataclass(frozen=True, kw_only=True)
class Target:
    """`urls` are of nodes, the first to be tried first."""

    urls: tuple[str, ...]
    token: str


@dataclass(frozen=True, kw_only=True)
class Remote:
    """A node elsewhere: its websocket, its API, and a token of scope `user` for both."""

    url: str
    api: str
    token: str


def closed_sessions(user: UserId, settings: NodeSettings, remote: Remote | None) -> frozenset[str]:
    """The user's sessions that were ended, which take nothing any more."""
    if remote is not None:
        return frozenset(_asked(user, remote))
    directory = sqlite_directory(settings.store_location)
    if directory is not None and not directory.is_dir():
        return frozenset()
    store = open_store(settings.store_location)
    try:
        rows = store.read(SESSION_BY_USER, (user,))
        return frozenset(row.session_id for row in rows if row.ended_at is not None)
    finally:
        store.close()


@contextmanager
def target(user: UserId, settings: NodeSettings, remote: Remote | None) -> Iterator[Target]:
    """Nodes of the store that answer; else one on the data directory, until the end."""
    if remote is not None:
        yield Target(urls=(remote.url,), token=remote.token)
        return
    from cli.wiring import open_tokens, running_node

    urls = running_urls(settings)
    if urls:
        yield Target(urls=urls, token=open_tokens(settings).issue(user, "device", TOKEN_SECONDS))
        return
    with running_node(settings) as running:
        token = open_tokens(settings).issue(user, "device", TOKEN_SECONDS)
        yield Target(urls=(f"ws://{settings.host}:{running.gateway_port}",), token=token)


def running_urls(settings: NodeSettings) -> tuple[str, ...]:
    """Where the members of the store's cluster say that they are, of those that take a connection."""
    directory = sqlite_directory(settings.store_location)
    if directory is not None and not directory.is_dir():
        return ()
    store = open_store(settings.store_location)
    try:
        urls = dict.fromkeys(member.url for member in view_of_store(store).members)
    finally:
        store.close()
    return tuple(url for url in urls if _answers(url))


def _answers(url: str) -> bool:
    parts = urllib.parse.urlsplit(url)
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def _asked(user: UserId, remote: Remote) -> Iterator[str]:
    cursor: str | None = None
    for _ in range(PAGES_MAX):
        page = _page(user, remote, cursor)
        try:
            yield from (item["session"] for item in page["items"] if item["ended_ms"] is not None)
            cursor = page["next_cursor"]
        except (KeyError, TypeError) as error:
            raise ProcessFailed(f"{remote.api} answers with no page of sessions") from error
        if cursor is None:
            return
    raise ProcessFailed(f"{remote.api} has no end of sessions")


def _page(user: UserId, remote: Remote, cursor: str | None) -> Any:
    query = {"limit": str(SESSIONS_PER_PAGE)} | ({"cursor": cursor} if cursor else {})
    path = f"/v1/users/{urllib.parse.quote(user, safe='')}/sessions?{urllib.parse.urlencode(query)}"
    if urllib.parse.urlsplit(remote.api).scheme not in ("http", "https"):
        raise ConfigurationError(
            f"{remote.api!r} is no address", expected="http://HOST:PORT", remedy="correct --api"
        )
    request = urllib.request.Request(
        remote.api.rstrip("/") + path, headers={"Authorization": f"Bearer {remote.token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
            return json.loads(answer.read(ANSWER_BYTES_MAX))
    except urllib.error.HTTPError as error:
        if error.code == http.client.NOT_FOUND:
            return {"items": [], "next_cursor": None}  # nothing is stored of the user yet
        raise ProcessFailed(
            f"{remote.api} refuses to list the user's sessions: status {error.code}",
            remedy="give a token of scope user with --token"
            if error.code in (401, 403)
            else "see the node's log",
        ) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ProcessFailed(f"{remote.api} does not answer: {error}", remedy="correct --api") from error
