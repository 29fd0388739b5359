"""The page in a real browser, over a real server: live, history, models, nights, and what all views keep."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.gateway.api_example import (
    CLASSES,
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
from tests.gateway.page_rig import check_accessible, check_fits, gym

VIEWS = ("live", "training", "system")


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
