"""The page over a real server with a shard host behind it, and what every view of it has to keep."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from domain.commands import CloseSession, Command, RecordSet
from domain.identifiers import ModelId, SessionId, UserId
from gateway.api.app import create_app
from gateway.api.live import LiveView
from gateway.api.node_load import NodeLoad
from gateway.api.oidc_provider import Provider
from gateway.api.privacy import Keys
from gateway.api.server import ApiServer
from gateway.auth import Scope, Tokens
from persistence.sqlite import SqliteStore
from tests.gateway.api_example import DAY_MS, START_MS
from tests.gateway.api_rig import HostThread
from tests.gateway.spoken import opening, squatted

expect.set_options(timeout=20_000)

WIDTHS = {"phone": 360, "desktop": 1440}
NOW_MS = START_MS + 40 * DAY_MS
TOKENS = Tokens(b"k" * 32, lambda: NOW_MS / 1000)
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@dataclass
class Gym:
    address: str
    view: LiveView
    store: SqliteStore
    host: HostThread

    def say(self, user: str, scope: Scope, method: str, path: str, body: Any = None) -> Any:
        """A request to the API, which is taken."""
        answer = httpx.request(
            method,
            f"{self.address}v1/{path}",
            json=body,
            headers={"Authorization": f"Bearer {token(user, scope)}"},
        )
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None


@contextmanager
def gym(
    directory: Path,
    tokens: Tokens | None = None,
    port: int = 0,
    load: NodeLoad | None = None,
    keys: Keys | None = None,
    provider: Provider | None = None,
) -> Iterator[Gym]:
    store, view = SqliteStore(directory), LiveView()
    host = HostThread(store, lambda: NOW_MS)
    clock = itertools.count(NOW_MS)  # what is said twice in a millisecond is said once
    app = create_app(
        store,
        view,
        tokens,
        host.commands,
        lambda: next(clock),
        node_load=load,
        keys=keys,
        provider=provider,
    )
    server = ApiServer(app, "127.0.0.1", port)
    server.start()
    try:
        yield Gym(f"http://127.0.0.1:{server.port}/", view, store, host)
    finally:
        view.close()
        server.stop()
        host.close()
        store.close()


def token(user: str, scope: Scope = "user") -> str:
    return TOKENS.issue(UserId(user), scope, 3600)


def trained(here: Gym, user: str = "alice", days: int = 3) -> None:
    """A session a day, in which the watch found one set that is confirmed and one that is not."""
    for day in range(days):
        name, at_ms = SessionId(f"day-{day}"), START_MS + day * DAY_MS
        said: list[Command] = [
            opening(name, at_ms=at_ms),
            squatted(name, at_ms, 60.0 + 5 * day),
            RecordSet(
                session=name,
                command_nr=2,
                start_ms=at_ms + 120_000,
                end_ms=at_ms + 160_000,
                exercise="bench_press",
                confidence=0.9,
                repetitions=8,
                model_id=ModelId("m"),
            ),
            CloseSession(session=name, command_nr=3, at_ms=at_ms + 200_000),
        ]
        here.host.tell(user, *said)


def check_fits(page: Page, width: int) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    over = page.evaluate(
        "[...document.querySelectorAll('main *')]"
        ".filter(node => node.getBoundingClientRect().right > innerWidth && !node.closest('.unseen, .wide'))"
        ".map(node => node.outerHTML.slice(0, 80))"
    )
    assert over == []


def check_accessible(page: Page) -> None:
    """No violation of WCAG 2.2 AA that axe-core finds."""
    page.evaluate("scrollTo(0, 0)")  # else the bar that stays on top may cover a half of a button
    results = Axe().run(page, options=RULES)
    found = [
        (each["id"], [(node["target"], node["failureSummary"]) for node in each["nodes"]])
        for each in results.response["violations"]
    ]
    assert not found, found
