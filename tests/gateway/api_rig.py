"""The whole API in this process: a store, a shard host in a thread behind the routes, tokens, a clock."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from fastapi.testclient import TestClient

from actors.messages import Addressed, Envelope
from domain.commands import Command
from domain.identifiers import UserId
from domain.replies import Reply
from gateway.api.app import create_app
from gateway.api.commanding import Commands
from gateway.api.live import LiveView
from gateway.api.oidc import OidcSettings
from gateway.api.oidc_provider import Provider
from gateway.api.privacy import Keys
from gateway.auth import Scope, Tokens
from persistence.erasure import Secrets
from persistence.sqlite import SqliteStore
from tests.actors.driving import MASTER_KEY, DrivenHost
from tests.actors.stub_models import StubShelf
from tests.gateway.api_example import START_MS

HERE = "http://127.0.0.1:8080"
ENDED = None
KEYS = Keys(master_key=MASTER_KEY, secrets=Secrets(pseudonym_key=b"p" * 32, signing_key=b"s" * 32))


class HostThread:
    """A shard host in a thread, as a process of a node; `taken` are all commands that it was given."""

    def __init__(self, store: SqliteStore, now_ms: Any) -> None:
        self.commands = Commands(self._queue)
        self.taken: list[Envelope] = []
        self._host = DrivenHost(store, StubShelf(None), now_ms)
        self._waiting: queue.Queue[tuple[Envelope, Any] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def tell(self, user: str, *commands: Command) -> list[Reply]:
        """As the user's device does."""
        done: queue.Queue[list[Addressed]] = queue.Queue()
        replies: list[Reply] = []
        for command in commands:
            self._waiting.put((Envelope(1, UserId(user), command), done.put))
            replies += [each.reply for each in done.get(timeout=60)]
        return replies

    def close(self) -> None:
        self._waiting.put(ENDED)
        self._thread.join(60)
        self._host.host.close()

    def _queue(self, envelope: Envelope) -> None:
        loop = asyncio.get_running_loop()

        def deliver(replies: list[Addressed]) -> None:
            done = [(envelope.connection, envelope.user)]
            loop.call_soon_threadsafe(self.commands.deliver, replies, done)

        self._waiting.put((envelope, deliver))

    def _run(self) -> None:
        while (waiting := self._waiting.get()) is not ENDED:
            envelope, deliver = waiting
            self.taken.append(envelope)
            deliver(self._host.process([envelope]))


class Rig:
    """`now_ms` is the clock of everything; it stands still unless it is set."""

    def __init__(self, directory: Path, *, with_tokens: bool, oidc: OidcSettings | None = None) -> None:
        self.now_ms = START_MS
        self.tokens = Tokens(b"k" * 32, lambda: self.now_ms / 1000)
        self.store = SqliteStore(directory)
        self.live = LiveView()
        self.host = HostThread(self.store, lambda: self.now_ms)
        app = create_app(
            self.store,
            self.live,
            self.tokens,
            self.host.commands,
            lambda: self.now_ms,
            lambda: self.now_ms / 1000,
            is_open=not with_tokens,
            keys=KEYS,
            provider=Provider(oidc, lambda: self.now_ms / 1000) if oidc else None,
        )
        self.client = TestClient(app, base_url=HERE)

    def bearer(self, user: str, scope: Scope = "user", valid_s: int = 3600) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens.issue(UserId(user), scope, valid_s)}"}


@contextmanager
def rig(directory: Path, *, with_tokens: bool = True, oidc: OidcSettings | None = None) -> Iterator[Rig]:
    made = Rig(directory, with_tokens=with_tokens, oidc=oidc)
    with made.client:
        yield made
    made.host.close()
    made.store.close()


def problem_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem details of an answer, which say what its status does."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    return body
