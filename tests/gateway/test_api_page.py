"""What docs/api.md shows is what the API does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from gateway.access import ROUTES
from tests.gateway.api_rig import rig
from tests.gateway.spoken import opening
from tests.test_style import ROOT

PAGE = (ROOT / "docs/api.md").read_text()
EXAMPLE = re.compile(r"```http\n(.*?)```(?:\n\n```json\n(.*?)```)?", re.DOTALL)
ADDRESS = re.compile(r"`(GET|PUT|POST|DELETE)\s+(/v1/[^`\s]+)`")


def test_the_examples_are_answered_as_shown(tmp_path: Path) -> None:
    with rig(tmp_path) as api:
        tokens = {"USER-TOKEN": api.bearer("alice"), "COACH-TOKEN": api.bearer("anna", "coach")}
        real = {f"Bearer {name}": headers["Authorization"] for name, headers in tokens.items()}
        api.host.tell("alice", opening("monday"))
        examples = EXAMPLE.findall(PAGE)
        assert len(examples) > 8
        for request, shown in examples:
            head, _, body = _with(real, request).partition("\n\n")
            (method, _, path), *lines = (line.partition(" ") for line in head.strip().splitlines())
            headers = {name.rstrip(":"): value for name, _, value in lines}
            answer = api.client.request(
                method, path, headers=headers, json=json.loads(body) if body.strip() else None
            )
            expected = json.loads(shown) if shown else {}
            assert answer.status_code == expected.get("status", answer.status_code), request
            assert answer.status_code < 300 or "status" in expected, answer.text
            if shown:
                real |= _made_up(expected, answer.json())


def _made_up(shown: dict[str, Any], real: dict[str, Any]) -> dict[str, str]:
    """What stands for what in an answer; all that nobody could know beforehand has to be the same."""
    assert list(shown) == list(real)
    secret = {"code", "access_token", "refresh_token"} if "status" not in shown else set()
    for name in shown.keys() - secret:
        assert shown[name] == real[name], name
    made_up = {shown[name]: real[name] for name in shown.keys() & secret}
    if "code" in shown and secret:
        made_up[shown["code"].lower().replace("-", " ")] = real["code"]
    return made_up


def _with(real: dict[str, str], text: str) -> str:
    for shown, value in real.items():
        text = text.replace(shown, value)
    return text


def test_the_addresses_that_it_names_are_routes() -> None:
    named = {(method, path) for method, path in ADDRESS.findall(PAGE)}
    assert named
    patterns = [
        (method, re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + r"\Z"))
        for method, _, path in (name.partition(" ") for name in ROUTES)
    ]
    for method, path in named:
        assert any(method == known and pattern.match(path) for known, pattern in patterns), path
