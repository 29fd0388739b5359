from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import StoredValueCorrupt, StoreUnavailable
from domain.identifiers import UserId, shard_of
from gateway.api.app import create_app
from gateway.api.guard import SECURITY_HEADERS, is_loopback
from gateway.api.live import LiveView
from persistence.ports import Delete, Insert
from persistence.schema import Timestamp
from persistence.sqlite import SqliteStore
from persistence.tables import EVALUATION, SESSION_BY_USER, USER_BY_SHARD, EvaluationRow, SessionRow, UserRow
from tests.gateway.api_example import CLASSES, START_MS, fill, live, recognised

HERE = "http://127.0.0.1:8080"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    yield store
    store.close()


@pytest.fixture
def client(store: SqliteStore) -> Iterator[TestClient]:
    with TestClient(create_app(store, LiveView(), None), base_url=HERE) as client:
        yield client


def problem_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert "Traceback" not in answer.text
    return body


def test_users_and_their_sessions_newest_first(store: SqliteStore, client: TestClient) -> None:
    fill(store)
    users = client.get("/v1/users").json()
    assert sorted(user["user"] for user in users["items"]) == ["alice", "bob"]
    page = client.get("/v1/users/alice/sessions", params={"limit": 2}).json()
    assert [item["session"] for item in page["items"]] == ["s2", "s1"]
    rest = client.get("/v1/users/alice/sessions", params={"limit": 2, "cursor": page["next_cursor"]}).json()
    assert [item["session"] for item in rest["items"]] == ["s0"]
    assert rest["next_cursor"] is None


def test_a_session_has_its_sets_labels_and_suggestions(store: SqliteStore, client: TestClient) -> None:
    fill(store)
    session = client.get("/v1/users/alice/sessions/s1").json()
    assert (len(session["recognised"]), len(session["confirmed"])) == (12, 12)
    assert session["recognised"][4]["exercise"] == "overhead_press"
    assert session["confirmed"][4] | {"weight_kg": 42.5} == session["confirmed"][4]
    assert session["suggested"][0]["taken"] is True
    assert session["ended_ms"] > session["started_ms"]


def test_models_say_which_is_served_and_how_well_they_do(store: SqliteStore, client: TestClient) -> None:
    fill(store)
    items = client.get("/v1/models").json()["items"]
    assert {item["model_id"] for item in items if item["current"]} == {"model-2"}
    assert "confusion" not in items[0]["evaluations"][0]
    detail = client.get("/v1/models/model-2").json()
    (evaluation,) = detail["evaluations"]
    assert detail["classes"] == list(CLASSES)
    assert len(evaluation["confusion"]) == len(CLASSES)
    assert evaluation["f1_macro"] == pytest.approx(0.94)
    assert json.loads(detail["lineage"]) == {"sessions": ["s0"]}


def test_nights_are_newest_first_with_progress_and_logs(store: SqliteStore, client: TestClient) -> None:
    assert client.get("/v1/nights").json() == {"items": [], "next_cursor": None}
    fill(store)
    running, failed = client.get("/v1/nights").json()["items"]
    assert [night["state"] for night in (running, failed)] == ["running", "failed"]
    assert [step["state"] for step in running["steps"]] == ["succeeded", "succeeded", "running", "waiting"]
    assert [step["progress"] for step in running["steps"]] == pytest.approx([1.0, 1.0, 0.62, 0.0])
    assert running["steps"][2]["message"] == "epoch 19 of 30, macro F1 0.91"
    assert running["finished_ms"] is None
    assert [step["state"] for step in failed["steps"]] == ["succeeded", "failed", "skipped"]
    assert failed["steps"][1]["log_tail"] == "no such table: profile\n"
    assert failed["steps"][1]["attempt"] == 3
    assert [night["night"] for night in client.get("/v1/nights?limit=1").json()["items"]] == ["night-2"]


def test_the_live_view_is_shown(store: SqliteStore) -> None:
    view = LiveView()
    view.apply([live("alice", recognised("s", START_MS, "squat", 5))])
    with TestClient(create_app(store, view, None), base_url=HERE) as client:
        (user,) = client.get("/v1/live").json()["users"]
    assert (user["user"], user["exercise"], user["repetitions"]) == ("alice", "squat", 5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(starts=st.lists(st.integers(0, 5), max_size=14), limit=st.integers(1, 6))
def test_pages_together_are_every_session_once(
    store: SqliteStore, client: TestClient, starts: list[int], limit: int
) -> None:
    user = "carol"
    store.write([Delete(SESSION_BY_USER, (user,))])
    # Sessions of one start time test the second part of the key.
    keys = {(START_MS + start, f"s{nr}") for nr, start in enumerate(starts)}
    store.write(
        [Insert(SESSION_BY_USER, SessionRow(user, Timestamp(at), name, "d", None)) for at, name in keys]
    )
    seen: list[tuple[int, str]] = []
    following: dict[str, str] = {}
    while True:
        answer = client.get(f"/v1/users/{user}/sessions", params={"limit": limit} | following)
        if not keys:
            problem_of(answer, 404)
            return
        page = answer.json()
        assert len(page["items"]) == limit or page["next_cursor"] is None
        seen += [(item["started_ms"], item["session"]) for item in page["items"]]
        if page["next_cursor"] is None:
            break
        following = {"cursor": page["next_cursor"]}
    assert seen == sorted(keys, reverse=True)


def test_users_are_paged_over_shards(store: SqliteStore, client: TestClient) -> None:
    names = {f"user-{nr}" for nr in range(600)}  # several per shard
    rows = [UserRow(shard_of(UserId(name)), name, Timestamp(START_MS)) for name in names]
    store.write([Insert(USER_BY_SHARD, row) for row in rows])
    seen: list[str] = []
    page = client.get("/v1/users", params={"limit": 7}).json()
    seen += [item["user"] for item in page["items"]]
    while page["next_cursor"]:
        page = client.get("/v1/users", params={"limit": 7, "cursor": page["next_cursor"]}).json()
        seen += [item["user"] for item in page["items"]]
    assert len(seen) == len(names)
    assert set(seen) == names


@pytest.mark.parametrize(
    "path", ["/v1/users/nobody/sessions", "/v1/users/alice/sessions/s9", "/v1/models/none", "/v1/nope", "/x"]
)
def test_what_is_unknown_is_a_404(store: SqliteStore, client: TestClient, path: str) -> None:
    fill(store)
    problem_of(client.get(path), 404)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/users/-x/sessions",
        "/v1/users/a%00b/sessions",
        f"/v1/users/{'x' * 65}/sessions",
        "/v1/users/alice/sessions/%20",
        "/v1/models/%E2%98%83",
        "/v1/users/alice/sessions?limit=0",
        "/v1/users/alice/sessions?limit=999",
        "/v1/users/alice/sessions?cursor=x",
        "/v1/users/alice/sessions?cursor=1~",
        "/v1/users/alice/sessions?cursor=99999999999999999999~s",
        "/v1/users?cursor=256~a",
        "/v1/nights?limit=many",
    ],
)
def test_what_cannot_be_is_a_422(client: TestClient, path: str) -> None:
    assert problem_of(client.get(path), 422)["code"] == "invalid_input"


def test_writing_is_not_allowed(client: TestClient) -> None:
    problem_of(client.post("/v1/users"), 405)


def test_a_store_that_does_not_answer_is_a_503(
    store: SqliteStore, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise StoreUnavailable("the disk is gone", remedy="look for it")

    monkeypatch.setattr(store, "read", fails)
    for path in ("/ready", "/v1/users", "/v1/users/alice/sessions"):
        answer = client.get(path)
        assert problem_of(answer, 503)["retry"] is True
        assert answer.headers["retry-after"]
    assert client.get("/health").status_code == 200


def test_a_corrupt_row_and_a_mistake_of_ours_are_problems_without_traceback(
    store: SqliteStore, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    broken = EvaluationRow("model-1", Timestamp(START_MS), "other", 0.0, 0.0, 0.0, 0.0, "{")
    store.write([Insert(EVALUATION, broken)])
    assert problem_of(client.get("/v1/models/model-1"), 500)["code"] == StoredValueCorrupt.code

    def mistaken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(store, "read", mistaken)
    answer = client.get("/v1/users")
    assert problem_of(answer, 500)["code"] == "internal"
    assert "secret" not in answer.text
    assert answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/", "/app.js", "/style.css", "/v1/users", "/v1/nope", "/health"])
def test_every_answer_carries_the_security_headers(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert answer.headers["cache-control"] == ("no-store" if path.startswith("/v1/") else "no-cache")


@pytest.mark.parametrize(
    ("host", "right"),
    [
        ("localhost", True),
        ("LOCALHOST:8080", True),
        ("127.0.0.1:8080", True),
        ("127.8.9.1", True),
        ("[::1]:8080", True),
        ("::1", True),
        ("", False),
        ("muvr.example:8080", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("[::1", True),
        ("[::2]", False),
    ],
)
def test_without_tokens_only_a_loopback_name_is_served(client: TestClient, host: str, right: bool) -> None:
    assert is_loopback(host) is right
    answer = client.get("/v1/users", headers={"host": host})
    if right:
        assert answer.status_code == 200
    else:
        problem_of(answer, 421)


def test_the_openapi_description_names_every_route_and_its_answer(client: TestClient) -> None:
    paths = client.get("/v1/openapi.json").json()["paths"]
    assert "/v1/users/{user}/sessions/{session}" in paths
    schema = paths["/v1/nights"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert schema["$ref"].endswith("/NightList")
