"""A request about a user of another node: done there and answered here, once, with the caller's own token."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from actors.view import Member, View
from gateway.api import forwarding
from gateway.api.forwarding import HOP
from gateway.api.guard import BODY_BYTES_MAX
from gateway.api.server import ApiServer
from gateway.routes import Routes
from persistence.profile_tables import PROFILE
from persistence.tables import JOURNAL
from tests.gateway.api_rig import Rig, problem_of, rig

PROFILE_PATH = "/v1/users/alice/profile"
SOMEONE = {"birth_year": 1985, "sex": "female", "height_cm": 170.0, "experience": "novice"}


def send_elsewhere(here: Rig, url: str) -> None:
    """All users are served by a node whose API is at `url`."""
    there = Member("there", "1", "ws://there", url)
    here.host.commands.reroute(Routes({"here"}, View(1, (there,))))


@contextmanager
def two_nodes(directory: Path) -> Iterator[tuple[Rig, Rig]]:
    """The API that is asked, and the one whose node serves everybody; they share a store and keys."""
    with rig(directory) as here:
        there = Rig(directory, with_tokens=True)
        server = ApiServer(there.client.app, "127.0.0.1", 0)
        server.start()
        try:
            send_elsewhere(here, f"http://127.0.0.1:{server.port}/")
            yield here, there
        finally:
            server.stop()
            there.host.close()
            there.store.close()


def test_a_write_through_any_node_is_done_by_the_users_own(tmp_path: Path) -> None:
    with two_nodes(tmp_path) as (here, there):
        alice = here.bearer("alice")
        done = here.client.put(PROFILE_PATH, json=SOMEONE, headers=alice)
        assert done.status_code == 200
        assert not here.host.taken
        assert [envelope.user for envelope in there.host.taken] == ["alice"]
        (row,) = there.store.scan(PROFILE)
        assert row.user_id == "alice"
        # Conditions and tags come through in both directions.
        seen = alice | {"If-Match": done.headers["etag"]}
        here.now_ms = there.now_ms = here.now_ms + 1
        changed = SOMEONE | {"sex": "other"}
        assert here.client.put(PROFILE_PATH, json=changed, headers=seen).status_code == 200
        here.now_ms = there.now_ms = here.now_ms + 1
        overtaken = here.client.put(PROFILE_PATH, json=SOMEONE, headers=seen)
        assert problem_of(overtaken, 412)["code"] == "overtaken"


def test_a_write_with_a_key_is_done_once_whoever_is_asked(tmp_path: Path) -> None:
    with two_nodes(tmp_path) as (here, there):
        alice = here.bearer("alice") | {"Idempotency-Key": "k"}
        first = here.client.put(PROFILE_PATH, json=SOMEONE, headers=alice)
        count = sum(1 for _ in there.store.scan(JOURNAL))
        here.now_ms = there.now_ms = here.now_ms + 5
        second = here.client.put(PROFILE_PATH, json=SOMEONE, headers=alice)
        assert (first.status_code, first.json()) == (second.status_code, second.json())
        assert second.headers["idempotency-replayed"] == "true"
        assert sum(1 for _ in there.store.scan(JOURNAL)) == count > 0
        other = here.client.put(PROFILE_PATH, json={}, headers=alice)
        assert problem_of(other, 422)["code"] == "key_reused"


def test_what_the_state_alone_knows_is_read_there(tmp_path: Path) -> None:
    with two_nodes(tmp_path) as (here, _):
        alice = here.bearer("alice")
        found = here.client.get("/v1/users/alice/training", headers=alice)
        assert found.status_code == 200
        known = alice | {"If-None-Match": found.headers["etag"]}
        assert here.client.get("/v1/users/alice/training", headers=known).status_code == 304


def test_who_may_not_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with two_nodes(tmp_path) as (here, there):
        for headers, status in ((here.bearer("bob"), 403), ({}, 401), ({"Authorization": "Bearer x"}, 401)):
            problem_of(here.client.put(PROFILE_PATH, json=SOMEONE, headers=headers), status)
        assert not there.host.taken


def test_it_is_sent_on_once_and_no_further(tmp_path: Path) -> None:
    with two_nodes(tmp_path) as (here, there):
        alice = here.bearer("alice")
        send_elsewhere(there, "http://127.0.0.1:9/")
        moving = problem_of(here.client.put(PROFILE_PATH, json=SOMEONE, headers=alice), 503)
        assert (moving["code"], moving["retry"]) == ("not_answered", True)
        last = here.client.put(
            f"{PROFILE_PATH}?x=1", json=SOMEONE, headers=alice | {HOP: "1"}, follow_redirects=False
        )
        assert problem_of(last, 307)["code"] == "served_elsewhere"
        assert last.headers["location"].endswith(f"{PROFILE_PATH}?x=1")


def test_a_body_that_is_too_long_stays_here(tmp_path: Path) -> None:
    with two_nodes(tmp_path) as (here, there):
        answer = here.client.put(
            PROFILE_PATH, content=b" " * (BODY_BYTES_MAX + 1), headers=here.bearer("alice")
        )
        problem_of(answer, 413)
        assert not there.host.taken


@contextmanager
def stub(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[tuple[str, list[Any]]]:
    """A server that keeps what it was sent, and answers like that."""
    came: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            came.append((self.path, dict(self.headers), self.rfile.read(length)))
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/muvr", came
    server.shutdown()
    server.server_close()


def long_answer(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(bytes(200))


def no_http(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"nonsense\r\n\r\n")


def half(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "10")
    handler.end_headers()
    handler.wfile.write(b"half")


@pytest.mark.parametrize("answer", [long_answer, no_http, half])
def test_what_is_no_answer_may_be_sent_again(
    tmp_path: Path, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarding, "ANSWER_BYTES_MAX", 100)
    with rig(tmp_path) as here, stub(answer) as (url, _):
        send_elsewhere(here, url)
        refused = problem_of(here.client.put(PROFILE_PATH, json=SOMEONE, headers=here.bearer("alice")), 503)
        assert (refused["code"], refused["retry"]) == ("not_answered", True)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://127.0.0.1:x", "nonsense", "https://[::1]:1"])
def test_a_node_that_is_not_there_is_told(tmp_path: Path, url: str) -> None:
    with rig(tmp_path) as here:
        send_elsewhere(here, url)
        refused = problem_of(here.client.put(PROFILE_PATH, json=SOMEONE, headers=here.bearer("alice")), 503)
        assert refused["code"] == "not_answered"


def test_only_what_the_other_node_needs_is_sent_and_comes_back(tmp_path: Path) -> None:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("ETag", '"5"')
        handler.send_header("Set-Cookie", "a=b")
        handler.end_headers()
        handler.wfile.write(b"{}")

    with rig(tmp_path) as here, stub(answer) as (url, came):
        send_elsewhere(here, url)
        headers = here.bearer("alice") | {"X-Reason": "why", "Cookie": "c=d", "X-Forwarded-For": "1.2.3.4"}
        done = here.client.put(f"{PROFILE_PATH}?x=a%20b", json=SOMEONE, headers=headers)
        assert (done.status_code, done.headers["etag"]) == (200, '"5"')
        assert "set-cookie" not in done.headers
        assert "content-security-policy" in done.headers
        ((path, sent, body),) = came
        assert path == f"/muvr{PROFILE_PATH}?x=a%20b"
        names = {name.lower() for name in sent}
        assert names <= {*forwarding._ASKED, HOP.lower(), "host", "content-length", "accept-encoding"}
        assert (sent["authorization"], sent["x-reason"]) == (headers["Authorization"], "why")
        assert b"birth_year" in body
