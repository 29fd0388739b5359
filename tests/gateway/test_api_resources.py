"""Plans, places, exercises, records, programmes, grants, nights and the cluster, each through its routes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.view import Member
from domain.replies import ProgrammeHeld
from persistence.jobs import JobStore
from persistence.schema import Timestamp
from persistence.tables import MEMBER, VIEW, MemberRow, ViewRow
from tests.gateway.api_example import START_MS, fill
from tests.gateway.api_rig import Rig, problem_of, rig
from tests.gateway.spoken import opening, squatted

PLACE = {
    "name": "cellar",
    "equipment": ["barbell"],
    "bar_kg": 20.0,
    "plates_kg": [10.0, 2.5],
    "dumbbells_kg": [],
    "stacks_kg": [],
}
TRAINING = {
    "goal": "strength",
    "excluded_exercises": ["deadlift"],
    "excluded_muscles": ["back"],
    "place": PLACE,
    "utc_offset_min": 60,
}
PLAN = {
    "author": "anna",
    "sessions": [
        {
            "name": "legs",
            "weekday": 0,
            "exercises": [
                {
                    "exercise": "squat",
                    "set_count": 3,
                    "repetitions": 5,
                    "weight_kg": 60.0,
                    "share": None,
                    "rest_s": 180,
                }
            ],
        }
    ],
}
PROGRAMME = {
    "prescriptions": [
        {
            "exercise": "squat",
            "set_count": 3,
            "repetitions": 10,
            "days_per_week": 2,
            "tempo_s": {"least": 2.0, "most": None},
            "reach": {"least": None, "most": None},
            "repetitions_limit": 12,
        }
    ],
    "heart_rate_limit": 140,
}
SLED = {
    "primary": ["quadriceps"],
    "secondary": [],
    "equipment": [],
    "movement": "carry",
    "kind": "compound",
    "sides": "both",
}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path) as made:
        made.client.headers = made.bearer("alice")  # type: ignore[assignment]
        yield made


def lifted(api: Rig) -> None:
    """Alice has lifted 60 kg ten times."""
    api.host.tell("alice", opening("s"), squatted("s"))


@pytest.mark.parametrize(("what", "content"), [("training", TRAINING), ("plan", PLAN)])
def test_what_is_replaced_as_a_whole(api: Rig, what: str, content: dict[str, Any]) -> None:
    path = f"/v1/users/alice/{what}"
    nothing = api.client.get(path)
    assert nothing.json()["at_ms"] == 0
    first = api.client.put(path, json=content, headers={"If-Match": nothing.headers["etag"]})
    assert first.json() == content | {"at_ms": START_MS}
    assert api.client.get(path).json() == first.json()
    api.now_ms += 1
    stale = api.client.put(path, json={}, headers={"If-Match": nothing.headers["etag"]})
    assert problem_of(stale, 412)["code"] == "overtaken"
    assert api.client.put(path, json={}, headers={"If-Match": first.headers["etag"]}).status_code == 200
    assert api.client.get(path).json() != first.json()


@pytest.mark.parametrize(
    ("what", "wrong"),
    [
        ("training", {"excluded_muscles": ["tail"]}),
        ("training", {"place": {"name": "cellar", "bar_kg": -1}}),
        ("plan", {"sessions": [{"name": "legs", "exercises": []}]}),
        ("plan", {"sessions": [{"name": "legs", "weekday": 9, "exercises": [{"exercise": "squat"}]}]}),
    ],
)
def test_what_breaks_a_limit_is_refused_in_words(api: Rig, what: str, wrong: dict[str, Any]) -> None:
    problem = problem_of(api.client.put(f"/v1/users/alice/{what}", json=wrong), 422)
    assert problem["code"] == "invalid_input"


def test_an_own_exercise_is_the_users_at_once_and_everyones_when_accepted(api: Rig) -> None:
    operator = api.bearer("olga", "operator")
    path = "/v1/users/alice/exercises/sled-push"
    assert api.client.put(path, json=SLED).json() == SLED | {"name": "sled-push", "at_ms": START_MS}
    (own,) = api.client.get("/v1/users/alice/exercises").json()["items"]
    assert own["name"] == "sled-push"
    (found,) = api.client.get("/v1/contributed-exercises", headers=operator).json()["items"]
    assert (found["user"], found["name"]) == ("alice", "sled-push")
    assert "sled-push" not in names_of(api)
    problem_of(api.client.put("/v1/exercises/other", json={"user": "alice"}, headers=operator), 404)
    accepted = api.client.put("/v1/exercises/sled-push", json={"user": "alice"}, headers=operator)
    assert accepted.status_code == 200
    assert "sled-push" in names_of(api)
    assert api.client.delete("/v1/exercises/sled-push", headers=operator).status_code == 204
    assert "sled-push" not in names_of(api)


def names_of(api: Rig) -> list[str]:
    """All exercises, page by page."""
    names: list[str] = []
    params: dict[str, Any] = {"limit": 50}
    while True:
        page = api.client.get("/v1/exercises", params=params).json()
        names += [each["name"] for each in page["items"]]
        if page["next_cursor"] is None:
            assert names == sorted(set(names))
            return names
        params["cursor"] = page["next_cursor"]


def test_records_are_of_confirmed_sets(api: Rig) -> None:
    assert api.client.get("/v1/users/alice/records").json() == {"items": [], "next_cursor": None}
    lifted(api)
    (best,) = api.client.get("/v1/users/alice/records").json()["items"]
    assert (best["exercise"], best["weight_kg"]) == ("squat", 60.0)
    assert best["maximum_kg"] > 60


def test_a_physiotherapist_prescribes_by_the_patients_grant(api: Rig) -> None:
    anna = api.bearer("anna", "coach")
    path = "/v1/users/alice/programme"
    problem_of(api.client.put(path, json=PROGRAMME, headers=anna), 403)
    granted = api.client.put("/v1/users/alice/grants/anna")
    assert granted.json() == {"user": "alice", "coach": "anna", "given_ms": START_MS}
    assert api.client.get("/v1/users/alice/grants").json()["items"] == [granted.json()]
    assert api.client.get("/v1/coaches/anna/patients", headers=anna).json()["items"] == [granted.json()]
    assert api.client.put(path, json=PROGRAMME, headers=anna).json() == PROGRAMME | {"at_ms": START_MS}
    assert api.client.get(path).json() == PROGRAMME | {"at_ms": START_MS}
    lifted(api)
    (week,) = api.client.get("/v1/users/alice/adherence", headers=anna).json()["weeks"]
    assert (week["exercise"], week["prescribed"], week["done"]) == ("squat", 6, 1)
    api.client.delete("/v1/users/alice/grants/anna")
    problem_of(api.client.get("/v1/users/alice/adherence", headers=anna), 403)
    assert api.client.get("/v1/coaches/anna/patients", headers=anna).json()["items"] == []


def test_devices_are_told_what_was_prescribed_through_the_api(api: Rig) -> None:
    api.client.put("/v1/users/alice/grants/anna")
    api.client.put("/v1/users/alice/programme", json=PROGRAMME, headers=api.bearer("anna", "coach"))
    held = [reply for reply in api.host.tell("alice", opening("s")) if isinstance(reply, ProgrammeHeld)]
    assert held[0].programme.heart_rate_limit == 140


def test_patients_are_pages(api: Rig) -> None:
    patients = [f"p{number}" for number in range(5)]
    for patient in patients:
        api.client.put(f"/v1/users/{patient}/grants/anna", headers=api.bearer(patient))
    anna, seen, params = api.bearer("anna", "coach"), [], {"limit": 2}
    while True:
        page = api.client.get("/v1/coaches/anna/patients", params=params, headers=anna).json()
        seen += [each["user"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert seen == patients


def test_models_are_pages(api: Rig) -> None:
    fill(api.store)
    operator, seen, params = api.bearer("olga", "operator"), [], {"limit": 1}
    while True:
        page = api.client.get("/v1/models", params=params, headers=operator).json()
        seen += [each["model_id"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert sorted(seen) == ["model-1", "model-2", "model-bob"]
    problem_of(api.client.get("/v1/models", params={"cursor": "mine"}, headers=operator), 422)


def test_nights_are_asked_for_and_cancelled(api: Rig) -> None:
    fill(api.store)
    operator = api.bearer("olga", "operator")
    first = api.client.get("/v1/nights", params={"limit": 1}, headers=operator).json()
    rest = api.client.get("/v1/nights", params={"cursor": first["next_cursor"]}, headers=operator).json()
    assert [each["night"] for each in (*first["items"], *rest["items"])] == ["night-2", "night-1"]
    asked = api.client.post("/v1/nights", headers=operator)
    assert asked.status_code == 202
    name = asked.json()["night"]
    assert api.client.get(f"/v1/nights/{name}", headers=operator).json()["state"] == "waiting"
    assert api.client.post(f"/v1/nights/{name}/cancel", headers=operator).status_code == 202
    assert [each.kind for each in JobStore(api.store).requests()].count("cancel") == 1
    problem_of(api.client.post("/v1/nights/night-1/cancel", headers=operator), 409)
    problem_of(api.client.get("/v1/nights/none", headers=operator), 404)


def test_the_cluster_tells_who_serves_which_shards(api: Rig) -> None:
    operator = api.bearer("olga", "operator")
    assert api.client.get("/v1/cluster", headers=operator).json()["members"] == []
    members = [Member(name, "1", f"ws://{name}", f"http://{name}") for name in ("a-0", "b-0")]
    encoded = msgspec.json.encode(members).decode()
    api.store.insert_if_absent(VIEW, [ViewRow("shards", 7, encoded)])
    rows = [MemberRow(each.member_id, "1", 3, 7, each.url, Timestamp(START_MS)) for each in members]
    api.store.insert_if_absent(MEMBER, rows)
    state = api.client.get("/v1/cluster", headers=operator).json()
    assert state["view"] == 7
    assert [each["api_url"] for each in state["members"]] == ["http://a-0", "http://b-0"]
    assert sorted(nr for each in state["members"] for nr in each["shards"]) == list(range(256))
