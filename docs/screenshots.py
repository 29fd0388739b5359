"""Takes the pictures of the page that the documentation shows.

    .venv/bin/python docs/screenshots.py [arguments of muvr demo]

Starts `muvr demo` with a store of its own, photographs the live view while day two is played and the models
once it is over, at a phone's and a desktop's width, then stops the demo. Needs the `dev` packages and one of
the browsers in CHROMIUMS.
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

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).with_name("images")
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
WIDTHS = {"": (1180, 740, 1), "-phone": (390, 844, 1.5)}  # suffix of the file: width, height, pixels per unit
EXERCISING_MIN = 2  # people who exercise in the same moment, for a picture worth showing
LIVE_MS_MAX = 60_000
STOP_SECONDS = 15
BYTES_MAX = 150_000
BUSY = f"""() =>
  document.querySelectorAll('#live .card.exercising').length >= {EXERCISING_MIN} &&
  document.querySelectorAll('#live .card li').length >= {2 * EXERCISING_MIN}"""


def main(arguments: list[str]) -> int:
    IMAGES.mkdir(exist_ok=True)
    with _demo(arguments) as (port, lines), sync_playwright() as playwright:
        program = next((path for name in CHROMIUMS if (path := shutil.which(name))), None)
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        _skip_to("A node runs", lines)
        pages: dict[str, Page] = {}
        for suffix, (width, height, scale) in WIDTHS.items():
            size = {"width": width, "height": height}
            pages[suffix] = browser.new_page(viewport=size, device_scale_factor=scale)
            pages[suffix].goto(f"http://127.0.0.1:{port}/")
        _skip_to("== Day two", lines)
        for suffix, page in pages.items():
            page.wait_for_function(BUSY, timeout=LIVE_MS_MAX)
            page.screenshot(path=IMAGES / f"live{suffix}.png")
        _skip_to("The page is at", lines)
        for suffix, page in pages.items():
            page.reload()
            page.locator("#models-list table").first.wait_for()
            page.evaluate("document.getElementById('models').scrollIntoView()")
            page.screenshot(path=IMAGES / f"models{suffix}.png")
        browser.close()
    return _report()


@contextmanager
def _demo(arguments: list[str]) -> Iterator[tuple[int, IO[str]]]:
    """`muvr demo` on free ports: the page's port, and what the demo prints."""
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="muvr-pictures-") as directory:
        command = [sys.executable, "-m", "cli", "demo", "--data", f"{directory}/node"]
        command += ["--api-port", str(port), "--gateway-port", "0", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            yield port, process.stdout
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
