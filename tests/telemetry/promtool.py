"""Prometheus' own checker, of Debian's package `prometheus`."""

from __future__ import annotations

import os
import shutil

import pytest


def promtool() -> str:
    """Its path; skips the test where there is none."""
    found = os.environ.get("MUVR_TEST_PROMTOOL") or shutil.which("promtool")
    if found is None:
        pytest.skip("there is no promtool: install Debian's package prometheus, or set MUVR_TEST_PROMTOOL")
    return found
