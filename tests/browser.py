"""A headless Chromium for tests of pages, or the reason why there is none."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
INSTALL_SECONDS_MAX = 240


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser that is closed at the end; skips the test where none can be had."""
    path = chromium_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@functools.cache
def chromium_path() -> str:
    """The browser's program, installed from Debian's packages if need be; skips the test if it cannot be."""
    found = _found()
    if found is None:
        reason = _install()
        found = _found()
        if found is None:
            pytest.skip(f"no Chromium here: {reason}")
    return found


def _found() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def _install() -> str:
    """Try to install; return why that may have failed."""
    if os.geteuid() != 0:
        return f"none of {', '.join(NAMES)} is installed, and only root may install one"
    if shutil.which("apt-get") is None:
        return "there is no apt-get to install it with"
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]):
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_SECONDS_MAX)
        except (subprocess.SubprocessError, OSError) as error:
            return f"`{' '.join(command)}` failed ({error})"
    return "installed, but not found"
