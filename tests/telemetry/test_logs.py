"""Log lines, and the traces in them."""

from __future__ import annotations

import json
import logging
import logging.config
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.commands import CloseSession
from domain.identifiers import SessionId
from telemetry.logs import JsonLines, PlainLines, definitions
from telemetry.traces import follow, frame_trace, trace_of


def record(message: str, *args: object, fields: object = None) -> logging.LogRecord:
    made = logging.LogRecord("actors.host", logging.WARNING, "f.py", 1, message, args, None)
    if fields is not None:
        made.fields = fields
    return made


RESERVED = {"time", "level", "logger", "process", "pid", "message"}


@given(st.text(), st.dictionaries(st.text(min_size=1), st.integers() | st.text() | st.lists(st.text())))
def test_a_line_is_an_object_whatever_is_said(said: str, fields: dict[str, object]) -> None:
    line = JsonLines().format(record("%s", said, fields=fields))
    assert "\n" not in line
    told = json.loads(line)
    assert told["message"] == said
    assert told["level"] == "warning"
    assert told["logger"] == "actors.host"
    assert {name: told[name] for name in fields if name not in RESERVED} == {
        name: value for name, value in fields.items() if name not in RESERVED
    }


def test_an_exception_stands_in_its_line() -> None:
    try:
        raise ValueError("out of tune")
    except ValueError as error:
        made = record("it failed")
        made.exc_info = (ValueError, error, error.__traceback__)
    line = JsonLines().format(made)
    assert "out of tune" in json.loads(line)["error"]
    assert "\n" not in line


def test_plain_lines_tell_the_fields_too() -> None:
    line = PlainLines().format(record("gone %d", 3, fields={"traces": ["s/a/1"], "rows": 2}))
    assert line.endswith('WARNING actors.host: gone 3 traces=["s/a/1"] rows=2')
    assert PlainLines().format(record("gone")).endswith("WARNING actors.host: gone")


def test_traces_name_frames_and_commands() -> None:
    assert frame_trace("s", "a", 7) == "s/a/7"
    assert frame_trace("s", "", 7) == "s/-/7"
    assert trace_of(CloseSession(session=SessionId("s"), command_nr=3, at_ms=0)) == "s/-/3"


@pytest.mark.parametrize("style", ["plain", "json"])
def test_a_grep_finds_a_frame(tmp_path: Path, style: str) -> None:
    path = tmp_path / "node.log"
    made = definitions(path, style, logging.DEBUG)  # type: ignore[arg-type]
    handler = logging.FileHandler(path)
    handler.setFormatter(made["formatters"][style]["()"]())
    log = logging.getLogger("tests.traces")
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        follow(log, "durable", ["s/a/1", "s/a/17"], rows=2)
        follow(log, "durable", ["s/a/170"], rows=1)
    finally:
        log.removeHandler(handler)
        handler.close()
    assert [line for line in path.read_text().splitlines() if '"s/a/17"' in line] == [
        path.read_text().splitlines()[0]
    ]
