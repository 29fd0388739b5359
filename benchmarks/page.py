"""How quick the page is on a phone: bytes over the network and times to the first paint, in a slow Chromium.

    .venv/bin/python -m benchmarks.page [--json FILE] [--runs 5]

Serves the page over a small store from this process, and opens each view anew, without a cache, with the
processor slowed down by CPU_SLOWDOWN and the network to NETWORK (what Chrome's developer tools call slow 4G).
The same page without compression stands beside it. Not measured: a real phone, TLS, and a
store with years of sessions.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from tests.browser import chromium
from tests.gateway.api_example import fill
from tests.gateway.page_rig import gym

CPU_SLOWDOWN = 4
NETWORK = {
    "offline": False,
    "latency": 150,  # ms
    "downloadThroughput": 1_600_000 / 8,  # bytes/s
    "uploadThroughput": 750_000 / 8,
}
VIEWS = {"live": "#live", "training": "#training", "system": "#system", "watch": "watch"}
SHOWN = {
    "live": "#live-cards > *",
    "training": "#progress canvas",
    "system": "#models-list table",
    "watch": "#sign-in:not([hidden])",
}
PAINT = """() => performance.getEntriesByName("first-contentful-paint")[0].startTime"""

Figures = dict[str, Any]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args(arguments)
    with _served() as address, chromium() as browser:
        figures = {
            f"{name}{'' if compressed else ', not compressed'}": _median(
                [_opened(browser, address, name, compressed=compressed) for _ in range(options.runs)]
            )
            for name in VIEWS
            for compressed in (True, False)
        }
    text = json.dumps({"cpu_slowdown": CPU_SLOWDOWN, "network": NETWORK, "views": figures}, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text)
    return 0


@contextmanager
def _served() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="muvr-page-") as directory, gym(Path(directory)) as here:
        fill(here.store)
        yield here.address


def _opened(browser: Browser, address: str, name: str, *, compressed: bool) -> Figures:
    """Bytes and requests over the network, and times in ms, until the view shows what it is for."""
    headers = {} if compressed else {"Accept-Encoding": "identity"}
    context = browser.new_context(viewport={"width": 390, "height": 844}, extra_http_headers=headers)
    try:
        page = context.new_page()
        session = context.new_cdp_session(page)
        received: list[float] = []
        session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", NETWORK)
        session.send("Emulation.setCPUThrottlingRate", {"rate": CPU_SLOWDOWN})
        page.goto(address + VIEWS[name])
        page.locator(SHOWN[name]).first.wait_for()
        shown_ms = page.evaluate("performance.now()")
        return {
            "bytes": round(sum(received)),
            "requests": len(received),
            "first_paint_ms": page.evaluate(PAINT),
            "shown_ms": shown_ms,
        }
    finally:
        context.close()


def _median(runs: list[Figures]) -> Figures:
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
