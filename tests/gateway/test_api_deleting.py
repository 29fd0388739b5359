"""Deleting a session over HTTP: gone for everyone at once, and answered when that is durable."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.commands import CloseSession, Command
from domain.identifiers import SessionId
from domain.replies import Refused
from persistence.keys import DataKeyStore
from persistence.rebuild import ReadModels
from persistence.tables import JOURNAL, LABEL, SESSION_BY_USER, SUGGESTION_BY_SESSION
from tests.actors.driving import MASTER_KEY
from tests.gateway.api_example import START_MS, live, recognised
from tests.gateway.api_rig import Rig, problem_of, rig
from tests.gateway.spoken import opening, squatted

SESSIONS = "/v1/users/alice/sessions"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path) as made:
        made.client.headers = made.bearer("alice")  # type: ignore[assignment]
        yield made


def trained(api: Rig, session: str, weight_kg: float = 60.0) -> None:
    end: Command = CloseSession(session=SessionId(session), command_nr=2, at_ms=START_MS + 50_000)
    api.host.tell("alice", opening(session), squatted(session, weight_kg=weight_kg), end)


def test_a_session_and_what_follows_from_it_are_gone(api: Rig) -> None:
    trained(api, "s")
    assert api.client.get("/v1/users/alice/records").json()["items"]
    answer = api.client.delete(f"{SESSIONS}/s")
    assert (answer.status_code, answer.content) == (204, b"")
    problem_of(api.client.get(SESSIONS), 404)
    problem_of(api.client.get(f"{SESSIONS}/s"), 404)
    assert api.client.get("/v1/users/alice/records").json()["items"] == []
    assert api.client.get("/v1/users/alice/progress").json()["items"] == []
    assert not [*api.store.scan(LABEL), *api.store.scan(SESSION_BY_USER)]
    models = ReadModels(api.store, DataKeyStore(api.store, MASTER_KEY), wait=lambda _: None)
    (outcome,) = models.outcomes(["alice"], mend=False)  # type: ignore[list-item]
    assert not outcome.differences
    assert not outcome.problem


def test_again_it_is_done_already_and_stores_nothing(api: Rig) -> None:
    trained(api, "s")
    for headers in ({}, {"Idempotency-Key": "k"}, {"Idempotency-Key": "k"}):
        api.client.delete(f"{SESSIONS}/s", headers=headers)
        count = sum(1 for _ in api.store.scan(JOURNAL))
        assert api.client.delete(f"{SESSIONS}/s").status_code == 204
        assert sum(1 for _ in api.store.scan(JOURNAL)) == count
    problem_of(api.client.delete(f"{SESSIONS}/never"), 404)
    problem_of(api.client.delete(f"{SESSIONS}/%20"), 422)


def test_one_that_goes_on_ends_and_is_not_shown(api: Rig) -> None:
    api.host.tell("alice", opening("s"))
    api.live.apply([live("alice", recognised("s", START_MS, "squat", 5))])
    trained(api, "other")
    api.client.delete(f"{SESSIONS}/other")
    assert [user["session"] for user in api.client.get("/v1/live").json()["users"]] == ["s"]
    assert api.client.delete(f"{SESSIONS}/s").status_code == 204
    assert api.client.get("/v1/live").json()["users"] == []
    (reply,) = api.host.tell("alice", squatted("s"))
    assert isinstance(reply, Refused)
    assert reply.code == "deleted"
    body = {"end_ms": START_MS + 40_000, "exercise": "squat"}
    assert problem_of(api.client.put(f"{SESSIONS}/s/sets/{START_MS}", json=body), 410)["code"] == "deleted"


def test_nobody_else_deletes_it(api: Rig) -> None:
    trained(api, "s")
    for headers in (api.bearer("bob"), api.bearer("root", "operator"), api.bearer("eve", "coach")):
        problem_of(api.client.delete(f"{SESSIONS}/s", headers=headers), 403)
    assert len(api.client.get(SESSIONS).json()["items"]) == 1


def test_a_suggestion_is_refused_as_a_device_does(api: Rig) -> None:
    """In the session that goes on, once, with another suggestion after it if there is one."""
    for nr in range(3):
        trained(api, f"before-{nr}")
    api.host.tell("alice", opening("s"))
    path = f"{SESSIONS}/s/refusals"
    answer = api.client.post(path, json={"exercise": "squat"})
    assert (answer.status_code, answer.json()) == (201, {"exercise": "squat", "at_ms": START_MS})
    count = sum(1 for _ in api.store.scan(JOURNAL))
    assert api.client.post(path, json={"exercise": "squat", "at_ms": START_MS}).status_code == 201
    assert sum(1 for _ in api.store.scan(JOURNAL)) == count
    assert all(row.exercise != "squat" for row in api.store.scan(SUGGESTION_BY_SESSION))
    problem_of(api.client.post(f"{SESSIONS}/before-1/refusals", json={"exercise": "squat"}), 409)
    problem_of(api.client.post(path, json={"exercise": ""}), 422)
