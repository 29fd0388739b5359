"""Signing in on the page with a provider, in a real browser and with a provider that is not ours."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from oidc_provider_mock import User, run_server_in_thread
from playwright.sync_api import Browser, Page, expect

from gateway.api.oidc import OidcSettings
from gateway.api.oidc_provider import Provider
from gateway.auth import Tokens
from tests.gateway.page_rig import WIDTHS, check_accessible, check_fits, gym

TOKENS = Tokens(b"k" * 32, time.time)  # the provider's clock is the machine's
PEOPLE = (User(sub="olga", claims={"groups": ["muvr-operators"]}), User(sub="dave"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory, port = tmp_path_factory.mktemp("gym"), free_port()
    secret = directory / "client.secret"
    secret.write_text("s3cret")
    with run_server_in_thread(user_claims=PEOPLE, require_nonce=True) as server:
        settings = OidcSettings(
            issuer=f"http://localhost:{server.server_port}",
            client_id="muvr",
            secret_file=secret,
            page=f"http://127.0.0.1:{port}/",
            operators="muvr-operators",
            name="Example Health",
        )
        with gym(directory / "store", TOKENS, port, provider=Provider(settings, time.time)) as here:
            yield here.address


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """At its end it has logged no error, and everything from elsewhere was a page of its own."""
    context = browser.new_context(viewport={"width": WIDTHS["phone"], "height": 900})
    opened = context.new_page()
    told: list[str] = []
    opened.on("pageerror", lambda error: told.append(str(error)))
    opened.on("console", lambda message: told.append(message.text) if "Policy" in message.text else None)
    yield opened
    context.close()
    assert told == []


def agree(page: Page, address: str, subject: str) -> None:
    page.goto(address)
    page.get_by_role("button", name="Sign in with Example Health").click()
    page.wait_for_url("**/oauth2/authorize?**")
    assert parse_qs(urlsplit(page.url).query)["code_challenge_method"] == ["S256"]
    page.locator(f"button[name=sub][value={subject}]").click()
    page.wait_for_url(address)


def test_an_operator_signs_in_and_out(page: Page, address: str) -> None:
    agree(page, address, "olga")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    expect(page.get_by_role("link", name="System")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_have_attribute(
        "title", "You are " + subject_of(page)
    )
    assert page.url == address, "neither code nor state is left in the address"
    page.get_by_role("link", name="System").click()
    expect(page.get_by_role("heading", name="Nodes")).to_be_visible()
    assert [each["name"] for each in page.context.cookies(address)] == []
    page.reload()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in with Example Health")).to_be_visible()


def subject_of(page: Page) -> str:
    kept: str = page.evaluate("JSON.parse(sessionStorage.getItem('muvr-account')).token")
    return TOKENS.verify(kept, ("operator",)).user


def test_who_has_no_part_is_told_so(page: Page, address: str) -> None:
    agree(page, address, "dave")
    expect(page.get_by_role("alert")).to_contain_text("Example Health does not say that you have a part here")
    check_fits(page, WIDTHS["phone"])
    check_accessible(page)


def test_who_does_not_agree_is_told_so(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("button", name="Sign in with Example Health").click()
    page.wait_for_url("**/oauth2/authorize?**")
    page.get_by_role("button", name="Deny").click()
    page.wait_for_url(address)
    expect(page.get_by_role("alert")).to_contain_text("did not let you in")


def test_an_address_that_somebody_else_made_signs_nobody_in(page: Page, address: str) -> None:
    page.goto(f"{address}?code=stolen&state=made-up&next=https://elsewhere.example/")
    expect(page.get_by_role("alert")).to_contain_text("was not begun in this browser")
    page.goto(f"{address}?error=<b>call+0900</b>&state=x")
    expect(page.get_by_role("alert")).to_contain_text("without a reason")
    assert page.url == address
