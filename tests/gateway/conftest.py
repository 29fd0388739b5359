"""What the tests of connections and of the page share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from gateway.api.app import RATE_OF_ALL, RATE_PER_ADDRESS
from gateway.api.oidc_provider import Provider
from gateway.api.rates import Rates
from gateway.devices.offers import Offers
from persistence.sqlite import SqliteStore
from telemetry import metrics, pages
from tests.browser import chromium
from tests.gateway.api_rig import Rig, rig
from tests.gateway.device_example import offers_of, serve_model
from tests.gateway.own_provider import OwnProvider, own_provider


@pytest.fixture(scope="module")
def offers(tmp_path_factory: pytest.TempPathFactory) -> Offers:
    store = SqliteStore(tmp_path_factory.mktemp("store"))
    serve_model(store)
    return offers_of(store)


@pytest.fixture(scope="module")
def shared_oidc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[OwnProvider, Rig]]:
    directory = tmp_path_factory.mktemp("oidc")
    with own_provider() as provider, rig(directory, oidc=provider.settings(directory)) as made:
        yield provider, made


@pytest.fixture
def theirs(shared_oidc: tuple[OwnProvider, Rig]) -> OwnProvider:
    """A provider that says what it should, until a test has it say something else."""
    shared_oidc[0].begin_anew()
    return shared_oidc[0]


@pytest.fixture
def oidc_api(shared_oidc: tuple[OwnProvider, Rig], theirs: OwnProvider, tmp_path: Path) -> Rig:
    """It has asked `theirs` nothing yet; of what the last test asked too often, nothing is left."""
    _, made = shared_oidc
    made.client.cookies.clear()
    provider = Provider(theirs.settings(tmp_path), lambda: made.now_ms / 1000)
    state = made.client.app.state  # type: ignore[attr-defined]
    rates = Rates(RATE_PER_ADDRESS, RATE_OF_ALL, time.monotonic)
    state.services = replace(state.services, provider=provider, rates=rates)
    return made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def counting_as_host(tmp_path: Path) -> Iterator[Path]:
    """This process counts as the shard host of a node: where."""
    pages.COUNTING.reset()
    pages.begin(tmp_path / "metrics")
    metrics.count_as("shard-host-0")
    yield tmp_path / "metrics"
    pages.end()
    pages.COUNTING.reset()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages of which, at the end, each has logged nothing and asked no other host."""
    opened_pages: list[tuple[Page, list[str], list[str]]] = []

    def opened(
        address: str, width: int = 1280, scheme: str = "light", quiet: bool = True, signed: str | None = None
    ) -> Page:
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        told: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        if signed is not None:
            page.get_by_label("Code or token").fill(signed)
            page.get_by_role("button", name="Sign in").click()
            page.get_by_role("button", name="Sign out").wait_for()
        opened_pages.append((page, told if quiet else [], asked))
        return page

    yield opened
    for page, told, asked in opened_pages:  # the server has ended by now, which the page may have noticed
        own = {urlsplit(page.url).netloc}
        page.close()
        assert [text for text in told if "ERR_CONNECTION_REFUSED" not in text] == []
        assert {urlsplit(url).netloc for url in asked} == own
