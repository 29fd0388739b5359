"""Who uses the page, in a real browser: signing in, a lifter, a physiotherapist, an operator."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
from playwright.sync_api import Page, expect

from actors.membership import VIEW_NAME
from actors.view import Member
from domain.identifiers import UserId
from gateway.api.node_load import NodeLoad
from persistence.schema import Timestamp
from persistence.tables import MEMBER, VIEW, MemberRow, ViewRow
from telemetry import metrics
from tests.gateway.api_example import DAY_MS, START_MS, fill, live, recognised
from tests.gateway.page_rig import (
    NOW_MS,
    TOKENS,
    WIDTHS,
    check_accessible,
    check_fits,
    gym,
    token,
    trained,
)


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
        expect(page.get_by_role("navigation").get_by_role("link")).to_have_text(["Patients", "Training"])
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


@pytest.mark.usefixtures("counting_as_host")
def test_an_operator_sees_who_serves_which_shards(tmp_path: Path, open_page: Callable[..., Page]) -> None:
    now_s = 100.0
    load = NodeLoad(["node-1/shard-host-0"], lambda: now_s)
    load.look()
    now_s += 10
    metrics.SESSION_ACTORS.of().set(3)
    metrics.HOST_WAIT.of().observe_all([0.004] * 500)
    metrics.ACKNOWLEDGEMENT.of().observe_all([0.02] * 499 + [0.2])
    with gym(tmp_path / "store", load=load) as here:
        members = [
            Member(f"node-{nr}/shard-host-0", f"run-{nr}", f"ws://node-{nr}:8081", "") for nr in (1, 2)
        ]
        for member in members:
            row = MemberRow(member.member_id, member.incarnation, 1, 1, member.url, Timestamp(NOW_MS))
            here.store.insert_if_absent(MEMBER, [row])
        view = ViewRow(VIEW_NAME, 1, msgspec.json.encode(members).decode())
        here.store.insert_if_absent(VIEW, [view])
        page = open_page(here.address + "#system")
        nodes = page.get_by_role("region", name="Nodes")
        expect(nodes).to_contain_text("256 of 256 shards served")
        expect(nodes.get_by_role("article")).to_have_count(2)
        one = nodes.get_by_role("article", name="node-1/shard-host-0")
        expect(one.get_by_role("img", name=re.compile("[0-9]+ of 256 shards"))).to_be_visible()
        expect(one).to_contain_text("ws://node-1:8081")
        expect(one).to_contain_text("3 users live, 50 messages a second, begun after 4\u00a0ms")
        expect(nodes).to_contain_text("50 messages a second, this node")
        expect(nodes).to_contain_text("20\u00a0ms until durable, on average")
        expect(nodes).to_contain_text("25\u00a0ms at most, for 99 of 100")
        check_accessible(page)
