"""Takes the pictures of the page that the documentation shows.

    .venv/bin/python -m docs.screenshots [arguments of muvr demo]

Starts `muvr demo` with a store of its own, photographs the live view while day two is played; once it is over
a user's training, the models, and a phone on which a simulated person does a set; then stops the demo. Needs
the `dev` packages and one of the browsers in CHROMIUMS.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from playwright.sync_api import Browser, Page, sync_playwright

from simulator.people import people
from simulator.sessions import record
from tests.gateway.phone import play, start

IMAGES = Path(__file__).with_name("images")
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
WIDTHS = {"": (1180, 740, 1), "-phone": (390, 844, 1.5)}  # suffix of the file: width, height, pixels per unit
EXERCISING_MIN = 2  # people who exercise in the same moment, for a picture worth showing
LIVE_MS_MAX = 60_000
STOP_SECONDS = 15
BYTES_MAX = 150_000
COUNTED = "() => Number(document.querySelector('#now.exercising .figure')?.textContent) >= 5"
BUSY = f"""() =>
  document.querySelectorAll('#live .card.exercising').length >= {EXERCISING_MIN} &&
  document.querySelectorAll('#live .card li').length >= {2 * EXERCISING_MIN}"""


def main(arguments: list[str]) -> int:
    IMAGES.mkdir(exist_ok=True)
    with _demo(arguments) as (directory, port, lines), sync_playwright() as playwright:
        program = next((path for name in CHROMIUMS if (path := shutil.which(name))), None)
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        address = f"http://127.0.0.1:{port}/"
        _skip_to("A node runs", lines)
        pages = {suffix: _opened(browser, suffix, address) for suffix in WIDTHS}
        _skip_to("== Day two", lines)
        for suffix, page in pages.items():
            page.wait_for_function(BUSY, timeout=LIVE_MS_MAX)
            page.screenshot(path=IMAGES / f"live{suffix}.png")
        _skip_to("The page is at", lines)
        for suffix, page in pages.items():
            page.goto(f"{address}#training")
            page.locator("#progress canvas").first.wait_for()
            page.locator("#history table").first.wait_for()
            page.screenshot(path=IMAGES / f"training{suffix}.png")
            page.goto(f"{address}#system")
            page.locator("#models-list table").first.wait_for()
            page.locator("#models").evaluate("node => node.scrollIntoView()")
            page.screenshot(path=IMAGES / f"models{suffix}.png")
        _photograph_phone(_opened(browser, "-phone", f"{address}watch"), directory)
        browser.close()
    return _report()


def _opened(browser: Browser, suffix: str, address: str) -> Page:
    width, height, scale = WIDTHS[suffix]
    page = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=scale)
    page.goto(address)
    return page


def _photograph_phone(page: Page, directory: str) -> None:
    """A simulated person does a set with the phone in the hand."""
    command = [sys.executable, "-m", "cli", "token", "--data", f"{directory}/node", "--user", "anna"]
    page.get_by_label("Code or token").fill(subprocess.check_output(command, text=True).strip())
    page.get_by_role("button", name="Sign in").click()
    start(page)
    rest, work, pause = record(people(0, 1)[0], 0, set_count_max=1)
    play(page, [rest, work], seed=0)
    page.wait_for_function(COUNTED, timeout=LIVE_MS_MAX)
    page.screenshot(path=IMAGES / "watch-phone.png")
    play(page, [pause], seed=1, again=True)
    page.locator("#confirm").wait_for()
    page.screenshot(path=IMAGES / "watch-set-phone.png")


@contextmanager
def _demo(arguments: list[str]) -> Iterator[tuple[str, int, IO[str]]]:
    """`muvr demo` on free ports: where its data are, the page's port, and what it prints."""
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="muvr-pictures-") as directory:
        command = [sys.executable, "-m", "cli", "demo", "--data", f"{directory}/node"]
        command += ["--api-port", str(port), "--gateway-port", "0", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            yield directory, port, process.stdout
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=STOP_SECONDS)


def _skip_to(words: str, lines: IO[str]) -> None:
    for line in lines:
        if words in line:
            return
    raise SystemExit(f"the demo ended before it said {words!r}")


def _report() -> int:
    """Name the pictures; 1 if one is too large to be shown on a page."""
    sizes = {path.name: path.stat().st_size for path in sorted(IMAGES.glob("*.png"))}
    for name, size in sizes.items():
        print(f"{name}: {size} bytes")
    return int(any(size > BYTES_MAX for size in sizes.values()))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
