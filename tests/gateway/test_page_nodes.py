"""In a browser: the page of one node writes for a user whom another node serves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from actors.view import Member, View
from gateway.routes import Routes
from persistence.tables import LABEL
from tests.gateway.page_rig import TOKENS, WIDTHS, gym, token, trained


def test_a_set_is_confirmed_on_any_nodes_page(tmp_path: Path, open_page: Callable[..., Page]) -> None:
    with gym(tmp_path, TOKENS) as here, gym(tmp_path, TOKENS) as there:
        trained(there, days=1)
        member = Member("there/host", "1", "ws://there", there.address)
        here.host.commands.reroute(Routes({"here/host"}, View(1, (member,))))
        page = open_page(here.address + "#training", WIDTHS["phone"], quiet=False, signed=token("alice"))
        rows = page.locator("#history details").first.locator("tbody tr")
        rows.nth(1).get_by_role("button", name="is right").click()
        expect(rows.nth(1).get_by_role("img", name="recognised rightly")).to_be_visible()
        assert not here.host.taken
        assert {row.exercise for row in there.store.scan(LABEL)} == {"squat", "bench_press"}
