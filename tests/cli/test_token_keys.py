"""`muvr keys`, and the operator's first token."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.main import main
from cli.node import first_operator_token
from cli.settings import NodeSettings
from cli.wiring import open_tokens
from domain.errors import NotAuthorised
from domain.identifiers import UserId
from gateway.auth import SCOPES


def test_keys_are_rotated_and_dropped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = NodeSettings(data=tmp_path)
    old = open_tokens(settings).issue(UserId("anna"), "user", 60)
    assert main(["keys", "rotate", "--data", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"signs": 2}
    new = open_tokens(settings).issue(UserId("anna"), "user", 60)
    assert {open_tokens(settings).verify(each, SCOPES).user for each in (old, new)} == {"anna"}
    assert main(["keys", "drop", "--data", str(tmp_path)]) == 0
    assert "gone: 1" in capsys.readouterr().out
    assert open_tokens(settings).verify(new, SCOPES).user == "anna"
    with pytest.raises(NotAuthorised):
        open_tokens(settings).verify(old, SCOPES)


def test_there_must_be_a_key_to_begin_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "rotate", "--data", str(tmp_path)]) == 1
    assert "muvr up" in capsys.readouterr().err


def test_the_operators_first_token_is_shown_once(tmp_path: Path) -> None:
    settings = NodeSettings(data=tmp_path)
    open_tokens(settings)
    first = first_operator_token(settings)
    assert first is not None
    assert open_tokens(settings).verify(first, SCOPES).scope == "operator"
    assert first_operator_token(settings) is None
