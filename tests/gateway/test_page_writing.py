"""What the page writes, in a real browser: plans, programmes, access, deletions, refusals."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from domain.commands import RecordSet
from domain.identifiers import ModelId, SessionId
from persistence.tables import SESSION_BY_USER, SUGGESTION_BY_SESSION
from tests.gateway.api_example import START_MS, advised, live, recognised
from tests.gateway.api_rig import KEYS
from tests.gateway.page_rig import TOKENS, WIDTHS, Gym, check_accessible, check_fits, gym, token, trained
from tests.gateway.spoken import opening

Open = Callable[..., Page]


def filled(group: Locator, **values: str) -> None:
    for label, value in values.items():
        group.get_by_label(label.replace("_", " "), exact=True).fill(value)


def plan_of(here: Gym) -> list[dict[str, Any]]:
    sessions: list[dict[str, Any]] = here.say("alice", "user", "GET", "users/alice/plan")["sessions"]
    return sessions


@pytest.mark.parametrize(("width", "scheme"), [("phone", "light"), ("desktop", "dark")])
def test_a_lifter_plans_the_week(tmp_path: Path, open_page: Open, width: str, scheme: str) -> None:
    with gym(tmp_path, TOKENS) as here:
        trained(here)
        page = open_page(
            here.address + "#training", WIDTHS[width], scheme, quiet=False, signed=token("alice")
        )
        page.get_by_role("button", name="Plan the week").click()
        dialog = page.get_by_role("dialog", name="Plan the week")
        expect(dialog.get_by_role("button", name="Add a session")).to_be_focused()
        page.keyboard.press("Enter")
        session = dialog.get_by_role("group", name="Session 1")
        expect(session.get_by_label("Name")).to_be_focused()
        page.keyboard.type("Leg day")
        session.get_by_label("Day").select_option("Wednesday")
        squat = session.get_by_role("group", name="Exercise 1")
        filled(squat, Exercise="Back squat", Sets="5", Repetitions="3", Weight_in_kg="72.5")
        session.get_by_role("button", name="Add an exercise").click()
        expect(session.get_by_role("group", name="Exercise 2").get_by_label("Exercise")).to_be_focused()
        filled(session.get_by_role("group", name="Exercise 2"), Exercise="Sled push", Rest_in_s="90")
        check_accessible(page)
        check_fits(page, WIDTHS[width])
        dialog.get_by_role("button", name="Save").click()
        expect(dialog).to_have_count(0)
        week = page.get_by_role("region", name="This week")
        expect(week.get_by_role("heading", name="Wednesday")).to_be_visible()
        expect(week).to_contain_text("Back squat 5 × 3 at 72.5\u00a0kg")
        expect(page.get_by_role("button", name="Plan the week")).to_be_focused()
        (kept,) = plan_of(here)
        assert (kept["name"], kept["weekday"]) == ("leg_day", 2)
        names = [(each["exercise"], each["rest_s"]) for each in kept["exercises"]]
        assert names == [("back-squat", None), ("sled_push", 90)]

        page.get_by_role("button", name="Plan the week").click()
        dialog.get_by_role("button", name="Remove this session").click()
        dialog.get_by_role("button", name="Save").click()
        expect(week).to_contain_text("Nothing is planned")


def test_what_another_wrote_meanwhile_is_shown_before_it_is_replaced(tmp_path: Path, open_page: Open) -> None:
    squats = {"exercise": "squat", "set_count": 5, "repetitions": 5, "share": 0.8}
    plan = {"sessions": [{"name": "legs", "weekday": 2, "exercises": [squats]}]}
    with gym(tmp_path, TOKENS) as here:
        trained(here)
        here.say("alice", "user", "PUT", "users/alice/plan", plan)
        page = open_page(here.address + "#training", quiet=False, signed=token("alice"))

        def begin() -> Locator:
            page.get_by_role("button", name="Plan the week").click()
            dialog = page.get_by_role("dialog")
            filled(dialog.get_by_role("group", name="Exercise 1"), Sets="4")
            plan["sessions"][0]["name"] += "-again"  # type: ignore[index,operator]
            here.say("alice", "user", "PUT", "users/alice/plan", plan)
            dialog.get_by_role("button", name="Save").click()
            expect(dialog.get_by_role("alert")).to_contain_text("Somebody else changed this meanwhile")
            return dialog

        dialog = begin()
        check_accessible(page)
        dialog.get_by_role("button", name="Show the other version").click()
        expect(dialog.get_by_label("Name")).to_have_value("legs-again")
        expect(dialog.get_by_label("Sets")).to_have_value("5")
        dialog.get_by_role("button", name="Go back").click()
        assert plan_of(here)[0]["exercises"][0]["set_count"] == 5

        begin().get_by_role("button", name="Save").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        (kept,) = plan_of(here)
        assert kept["name"] == "legs-again"
        assert (kept["exercises"][0]["set_count"], kept["exercises"][0]["share"]) == (4, 0.8)


def test_what_the_server_does_not_take_is_told_in_words(tmp_path: Path, open_page: Open) -> None:
    with gym(tmp_path, TOKENS) as here:
        trained(here)
        page = open_page(here.address + "#training", quiet=False, signed=token("alice"))
        page.get_by_role("button", name="Plan the week").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button", name="Add a session").click()
        filled(dialog, Name="legs")
        dialog.get_by_role("button", name="Remove this exercise").click()
        dialog.get_by_role("button", name="Save").click()
        expect(dialog.get_by_role("alert")).to_contain_text("a planned session without exercises")
        page.route("**/v1/users/alice/plan", lambda route: route.abort())
        dialog.get_by_role("button", name="Save").click()
        expect(dialog.get_by_role("alert")).to_contain_text("no connection")
        expect(dialog.get_by_label("Name")).to_have_value("legs")


@pytest.mark.parametrize(("width", "scheme"), [("phone", "dark"), ("desktop", "light")])
def test_a_physiotherapist_prescribes_and_plans(
    tmp_path: Path, open_page: Open, width: str, scheme: str
) -> None:
    with gym(tmp_path, TOKENS) as here:
        trained(here)
        here.say("alice", "user", "PUT", "users/alice/grants/eve")
        page = open_page(here.address, WIDTHS[width], scheme, quiet=False, signed=token("eve", "coach"))
        page.get_by_role("button", name="Prescribe").click()
        dialog = page.get_by_role("dialog", name="Programme of alice")
        dialog.get_by_role("button", name="Add an exercise").click()
        first = dialog.get_by_role("group", name="Exercise 1")
        filled(first, Exercise="Back squat", Sets="2", Repetitions="12", Days_a_week="4")
        first.get_by_text("Bounds of a repetition").click()
        filled(first.get_by_role("group", name="A repetition takes"), At_least="2.5")
        filled(first.get_by_role("group", name="Reach"), At_most="110")
        filled(dialog, Stop_above_so_many_heart_beats_a_minute="150")
        check_accessible(page)
        check_fits(page, WIDTHS[width])
        dialog.get_by_role("button", name="Save").click()
        programme = page.get_by_role("article", name="Programme")
        expect(programme).to_contain_text("Back squat 2 × 12, 4 days a week")
        expect(programme).to_contain_text("a repetition in at least 2.5\u00a0s, reach at most 110\u00a0%")
        expect(programme).to_contain_text("Stop above 150 beats a minute")
        expect(page.get_by_role("button", name="Change the programme")).to_be_focused()

        page.get_by_role("button", name="Plan the week").click()
        dialog = page.get_by_role("dialog", name="Plan the week")
        dialog.get_by_role("button", name="Add a session").click()
        filled(dialog, Name="home")
        filled(dialog.get_by_role("group", name="Exercise 1"), Exercise="Glute bridge")
        dialog.get_by_role("button", name="Save").click()
        expect(page.get_by_role("list", name="Plan of the week")).to_contain_text("Glute bridge 3 × 10")
        assert here.say("alice", "user", "GET", "users/alice/plan")["author"] == "eve"


def test_a_physiotherapist_sees_a_patient_s_sessions_and_progress(tmp_path: Path, open_page: Open) -> None:
    with gym(tmp_path, TOKENS) as here:
        for user in ("alice", "bob"):
            trained(here, user)
            here.say(user, "user", "PUT", f"users/{user}/grants/eve")
        trained(here, "carol")
        page = open_page(here.address, WIDTHS["phone"], quiet=False, signed=token("eve", "coach"))
        page.get_by_role("button", name="bob").click()
        page.get_by_role("link", name="Sessions and progress").click()
        chooser = page.get_by_label("User")
        expect(chooser).to_have_value("bob")
        expect(chooser.get_by_role("option")).to_have_text(["alice", "bob"])
        expect(page.locator("#history table").first).to_be_visible()
        expect(page.locator("#progress canvas").first).to_be_visible()
        check_accessible(page)
        check_fits(page, WIDTHS["phone"])
        for name in ("Delete", "Correct", "Pair a device"):
            expect(page.get_by_role("button", name=name)).to_have_count(0)
        expect(page.get_by_role("button", name="Plan the week")).to_be_visible()


def test_a_patient_gives_access_and_takes_it_back(tmp_path: Path, open_page: Open) -> None:
    with gym(tmp_path, TOKENS) as here:
        trained(here)
        page = open_page(here.address + "#training", WIDTHS["phone"], quiet=False, signed=token("alice"))
        section = page.get_by_role("region", name="Who may look after you")
        expect(section).to_contain_text("Nobody else has access")
        section.get_by_label("Name of the coach").fill("Eve")
        page.keyboard.press("Enter")
        expect(section.get_by_role("list", name="Who has access")).to_contain_text("eve since")
        expect(section.get_by_role("status")).to_have_text("eve has access now")
        check_accessible(page)
        check_fits(page, WIDTHS["phone"])
        assert here.say("eve", "coach", "GET", "users/alice/sessions")["items"]
        section.get_by_role("button", name="Take back the access of eve").click()
        expect(section).to_contain_text("Nobody else has access")
        assert here.say("alice", "user", "GET", "users/alice/grants")["items"] == []


def test_a_session_is_deleted_once_that_is_confirmed(tmp_path: Path, open_page: Open) -> None:
    with gym(tmp_path, TOKENS) as here:
        trained(here)
        page = open_page(here.address + "#training", WIDTHS["phone"], quiet=False, signed=token("alice"))
        sessions = page.locator("#history details.session")
        expect(sessions).to_have_count(3)
        expect(page.get_by_role("table", name="Records").get_by_role("row", name="Squat")).to_contain_text(
            "70\u00a0kg"
        )
        button = sessions.first.get_by_role("button", name="Delete the session")
        button.click()
        dialog = page.get_by_role("dialog", name="Delete this session?")
        expect(dialog).to_contain_text("2 sets")
        expect(dialog.get_by_role("button", name="Go back")).to_be_focused()
        check_accessible(page)
        page.keyboard.press("Escape")
        expect(button).to_be_focused()
        expect(sessions).to_have_count(3)

        button.click()
        dialog.get_by_role("button", name="Delete it").click()
        expect(sessions).to_have_count(2)
        expect(page.locator("#history-news")).to_have_text(re.compile("is deleted"))
        expect(sessions.first.locator("summary")).to_be_focused()
        expect(page.get_by_role("table", name="Records").get_by_role("row", name="Squat")).to_contain_text(
            "65\u00a0kg"
        )
        assert {row.session_id for row in here.store.scan(SESSION_BY_USER)} == {"day-0", "day-1"}


def test_nobody_is_offered_what_is_another_s_to_do(tmp_path: Path, open_page: Open) -> None:
    with gym(tmp_path, TOKENS) as here:
        trained(here)
        here.say("alice", "user", "PUT", "users/alice/grants/eve")
        here.view.apply([live("alice", advised("s", START_MS))])
        page = open_page(here.address, quiet=False, signed=token("root", "operator"))
        expect(page.get_by_role("article", name="alice")).to_contain_text("Next: Biceps curl")
        expect(page.get_by_role("button", name="not today")).to_have_count(0)
        page.get_by_role("link", name="Training").click()
        expect(page.locator("#history table").first).to_be_visible()
        expect(page.get_by_role("region", name="Who may look after you")).to_contain_text("eve since")
        for name in ("Delete", "Plan the week", "Give access", "Take back"):
            expect(page.get_by_role("button", name=name)).to_have_count(0)


def test_a_suggestion_is_refused_with_a_tap(tmp_path: Path, open_page: Open) -> None:
    with gym(tmp_path, TOKENS) as here:
        trained(here)
        name = SessionId("now")
        here.host.tell(
            "alice",
            opening(name),
            RecordSet(
                session=name,
                command_nr=1,
                start_ms=START_MS,
                end_ms=START_MS + 30_000,
                exercise="squat",
                confidence=0.9,
                repetitions=8,
                model_id=ModelId("m"),
            ),
        )
        here.view.apply([live("alice", recognised("now", START_MS, "squat", 3))])
        here.view.apply([live("alice", advised("now", START_MS))])
        page = open_page(here.address, WIDTHS["phone"], quiet=False, signed=token("alice"))
        refusal = page.get_by_role("button", name="Biceps curl: not today")
        check_accessible(page)
        refusal.click()
        expect(page.locator("#live-news")).to_have_text("Biceps curl is not suggested again in this session.")
        expect(refusal).to_have_text("Noted")
        state = here.say("alice", "user", "GET", "users/alice/sessions/now")
        assert all(each["exercise"] != "biceps_curl" for each in state["suggested"])
        assert [row.session_id for row in here.store.scan(SUGGESTION_BY_SESSION)].count("now") > 1


@pytest.mark.parametrize(("width", "scheme"), [("phone", "dark"), ("desktop", "light")])
def test_a_lifter_says_how_to_train_and_what_to_agree_to(
    tmp_path: Path, open_page: Open, width: str, scheme: str
) -> None:
    with gym(tmp_path, TOKENS) as here:
        trained(here)
        page = open_page(
            here.address + "#training", WIDTHS[width], scheme, quiet=False, signed=token("alice")
        )
        section = page.get_by_role("region", name="You and your data")
        section.get_by_role("button", name="How I train").click()
        dialog = page.get_by_role("dialog", name="How I train")
        dialog.get_by_label("Goal").select_option("Strength")
        dialog.get_by_label("Exercises never to suggest").fill("Back squat, My own thing")
        filled(dialog, Where_I_train="Cellar")
        dialog.get_by_label("Plates in kg").fill("1,25 5 20")
        check_accessible(page)
        check_fits(page, WIDTHS[width])
        dialog.get_by_role("button", name="Save").click()
        expect(section.get_by_role("status")).to_have_text("Saved")
        kept = here.say("alice", "user", "GET", "users/alice/training")
        assert (kept["goal"], kept["excluded_exercises"]) == ("strength", ["back-squat", "my_own_thing"])
        assert (kept["place"]["name"], kept["place"]["plates_kg"]) == ("cellar", [1.25, 5.0, 20.0])

        section.get_by_role("button", name="What I agree to").click()
        dialog = page.get_by_role("dialog", name="What I agree to")
        expect(dialog.get_by_label("Name my exercises")).to_be_checked()
        dialog.get_by_label("Let models learn").check()
        check_accessible(page)
        dialog.get_by_role("button", name="Save").click()
        expect(dialog).to_have_count(0)
        held = here.say("alice", "user", "GET", "users/alice/consent")
        assert (held["recognition"], held["statistics"], held["training"]) == (True, False, True)

        section.get_by_label("Body weight in kg").fill("71.5")
        section.get_by_role("button", name="Note it").click()
        expect(section.get_by_role("status")).to_have_text("Body weight noted")
        (weighed,) = here.say("alice", "user", "GET", "users/alice/measurements")["items"]
        assert weighed["value"] == 71.5
        here.say("root", "operator", "GET", "users/alice/sessions")
        section.get_by_text("Who looked at my data").click()
        expect(section).to_contain_text("root (operator)")
        check_accessible(page)
        check_fits(page, WIDTHS[width])


def test_a_lifter_takes_the_data_along_and_erases_them(tmp_path: Path, open_page: Open) -> None:
    with gym(tmp_path, TOKENS, keys=KEYS) as here:
        trained(here)
        page = open_page(here.address + "#training", quiet=False, signed=token("alice"))
        section = page.get_by_role("region", name="You and your data")
        with page.expect_download() as download:
            section.get_by_role("button", name="Take all my data along").click()
        assert download.value.suggested_filename == "alice.zip"
        with zipfile.ZipFile(download.value.path()) as archive:
            assert b"squat" in archive.read("label.csv")

        section.get_by_role("button", name="Erase everything").click()
        dialog = page.get_by_role("dialog", name="Erase everything?")
        dialog.get_by_label("Type alice to confirm").fill("alcie")
        dialog.get_by_role("button", name="Erase everything").click()
        expect(dialog.get_by_role("alert")).to_have_text("That is not alice.")
        check_accessible(page)
        dialog.get_by_label("Type alice to confirm").fill("alice")
        with page.expect_download() as download:
            dialog.get_by_role("button", name="Erase everything").click()
        assert download.value.suggested_filename == "receipt-alice.json"
        expect(page.get_by_label("Code or token")).to_be_focused()
        assert not list(here.store.scan(SESSION_BY_USER))
