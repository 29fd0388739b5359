"""The page in a real browser, over a real server, with a shard host behind it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from actors.load import Load
from actors.membership import VIEW_NAME
from actors.view import Member
from domain.commands import CloseSession, Command, ConfirmLabel, OpenSession, RecordSet
from domain.identifiers import DeviceId, ModelId, SessionId, UserId
from gateway.api import create_app
from gateway.api_server import ApiServer
from gateway.auth import Scope, Tokens
from gateway.live import LiveView
from gateway.loads import Loads
from persistence.schema import Timestamp
from persistence.sqlite import SqliteStore
from persistence.tables import MEMBER, VIEW, MemberRow, ViewRow
from tests.browser import chromium
from tests.gateway.api_example import (
    CLASSES,
    DAY_MS,
    START_MS,
    advised,
    ended,
    fill,
    found,
    live,
    recognised,
    rest,
    tipped,
)
from tests.gateway.api_rig import HostThread

expect.set_options(timeout=20_000)

WIDTHS = {"phone": 360, "desktop": 1440}
NOW_MS = START_MS + 40 * DAY_MS
TOKENS = Tokens(b"k" * 32, lambda: NOW_MS / 1000)
VIEWS = ("live", "training", "system")
# What axe calls best practice is left out where the page has reasons of its own.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@dataclass
class Gym:
    address: str
    view: LiveView
    store: SqliteStore
    host: HostThread
    loads: Loads

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
def gym(directory: Path, tokens: Tokens | None = None, port: int = 0) -> Iterator[Gym]:
    store, view = SqliteStore(directory), LiveView()
    host = HostThread(store, lambda: NOW_MS)
    clock = itertools.count(NOW_MS)  # what is said twice in a millisecond is said once
    loads = Loads()
    app = create_app(store, view, tokens, host.commands, lambda: next(clock), loads=loads)
    server = ApiServer(app, "127.0.0.1", port)
    server.start()
    try:
        yield Gym(f"http://127.0.0.1:{server.port}/", view, store, host, loads)
    finally:
        view.close()
        server.stop()
        host.close()
        store.close()


def token(user: str, scope: Scope = "user") -> str:
    return TOKENS.issue(UserId(user), scope, 3600)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages of which, at the end, each has logged nothing and asked no other host."""
    pages: list[tuple[Page, list[str], list[str]]] = []

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
        pages.append((page, told if quiet else [], asked))
        return page

    yield opened
    for page, told, asked in pages:  # the server has ended by now, which the page may have noticed
        own = {urlsplit(page.url).netloc}
        page.close()
        assert [text for text in told if "ERR_CONNECTION_REFUSED" not in text] == []
        assert {urlsplit(url).netloc for url in asked} == own


def test_live_sets_appear_without_a_reload(tmp_path: Path, open_page: Callable[..., Page]) -> None:
    with gym(tmp_path) as here:
        page = open_page(here.address)
        expect(page.locator("#connection")).to_have_text("live")
        expect(page.locator("#live-cards")).to_contain_text("Nobody is training right now")
        card = page.get_by_role("article", name="alice")

        here.view.apply([live("alice", recognised("s", START_MS, "bench_press", 7))])
        expect(card.get_by_role("heading")).to_have_text("Bench press")
        expect(card.locator(".figure")).to_have_text("7")
        expect(card).to_contain_text("92\u00a0% sure")

        here.view.apply(
            [
                live("alice", found("s", START_MS, "bench_press", 10)),
                live("alice", rest("s", START_MS)),
                live("alice", advised("s", START_MS)),
            ]
        )
        expect(card.locator(".timer")).to_have_text(re.compile(r"0:\d\d"))
        expect(card.locator(".sets")).to_contain_text("10 × Bench press")
        expect(card).to_contain_text("Next: Biceps curl, 10 reps at 12.5\u00a0kg")
        expect(card).to_contain_text("you did 3 × 10 at 12.5 kg")
        # What a screen reader is told, politely: the set and what comes next, but no single repetition.
        news = page.locator("[aria-live=polite]#live-news")
        expect(news).to_have_text(
            re.compile(r"alice: 10 repetitions of Bench press\..*Next for alice: Biceps")
        )

        here.view.apply([live("alice", tipped("s", START_MS))])
        expect(card.locator(".tip")).to_have_text(re.compile("went 35 % less far"))
        expect(news).to_have_text(re.compile("alice: The last four repetitions"))
        here.view.apply([live("alice", tipped("s", START_MS + 1, stop=True))])
        expect(card.locator(".tip.stop")).to_have_text(re.compile("^Stop here"))

        here.view.apply([live("alice", ended("s", START_MS))])
        expect(card.get_by_role("heading")).to_have_text("Session finished")
        expect(card.locator(".figure")).to_have_text("1")


def test_history_sets_what_was_recognised_beside_what_was_confirmed(
    tmp_path: Path, open_page: Callable[..., Page]
) -> None:
    with gym(tmp_path) as here:
        fill(here.store, session_count=8)
        page = open_page(here.address + "#training")
        history = page.locator("#history")
        expect(history.locator("details")).to_have_count(6)
        newest = history.locator("details").first
        expect(newest).to_have_attribute("open", "")
        expect(newest.locator("summary")).to_contain_text(
            "12 sets\u00a0· 120 repetitions\u00a0· 3,675 kg moved"
        )
        rows = newest.get_by_role("table").locator("tbody tr")
        expect(rows).to_have_count(12)
        expect(rows.nth(0).get_by_role("img", name="recognised rightly")).to_be_visible()
        expect(rows.nth(4)).to_contain_text("Overhead press")
        expect(rows.nth(4)).to_contain_text("Bench press")
        expect(rows.nth(4).get_by_role("img", name="recognised wrongly")).to_be_visible()
        expect(rows.nth(7)).to_contain_text("11 → 10")

        page.get_by_role("button", name="Show older sessions").click()
        expect(history.locator("details")).to_have_count(8)
        expect(page.get_by_role("button", name="Show older sessions")).to_be_hidden()

        page.get_by_label("User", exact=True).select_option("bob")
        expect(history.locator("details")).to_have_count(6)


def test_history_follows_the_live_view(tmp_path: Path, open_page: Callable[..., Page]) -> None:
    with gym(tmp_path) as here:
        page = open_page(here.address + "#training")
        expect(page.locator("#history")).to_contain_text("No exercise session yet")
        expect(page.locator("#connection")).to_have_text("live")
        fill(here.store, session_count=1)
        here.view.apply([live("alice", found("s0", START_MS, "squat", 10))])
        expect(page.locator("#history details")).to_have_count(1)


def test_models_show_their_figures_and_confusion(tmp_path: Path, open_page: Callable[..., Page]) -> None:
    with gym(tmp_path) as here:
        fill(here.store)
        page = open_page(here.address + "#system")
        served = page.locator("#models details").first
        expect(served.locator("summary")).to_contain_text("served")
        expect(served.locator("summary")).to_contain_text("95\u00a0% accuracy")
        expect(served.locator("summary")).to_contain_text("94\u00a0% macro F1")
        matrix = served.get_by_role("table", name="Windows by what was done")
        expect(matrix.get_by_role("columnheader")).to_have_count(len(CLASSES))
        expect(matrix.get_by_role("rowheader")).to_have_count(len(CLASSES))
        diagonal = matrix.locator("td.hit").first
        assert diagonal.evaluate("cell => getComputedStyle(cell).backgroundColor") != matrix.locator(
            "td.zero"
        ).first.evaluate("cell => getComputedStyle(cell).backgroundColor")

        page.locator("#models summary").nth(1).press("Enter")  # by keyboard
        expect(page.locator("#models details").nth(1).get_by_role("table")).to_have_count(2)


def test_the_night_shows_progress_and_failures(tmp_path: Path, open_page: Callable[..., Page]) -> None:
    with gym(tmp_path) as here:
        fill(here.store)
        page = open_page(here.address + "#system")
        night = page.locator("#night")
        expect(night.get_by_role("progressbar", name="train_model: 62\u00a0%")).to_be_visible()
        expect(night.get_by_role("article")).to_have_count(2)
        running, failed = night.get_by_role("article").all()
        expect(running.locator("li .state")).to_have_text(["succeeded", "succeeded", "running", "waiting"])
        expect(running).to_contain_text("epoch 19 of 30, macro F1 0.91")
        expect(failed.locator("li .state")).to_have_text(["succeeded", "failed", "skipped"])
        expect(failed).to_contain_text("attempt 3")
        failed.get_by_text("Last output").click()
        expect(night.locator("pre")).to_contain_text("no such table: profile")


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1440, "dark")], ids=["phone", "desktop"])
def test_every_view_fits_and_can_be_used_by_everyone(
    tmp_path: Path, open_page: Callable[..., Page], width: int, scheme: str
) -> None:
    with gym(tmp_path) as here:
        fill(here.store)
        here.view.apply(
            [live("alice" * 12, recognised("s", START_MS, "incline_dumbbell_bench_press_extended", 128))]
        )
        here.view.apply([live("bob", rest("s", START_MS)), live("bob", advised("s", START_MS))])
        for view in VIEWS:
            page = open_page(f"{here.address}#{view}", width, scheme)
            expect(page.get_by_role("link", name=view.title())).to_have_attribute("aria-current", "page")
            if view == "system":
                expect(page.locator(".confusion")).to_be_visible()
            if view == "training":
                expect(page.locator("#progress canvas").first).to_be_visible()
                expect(page.locator("#history table").first).to_be_visible()
            check_fits(page, width)
            check_accessible(page)
            dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 17, 18)"
            assert dark == (scheme == "dark")


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
    results = Axe().run(page, options=RULES)
    found = [
        (each["id"], [node["target"] for node in each["nodes"]]) for each in results.response["violations"]
    ]
    assert found == []


def test_the_page_has_landmarks_and_one_name_for_each(tmp_path: Path, open_page: Callable[..., Page]) -> None:
    with gym(tmp_path) as here:
        page = open_page(here.address)
        for role in ("banner", "navigation", "main"):
            expect(page.get_by_role(role)).to_have_count(1)
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to the content")
        expect(skip).to_be_focused()
        skip.press("Enter")
        expect(page.locator("main")).to_be_focused()
        expect(page.get_by_role("region", name="Live", exact=True)).to_be_visible()
        page.get_by_role("link", name="System").press("Enter")
        expect(page.get_by_role("region", name="System", exact=True)).to_be_focused()
        for name in ("Nodes", "Night", "Models"):
            expect(page.get_by_role("region", name=name, exact=True)).to_have_count(1)
        expect(page).to_have_title("muvr: System")


def test_a_token_is_entered_once_and_stands_in_no_address(
    tmp_path: Path, open_page: Callable[..., Page]
) -> None:
    with gym(tmp_path, TOKENS) as here:
        fill(here.store)
        here.view.apply([live(user, recognised("s", START_MS, "squat", 3)) for user in ("alice", "bob")])
        secret = token("alice")
        asked: list[str] = []
        page = open_page(here.address, quiet=False)  # browsers log that nobody was signed in
        page.on("request", lambda request: asked.append(request.url))
        check_accessible(page)
        page.get_by_label("Code or token").fill(secret)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("article", name="alice")).to_be_visible()
        expect(page.get_by_role("article", name="bob")).to_have_count(0)
        expect(page.get_by_role("navigation").get_by_role("link")).to_have_text(
            ["Live", "Training", "Models"]
        )
        page.reload()
        expect(page.get_by_role("article", name="alice")).to_be_visible()
        assert not [url for url in asked if secret in url]
        assert secret not in page.content()

        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Code or token")).to_be_focused()
        assert page.evaluate("sessionStorage.length") == 0


def test_a_pairing_code_lets_the_page_in_and_out(tmp_path: Path, open_page: Callable[..., Page]) -> None:
    with gym(tmp_path, TOKENS) as here:
        trained(here)
        page = open_page(here.address + "#training", quiet=False, signed=token("alice"))
        page.get_by_role("button", name="Pair a device").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.locator(".code")).to_have_text(re.compile("^[0-9A-Z]{4}-[0-9A-Z]{4}$"))
        check_accessible(page)
        code = here.say("alice", "user", "POST", "users/alice/pairings", {"scope": "user"})["code"]
        page = open_page(here.address, quiet=False)
        page.get_by_label("Code or token").fill("WRONG-CODE")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("code")
        page.get_by_label("Code or token").fill(code)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("navigation").get_by_role("link")).to_have_text(
            ["Live", "Training", "Models"]
        )
        (device,) = here.say("alice", "user", "GET", "users/alice/devices")["items"]
        assert (device["device"], device["scope"]) == ("page", "user")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Code or token")).to_be_focused()
        assert here.say("alice", "user", "GET", "users/alice/devices")["items"] == []


def test_a_token_that_is_not_taken_is_told(tmp_path: Path, open_page: Callable[..., Page]) -> None:
    with gym(tmp_path, TOKENS) as here:
        page = open_page(here.address, quiet=False, signed=TOKENS.issue(UserId("alice"), "user", -1))
        expect(page.get_by_role("alert")).to_contain_text("the token has expired")
        expect(page.get_by_role("alert")).to_contain_text("muvr token")


def test_the_page_says_that_the_connection_is_lost_and_comes_back(
    tmp_path: Path, open_page: Callable[..., Page]
) -> None:
    with gym(tmp_path) as here:
        page = open_page(here.address, quiet=False)  # browsers log a lost connection
        expect(page.locator("#connection")).to_have_text("live")
        port = urlsplit(here.address).port or 0
    expect(page.locator("#connection")).to_have_text("connection lost, trying again")
    with gym(tmp_path, port=port) as here:
        here.view.apply([live("alice", recognised("s", START_MS, "squat", 3))])
        expect(page.locator("#connection")).to_have_text("live", timeout=20_000)
        expect(page.get_by_role("article", name="alice")).to_be_visible()


def trained(here: Gym, user: str = "alice", days: int = 3) -> None:
    """A session a day, in which the watch found one set that is confirmed and one that is not."""
    for day in range(days):
        name, at_ms = SessionId(f"day-{day}"), START_MS + day * DAY_MS
        said: list[Command] = [
            OpenSession(
                session=name,
                command_nr=0,
                at_ms=at_ms,
                device=DeviceId("watch"),
                recogniser="device",
                streams=(),
            ),
            ConfirmLabel(
                session=name,
                command_nr=1,
                start_ms=at_ms,
                end_ms=at_ms + 40_000,
                exercise="squat",
                repetitions=10,
                weight_kg=60.0 + 5 * day,
            ),
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


def test_a_set_is_confirmed_with_one_tap_and_corrected_with_two(
    tmp_path: Path, open_page: Callable[..., Page]
) -> None:
    with gym(tmp_path, TOKENS) as here:
        trained(here)
        page = open_page(here.address + "#training", WIDTHS["phone"], quiet=False, signed=token("alice"))
        rows = page.locator("#history details").first.locator("tbody tr")
        rows.nth(1).get_by_role("button", name="is right").click()
        expect(rows.nth(1).get_by_role("img", name="recognised rightly")).to_be_visible()
        expect(page.get_by_role("status").filter(has_text="8 × Bench press confirmed")).to_have_count(1)

        rows.nth(0).get_by_role("button", name="Correct 10 × Squat").click()
        check_accessible(page)
        page.get_by_role("dialog").get_by_role("button", name="Bench press").click()
        expect(rows.nth(0).get_by_role("button")).to_have_text("Bench press")
        expect(rows.nth(0)).to_contain_text("70\u00a0kg")

        rows.nth(0).get_by_role("button").click()
        page.get_by_role("button", name="Repetitions: more").click()
        page.get_by_role("button", name="Weight: less").click()
        page.get_by_role("button", name="Save").click()
        expect(rows.nth(0)).to_contain_text("67.5\u00a0kg")
        expect(rows.nth(0)).to_contain_text("11")
        rows.nth(0).get_by_role("button").click()
        page.get_by_role("button", name="This was no set").click()
        expect(rows).to_have_count(1)


def test_a_lifter_sees_the_week_records_and_progress(tmp_path: Path, open_page: Callable[..., Page]) -> None:
    with gym(tmp_path, TOKENS) as here:
        trained(here)
        squats = {"exercise": "squat", "set_count": 5, "repetitions": 5, "weight_kg": 70.0}
        plan = {"sessions": [{"name": "legs", "weekday": 2, "exercises": [squats]}]}
        here.say("alice", "user", "PUT", "users/alice/plan", plan)
        page = open_page(here.address + "#training", quiet=False, signed=token("alice"))
        week = page.get_by_role("region", name="This week")
        expect(week.get_by_role("heading", name="Wednesday")).to_be_visible()
        expect(week).to_contain_text("Squat 5 × 5 at 70\u00a0kg")
        records = page.get_by_role("table", name="Records").get_by_role("row", name="Squat")
        expect(records).to_contain_text("70\u00a0kg")
        figure = page.get_by_role("figure", name="Strength")
        expect(figure.locator("canvas")).to_be_visible()
        figure.get_by_text("As a table").click()
        expect(figure.locator("tbody tr")).to_have_count(3)
        expect(figure.locator("tbody tr").first).to_contain_text("70\u00a0kg")
        expect(page.get_by_role("figure", name="Volume").locator("canvas")).to_be_visible()
        check_accessible(page)


def test_a_physiotherapist_sees_patients_by_their_grant(
    tmp_path: Path, open_page: Callable[..., Page]
) -> None:
    with gym(tmp_path, TOKENS) as here:
        page = open_page(here.address, WIDTHS["phone"], quiet=False, signed=token("eve", "coach"))
        expect(page.locator("#patients-view")).to_contain_text("No patients yet")
        for user in ("alice", "bob"):
            here.say(user, "user", "PUT", f"users/{user}/grants/eve")
        squats = {"exercise": "squat", "set_count": 2, "repetitions": 10, "days_per_week": 3}
        programme = {"prescriptions": [{**squats, "tempo_s": {"least": 2.0}}], "at_ms": START_MS - DAY_MS}
        here.say("eve", "coach", "PUT", "users/alice/programme", programme)
        trained(here)
        here.say("eve", "coach", "GET", "users/alice/adherence")
        page.reload()
        expect(page.get_by_role("navigation").get_by_role("link")).to_have_text(["Patients"])
        expect(page.get_by_role("article", name="Programme")).to_contain_text("Squat 2 × 10, 3 days a week")
        expect(page.get_by_role("article", name="Programme")).to_contain_text(
            "a repetition in at least 2\u00a0s"
        )
        expect(page.get_by_role("region", name="Adherence").get_by_role("row", name="Squat")).to_contain_text(
            "3 of 6"
        )
        check_fits(page, WIDTHS["phone"])
        check_accessible(page)
        page.get_by_role("button", name="bob").click()
        expect(page.locator("#patients-view")).to_contain_text("Nothing is prescribed")
        expect(page.get_by_role("button", name="bob")).to_be_focused()

        here.say("bob", "user", "DELETE", "users/bob/grants/eve")
        page.reload()
        expect(page.get_by_role("list", name="Patients").get_by_role("button")).to_have_text(["alice"])


def test_an_operator_sees_who_serves_which_shards(tmp_path: Path, open_page: Callable[..., Page]) -> None:
    with gym(tmp_path) as here:
        members = [
            Member(f"node-{nr}/shard-host-0", f"run-{nr}", f"ws://node-{nr}:8081", "") for nr in (1, 2)
        ]
        for member in members:
            row = MemberRow(member.member_id, member.incarnation, 1, 1, member.url, Timestamp(NOW_MS))
            here.store.insert_if_absent(MEMBER, [row])
        view = ViewRow(VIEW_NAME, 1, msgspec.json.encode(members).decode())
        here.store.insert_if_absent(VIEW, [view])
        here.loads.take(Load("node-1/shard-host-0", 0.0).report(10.0, NOW_MS, users=3))
        page = open_page(here.address + "#system")
        nodes = page.get_by_role("region", name="Nodes")
        expect(nodes).to_contain_text("256 of 256 shards served")
        expect(nodes.get_by_role("article")).to_have_count(2)
        one = nodes.get_by_role("article", name="node-1/shard-host-0")
        expect(one.get_by_role("img", name=re.compile("[0-9]+ of 256 shards"))).to_be_visible()
        expect(one).to_contain_text("ws://node-1:8081")
        expect(one).to_contain_text("3 users live, 0 messages a second")
