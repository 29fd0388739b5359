"""Spot notices of two clouds, right, wrong and not to be had."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.spot import SpotWatch
from domain.errors import ConfigurationError
from marathon.errors import ClusterUnavailable
from marathon.spot import CLOUDS, Cloud, SpotNotice

NOTICES = [SpotNotice(cloud, "http://127.0.0.1:1") for cloud in CLOUDS]
TERMINATE = json.dumps({"action": "terminate", "time": "2017-09-18T08:22:00Z"})


@contextmanager
def metadata(answers: dict[str, tuple[int, str]]) -> Iterator[str]:
    """Both clouds' service, as strict as they are: its address. `answers` are by the last word of a path."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            is_right = (
                self.path == "/latest/api/token" and self.headers["X-aws-ec2-metadata-token-ttl-seconds"]
            )
            self._answer(*((200, "AQAAtoken") if is_right else (400, "")))

        def do_GET(self) -> None:
            where, _, what = self.path.rpartition("/")
            let_in = {
                "/latest/meta-data/spot": self.headers["X-aws-ec2-metadata-token"] == "AQAAtoken",
                "/computeMetadata/v1/instance": self.headers["Metadata-Flavor"] == "Google",
            }
            self._answer(*(answers.get(what, (404, "")) if let_in.get(where) else (401, "")))

        def _answer(self, status: int, text: str) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("cloud", "answers", "heard"),
    [
        ("aws", {}, None),
        ("aws", {"instance-action": (200, TERMINATE)}, "terminate at 2017-09-18T08:22:00Z"),
        ("gcp", {"preempted": (200, "FALSE")}, None),
        ("gcp", {"preempted": (200, "TRUE")}, "preempted within 30 s"),
    ],
)
def test_a_notice_is_heard_when_there_is_one(
    cloud: Cloud, answers: dict[str, tuple[int, str]], heard: str | None
) -> None:
    with metadata(answers) as url:
        assert SpotNotice(cloud, url).heard() == heard


@pytest.mark.parametrize(
    ("cloud", "answers", "words"),
    [
        ("aws", {"instance-action": (500, "")}, "status 500"),
        ("aws", {"instance-action": (200, "soon")}, "cannot be read: 'soon'"),
        ("aws", {"instance-action": (200, "{}")}, "cannot be read"),
        ("gcp", {}, "neither TRUE nor FALSE"),
        ("gcp", {"preempted": (200, "perhaps")}, "'perhaps', neither"),
    ],
)
def test_what_is_no_answer_is_told(cloud: Cloud, answers: dict[str, tuple[int, str]], words: str) -> None:
    with metadata(answers) as url, pytest.raises(ClusterUnavailable, match=words):
        SpotNotice(cloud, url).heard()


@given(st.text(max_size=40) | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_any_answer_is_a_notice_or_a_documented_error(text: str) -> None:
    for notice in NOTICES:
        notice._ask = lambda method, path, headers: text  # type: ignore[method-assign]
        with suppress(ClusterUnavailable):
            notice.heard()


def test_that_nobody_answers_is_told_once_and_ends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    watch = SpotWatch(SpotNotice("aws", "http://127.0.0.1:1"))
    assert not watch.is_ending()
    assert "no spot notice can be heard: http://127.0.0.1:1 does not answer" in capsys.readouterr().err
    assert not watch.is_ending()
    assert capsys.readouterr().err == ""


def test_an_address_that_is_none_is_told() -> None:
    with pytest.raises(ConfigurationError, match="no address of metadata"):
        SpotNotice("aws", "169.254.169.254")
