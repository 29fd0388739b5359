"""docs/privacy.md names tests that there are, and routes that there are."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.access import ROUTES

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "privacy.md").read_text()
STRIDE = {
    "spoofing",
    "tampering",
    "repudiation",
    "information disclosure",
    "denial of service",
    "elevation of privilege",
}


def threats() -> list[list[str]]:
    rows = PAGE[PAGE.index("## Threats") :].splitlines()
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows if row.startswith("| ")][1:]


def test_every_kind_of_threat_is_thought_of() -> None:
    assert {kind for _, kind, *_ in threats()} == STRIDE


def test_every_threat_names_tests_that_there_are() -> None:
    for threat, _, met, shown in threats():
        named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", shown)
        assert met, threat
        assert named, threat
        for path, test in named:
            text = (ROOT / path).read_text()
            assert f"def {test}(" in text if test else "def test_" in text, f"{threat}: {path} {test}"


def test_the_routes_it_names_are_there() -> None:
    named = re.findall(r"`((?:GET|PUT|POST|DELETE) /v1/[^`]+)`", PAGE)
    assert named
    assert set(named) <= set(ROUTES)
