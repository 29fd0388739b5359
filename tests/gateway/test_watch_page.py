"""The page that makes a phone a sensor, in a real browser against a real node.

Movement comes as dispatched `devicemotion` events with times of their own: so minutes of a recording take a
second, and every sample is known. That the browser's own events carry what the page takes them for (axes,
units, gravity) is tested with the sensors that Chromium's `Emulation` domain overrides, at the speed of life.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from persistence.ports import Store
from persistence.tables import LABEL, SENSOR, SESSION_BY_USER, SET_BY_SESSION, SensorRow
from tests.gateway.page_rig import check_accessible
from tests.gateway.phone import USER, Gym, gym, play, sign_in, start
from tests.gateway.proxy import Proxy

PHONE = {"width": 390, "height": 844}

expect.set_options(timeout=30_000)  # processes of a node may have to wait for a busy machine


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gym]:
    with gym(tmp_path_factory.mktemp("node")) as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=PHONE)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page that, at the end, has logged nothing."""
    told: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    yield page
    # An open page has no token to take back, which is answered with 404.
    assert [text for text in told if "404" not in text] == []


def frames(store: Store, letter: str) -> list[SensorRow]:
    """All of the newest session's frames of a sensor, which are numbered without a hole."""
    newest = next(store.read(SESSION_BY_USER, (USER,)))
    rows = list(store.read(SENSOR, (USER, newest.session_id, letter)))
    assert [row.sequence_nr for row in rows] == list(range(len(rows)))
    return rows


def samples_of(row: SensorRow) -> npt.NDArray[np.float64]:
    """[samples, 3], in the sensor's unit."""
    return np.frombuffer(row.samples, "<i2").reshape(-1, 3) * row.scale


def finish(page: Page) -> None:
    """Tap twice, and wait for the last acknowledgement."""
    page.get_by_role("button", name="Finish").click()
    page.get_by_role("button", name="Tap again").click()
    expect(page.get_by_role("heading", name="Session finished")).to_be_visible()
    expect(page.locator("#waiting")).to_have_text("Everything has arrived.")


def test_a_set_is_recognised_counted_confirmed_and_stored(here: Gym, page: Page) -> None:
    rest, work, pause = here.recordings[:3]
    sign_in(page, here)
    expect(page.locator("#connection")).to_have_text("connected")
    start(page)

    play(page, [rest, work], seed=1)
    expect(page.get_by_role("heading", name="Front raise")).to_be_visible()
    expect(page.locator(".figure")).to_have_text(re.compile("^1[01]$"))  # the last one may be under way
    play(page, [pause], seed=2, again=True)
    expect(page.get_by_role("heading", name="Rest")).to_be_visible()
    expect(page.locator("#sensors")).to_contain_text("60 samples a second measured, sent at 50")
    expect(page.locator("#news")).to_contain_text(re.compile("1[01] × Front raise"))  # for screen readers

    # Right but for the weight: two taps.
    page.get_by_role("button", name="Weight: more").click()
    page.get_by_role("button", name="That is right").click()
    expect(page.locator("#sets")).to_have_text(re.compile("^1[01] × Front raise ✓$"))
    expect(page.locator("#confirm")).to_be_hidden()

    finish(page)
    expect(page.locator("#summary")).to_have_text(re.compile("^1 confirmed set, 2[58]\u00a0kg moved.$"))

    newest = next(here.store.read(SESSION_BY_USER, (USER,)))
    assert newest.ended_at is not None
    (found,) = here.store.read(SET_BY_SESSION, (USER, newest.session_id))
    assert (found.exercise, found.source) == (work.label, "server")
    assert abs(found.repetitions - work.repetitions) <= 1
    (label,) = here.store.read(LABEL, (USER, newest.session_id))
    assert (label.exercise, label.repetitions, label.weight_kg) == (work.label, found.repetitions, 2.5)
    check_samples(here, frames(here.store, "a"), "a", 0.05)
    check_samples(here, frames(here.store, "g"), "g", 0.3)


def check_samples(here: Gym, rows: list[SensorRow], letter: str, error_max: float) -> None:
    """What is stored is what was felt, but for the phone's uneven sampling: g, or rad/s."""
    assert {row.rate_hz for row in rows} == {50.0}
    rows = rows[next(nr for nr, row in enumerate(rows) if len(samples_of(row)) == 50) :]  # the tap is before
    starts = np.array([row.start_at for row in rows])
    assert (
        np.abs(np.diff(starts) - 1000).max() <= 20
    )  # the second play begins within a step of the first's end
    stored = np.concatenate([samples_of(row) for row in rows])
    felt = np.concatenate([each.values[letter] for each in here.recordings[:2]])
    count = len(felt) - 50
    error = np.abs(stored[:count] - felt[:count]).max(axis=1)
    assert np.quantile(error, 0.99) < error_max


def test_an_exercise_is_corrected_with_two_taps_and_a_set_that_was_none_withdrawn(
    here: Gym, page: Page
) -> None:
    rest, work, pause = here.recordings[:3]
    sign_in(page, here)
    start(page)
    play(page, [rest, work, pause, work, pause], seed=3)
    expect(page.locator("#sets li")).to_have_count(2)

    page.locator("#sets button").first.click()
    page.locator("#confirm .name").click()
    page.get_by_label("Something else").fill("Incline fly")
    page.get_by_role("button", name="Take it").click()
    expect(page.locator("#sets li").first).to_contain_text("× Incline fly ✓")
    # The other one: two taps, as the name is known now.
    page.locator("#confirm .name").click()
    page.get_by_role("dialog").get_by_role("button", name="Incline fly").click()
    expect(page.locator("#sets li").last).to_contain_text("× Incline fly ✓")

    page.get_by_role("button", name="Incline fly ✓: correct it").last.click()
    page.get_by_role("button", name="This was no set").click()
    expect(page.locator("#sets li")).to_have_count(1)
    finish(page)
    newest = next(here.store.read(SESSION_BY_USER, (USER,)))
    assert [row.exercise for row in here.store.read(LABEL, (USER, newest.session_id))] == ["incline_fly"]


def test_nothing_is_lost_over_a_reload_without_a_network(tmp_path: Path, browser: Browser) -> None:
    proxy = Proxy()
    context = browser.new_context(viewport=PHONE)
    try:
        with gym(tmp_path, advertise=f"ws://127.0.0.1:{proxy.port}") as here:
            proxy.target_port = here.gateway_port
            page = context.new_page()
            sign_in(page, here)
            start(page)
            play(page, here.recordings[:1], seed=4)
            expect(page.locator("#connection")).to_have_text("connected")

            proxy.cut()
            play(page, here.recordings[1:2], seed=5, again=True)
            expect(page.locator("#connection")).to_have_text(
                re.compile(
                    r"^no connection, (8|9|10)\d messages wait"
                )  # 40 s of two sensors, and a few before
            )
            page.reload()
            expect(page.locator("#connection")).to_have_text(
                re.compile(r"no connection, (8|9|10)\d messages wait")
            )
            start(page, "Go on with the session")
            proxy.mend()
            expect(page.locator("#connection")).to_have_text("connected", timeout=15_000)
            play(page, here.recordings[2:3], seed=6)
            finish(page)

            seconds = sum(len(each.values["a"]) for each in here.recordings[:3]) / 50
            for letter in ("a", "g"):
                stored = sum(len(samples_of(row)) for row in frames(here.store, letter))
                # What a reload interrupts within a second is not kept.
                assert seconds - 3 < stored / 50 < seconds + 1
            left = page.evaluate("async () => (await indexedDB.databases()).map(each => each.name)")
            assert left == ["muvr-watch"]
            page.reload()
            expect(page.get_by_role("button", name="Start")).to_be_visible()
            expect(page.locator("#connection")).to_have_text("connected")
    finally:
        context.close()
        proxy.close()


def test_the_browsers_own_sensors_are_taken_for_what_they_are(here: Gym, page: Page) -> None:
    sign_in(page, here)
    session = page.context.new_cdp_session(page)
    override(session.send, "accelerometer", {"x": 9.80665, "y": 0.0, "z": -4.903325})
    override(session.send, "linear-acceleration", {"x": 0.0, "y": 0.0, "z": 0.0})
    override(session.send, "gyroscope", {"x": 1.0, "y": -2.0, "z": 0.5})
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#sensors")).to_have_text(re.compile("accelerometer and gyroscope, [1-9]"))
    page.locator("#running").wait_for()
    finish(page)
    a, g = (frames(here.store, letter)[0] for letter in "ag")
    assert samples_of(a)[-1] == pytest.approx([1.0, 0.0, -0.5], abs=0.02)
    assert samples_of(g)[-1] == pytest.approx([1.0, -2.0, 0.5], abs=0.02)


def override(send: Callable[..., object], kind: str, reading: dict[str, float]) -> None:
    send(
        "Emulation.setSensorOverrideEnabled", {"enabled": True, "type": kind, "metadata": {"available": True}}
    )
    send("Emulation.setSensorOverrideReadings", {"type": kind, "reading": {"xyz": reading}})


def test_a_computer_without_sensors_is_told_so(here: Gym, page: Page) -> None:
    sign_in(page, here)
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert").first).to_contain_text("No motion sensor answers here")


def test_the_page_connects_to_the_gateway_and_nowhere_else(here: Gym, page: Page) -> None:
    answer = page.goto(f"{here.address}/watch")
    assert answer is not None
    policy = answer.header_value("content-security-policy") or ""
    gateway = f"ws://127.0.0.1:{here.gateway_port}"
    assert policy.endswith(f"; connect-src 'self' {gateway}")
    assert "unsafe" not in policy
    assert page.locator("meta[name=muvr-gateways]").get_attribute("content") == gateway
    assert here.token not in page.content()


def test_a_second_tab_does_not_record_beside_the_first(
    here: Gym, context: BrowserContext, page: Page
) -> None:
    sign_in(page, here)
    expect(page.locator("#connection")).to_have_text("connected")
    other = context.new_page()
    other.goto(f"{here.address}/watch")
    expect(other.get_by_role("alert").first).to_contain_text("another tab")


def test_a_token_that_is_refused_is_said(here: Gym, page: Page) -> None:
    page.goto(f"{here.address}/watch")
    page.get_by_label("Code or token").fill(here.token[:-4] + "AAAA")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#connection")).to_have_text("sign in again")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Code or token")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_stage_can_be_used_by_everyone(
    here: Gym, browser: Browser, scheme: Literal["light", "dark"]
) -> None:
    """Signing in, where the phone is, training, a set to confirm, a correction, the end."""
    context = browser.new_context(viewport=PHONE, color_scheme=scheme)
    try:
        page = context.new_page()
        page.goto(here.address + "/watch")
        expect(page.get_by_label("Code or token")).to_be_visible()
        check_accessible(page)
        sign_in(page, here)
        expect(page.get_by_role("button", name="Start")).to_be_visible()
        check_accessible(page)
        start(page)
        rest, work, pause = here.recordings[:3]
        play(page, [rest, work], seed=5)
        expect(page.locator(".figure")).to_be_visible()
        check_accessible(page)
        play(page, [pause], seed=6, again=True)
        expect(page.get_by_role("button", name="That is right")).to_be_visible()
        check_accessible(page)
        page.locator("#confirm .name").click()
        check_accessible(page)
        page.get_by_role("button", name="Go back").click()
        page.get_by_role("button", name="That is right").click()
        finish(page)
        check_accessible(page)
    finally:
        context.close()
