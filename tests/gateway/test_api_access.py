from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from domain.identifiers import UserId
from gateway.api import create_app
from gateway.api_access import ACCESS, TOKEN_IN_QUERY, Access
from gateway.auth import ANY_USER, Scope, Tokens
from gateway.live import LiveView
from persistence.sqlite import SqliteStore
from tests.gateway.api_example import START_MS, fill, live, recognised

NOW_S = 1_790_000_000.0
TOKENS = Tokens(b"k" * 32, lambda: NOW_S)
STREAMS = {"/v1/live/events"}  # endless: walked by their own test


@pytest.fixture
def live_view() -> LiveView:
    view = LiveView()
    view.apply([live(user, recognised("s", START_MS, "squat", 5)) for user in ("alice", "bob")])
    return view


@pytest.fixture
def client(tmp_path: Path, live_view: LiveView) -> Iterator[TestClient]:
    store = SqliteStore(tmp_path)
    fill(store)
    with TestClient(create_app(store, live_view, TOKENS)) as client:
        yield client
    store.close()


def bearer(user: str, scope: Scope, valid_s: int = 60) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS.issue(UserId(user), scope, valid_s)}"}


def concrete(path: str) -> str:
    return path.format(user="alice", session="s1", model_id="model-2")


def test_every_route_of_the_api_stands_in_the_table(client: TestClient) -> None:
    described = set(client.get("/v1/openapi.json").json()["paths"])
    assert described | {"/v1/openapi.json", "/watch"} == set(ACCESS)


@pytest.mark.parametrize("path", sorted(set(ACCESS) - STREAMS))
def test_the_walk(client: TestClient, path: str) -> None:
    access, address = ACCESS[path], concrete(path)

    def status(headers: dict[str, str]) -> int:
        answer: httpx.Response = client.get(address, headers=headers)
        return answer.status_code

    if access is Access.OPEN:
        assert status({}) == 200
        return
    assert status({}) == 401
    assert status({"Authorization": "Bearer nonsense"}) == 401
    assert status({"Authorization": "Basic YWxpY2U6eA=="}) == 401
    assert status(bearer("alice", "operator", valid_s=-1)) == 401
    assert status(bearer("alice", "device")) == 403
    assert status(bearer("alice", "coach")) == 403
    assert status(bearer("alice", "operator")) == 200
    assert status(bearer(ANY_USER, "operator")) == 200
    assert status(bearer(ANY_USER, "user")) == 403
    assert status(bearer("alice", "user")) == (200 if access is Access.OWN else 403)
    of_a_user = "{user}" in path or access is Access.OPERATOR
    assert status(bearer("bob", "user")) == (403 if of_a_user else 200)
    # Only where headers cannot be sent may the token stand in the address.
    in_query = bearer("alice", "operator")["Authorization"].removeprefix("Bearer ")
    assert client.get(f"{address}?token={in_query}").status_code == 401


def test_the_event_stream_asks_for_a_token_too(client: TestClient, live_view: LiveView) -> None:
    live_view.close()  # so that streams end after what there is
    assert {"/v1/live/events"} == TOKEN_IN_QUERY == STREAMS
    assert client.get("/v1/live/events").status_code == 401
    assert client.get("/v1/live/events?token=nonsense").status_code == 401
    assert client.get("/v1/live/events", headers=bearer("alice", "device")).status_code == 403
    token = bearer("alice", "user")["Authorization"].removeprefix("Bearer ")
    answer = client.get(f"/v1/live/events?token={token}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")


def test_a_refusal_says_how_to_go_on(client: TestClient) -> None:
    answer = client.get("/v1/users")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "muvr token" in answer.json()["remedy"]


def test_a_user_sees_only_what_is_theirs(client: TestClient) -> None:
    alice = bearer("alice", "user")
    assert [user["user"] for user in client.get("/v1/live", headers=alice).json()["users"]] == ["alice"]
    assert [item["user"] for item in client.get("/v1/users", headers=alice).json()["items"]] == ["alice"]
    models = {item["model_id"] for item in client.get("/v1/models", headers=alice).json()["items"]}
    assert models == {"model-1", "model-2"}
    assert client.get("/v1/models/model-bob", headers=alice).status_code == 404
    assert client.get("/v1/models/model-2", headers=alice).json()["lineage"] is None
    assert client.get("/v1/models/model-bob", headers=bearer("bob", "user")).status_code == 200


def test_refusals_do_not_tell_who_exists(client: TestClient) -> None:
    bob = bearer("bob", "user")
    known = client.get("/v1/users/alice/sessions", headers=bob).json()
    unknown = client.get("/v1/users/nobody/sessions", headers=bob).json()
    assert known["detail"].replace("alice", "nobody") == unknown["detail"]
    assert known["status"] == unknown["status"] == 403


def test_with_tokens_any_host_name_is_served(client: TestClient) -> None:
    assert client.get("/health", headers={"host": "muvr.example"}).status_code == 200
