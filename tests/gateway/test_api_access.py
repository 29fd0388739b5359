"""The table of who may do what against every route and every message: user A gets nothing of user B."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import msgpack
import pytest
from fastapi.routing import APIRoute

from gateway.access import MESSAGES, OPEN, ROUTES, Relation
from gateway.api.app import RESOURCES
from gateway.auth import ANY_USER, SCOPES, Scope
from gateway.devices import protocol
from gateway.devices.connection import Connection
from gateway.devices.offers import Offers
from tests.gateway.api_example import START_MS, fill, live, recognised
from tests.gateway.api_rig import Rig, rig
from tests.gateway.device_example import MODEL_DIGEST, error_of, hello, make_tokens, message, token, welcomed

PROVEN_BY_BODY = {"POST /v1/pairings/exchange", "POST /v1/tokens/refresh"}  # to everyone who has a secret
NOT_OFFERED = {"POST /v1/oidc/begin", "POST /v1/oidc/exchange"}  # where there is no provider
STREAMS = {"GET /v1/live/events"}  # endless: walked by their own test
PARAMETERS: dict[str, Any] = {
    "session": "s1",
    "model_id": "model-2",
    "start_ms": START_MS,
    "name": "sled-push",
    "coach": "dr-z",
    "night": "night-1",
    "login": "none",
}
BODIES: dict[str, Any] = {
    "POST /v1/users/{user}/pairings": {"scope": "device"},
    "POST /v1/pairings/exchange": {"code": "ZZZZ-ZZZZ", "device": "watch"},
    "POST /v1/tokens/refresh": {"refresh_token": "nonsense"},
    "POST /v1/oidc/exchange": {"code": "c", "state": "s"},
    "PUT /v1/users/{user}/training": {},
    "PUT /v1/users/{user}/plan": {},
    "PUT /v1/users/{user}/programme": {},
    "PUT /v1/users/{user}/exercises/{name}": {"primary": ["quadriceps"], "movement": "carry"},
    "PUT /v1/exercises/{name}": {"user": "alice"},
    "PUT /v1/users/{user}/profile": {},
    "POST /v1/users/{user}/measurements": {"quantity": "body_weight_kg", "value": 80},
    "PUT /v1/users/{user}/consent": {"recognition": True, "statistics": False, "training": True},
    "POST /v1/users/{user}/sessions/{session}/refusals": {"exercise": "squat"},
    "PUT /v1/users/{user}/sessions/{session}/sets/{start_ms}": {"end_ms": 9, "exercise": "x"},
}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path) as made:
        made.live.apply([live(user, recognised("s", START_MS, "squat", 5)) for user in ("alice", "bob")])
        fill(made.store)
        yield made


def call(api: Rig, name: str, user: str, headers: dict[str, str], query: str = "") -> httpx.Response:
    """A request to a route of the table that is about `user`, if it is about one."""
    method, _, path = name.partition(" ")
    address = path.format(user=user, **PARAMETERS)
    answer: httpx.Response = api.client.request(
        method, address + query, headers=headers, json=BODIES.get(name)
    )
    return answer


def test_every_route_of_the_api_stands_in_the_table(api: Rig) -> None:
    made = [route for resource in RESOURCES for route in resource.routes.routes]
    assert all(isinstance(route, APIRoute) for route in made)
    found = {f"{method} {route.path}" for route in made for method in route.methods}  # type: ignore[attr-defined]
    paths = api.client.get("/v1/openapi.json").json()["paths"]
    described = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert found | described | {"GET /v1/openapi.json"} == set(ROUTES)


def test_every_message_of_a_device_stands_in_the_table() -> None:
    assert {kind.__struct_config__.tag for kind in get_args(protocol.DeviceMessage)} == set(MESSAGES)


@pytest.mark.parametrize("name", sorted(set(ROUTES) - STREAMS))
def test_the_walk(api: Rig, name: str) -> None:
    rule = ROUTES[name]
    if rule is OPEN:
        expected = 401 if name in PROVEN_BY_BODY else 404 if name in NOT_OFFERED else 200
        assert call(api, name, "alice", {}).status_code == expected
        return
    for nobody in (
        {},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Basic YWxpY2U6eA=="},
        api.bearer("alice", "operator", valid_s=-1),
    ):
        assert call(api, name, "alice", nobody).status_code == 401
    # A token in the address is none.
    in_query = api.bearer("alice", "operator")["Authorization"].removeprefix("Bearer ")
    assert call(api, name, "alice", {}, f"?token={in_query}").status_code == 401
    for scope in SCOPES:
        relation = rule.get(scope)
        of_a_user = "{user}" in name
        if relation is Relation.GRANTED:
            only_by_grant(api, name, scope)
            continue
        assert is_let_in(api, name, "alice", api.bearer("alice", scope)) == (relation is not None)
        other = is_let_in(api, name, "alice", api.bearer("bob", scope))
        assert other == (relation is Relation.ANY or (relation is Relation.OWN and not of_a_user))
        any_user = is_let_in(api, name, "alice", api.bearer(ANY_USER, scope))
        assert any_user == (relation is Relation.ANY)


def only_by_grant(api: Rig, name: str, scope: Scope) -> None:
    """By alice's grant, as long as she gives it, and by nobody else's."""
    coach, alice = api.bearer("dr-x", scope), api.bearer("alice")
    assert "{user}" in name
    api.client.put("/v1/users/bob/grants/dr-x", headers=api.bearer("bob"))
    assert not is_let_in(api, name, "alice", coach)
    assert not is_let_in(api, name, "alice", api.bearer("alice", scope))
    assert api.client.put("/v1/users/alice/grants/dr-x", headers=alice).status_code == 200
    assert is_let_in(api, name, "alice", coach)
    assert not is_let_in(api, name, "alice", api.bearer("dr-y", scope))
    assert api.client.delete("/v1/users/alice/grants/dr-x", headers=alice).status_code == 204
    assert not is_let_in(api, name, "alice", coach)
    assert not is_let_in(api, name, "alice", api.bearer(ANY_USER, scope))


def is_let_in(api: Rig, name: str, user: str, headers: dict[str, str]) -> bool:
    """Whether the gate lets a request pass; what the route answers then is another matter."""
    status = call(api, name, user, headers).status_code
    api.now_ms += 1  # so that tokens made from now on outlive what this request may have revoked
    assert status < 500
    assert status != 401
    return status != 403


def test_the_event_stream_asks_for_a_token_too(api: Rig) -> None:
    api.live.close()  # so that streams end after what there is
    client = api.client
    assert client.get("/v1/live/events").status_code == 401
    assert client.get("/v1/live/events", headers={"Authorization": "Bearer nonsense"}).status_code == 401
    assert client.get("/v1/live/events", headers=api.bearer("alice", "device")).status_code == 403
    alice = api.bearer("alice")
    in_query = alice["Authorization"].removeprefix("Bearer ")
    assert client.get(f"/v1/live/events?token={in_query}").status_code == 401
    answer = client.get("/v1/live/events", headers=alice)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")


def test_a_refusal_says_how_to_go_on(api: Rig) -> None:
    answer = api.client.get("/v1/users")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "muvr token" in answer.json()["remedy"]


def test_a_user_sees_only_what_is_theirs(api: Rig) -> None:
    alice, client = api.bearer("alice"), api.client
    assert [user["user"] for user in client.get("/v1/live", headers=alice).json()["users"]] == ["alice"]
    assert [item["user"] for item in client.get("/v1/users", headers=alice).json()["items"]] == ["alice"]
    models = {item["model_id"] for item in client.get("/v1/models", headers=alice).json()["items"]}
    assert models == {"model-1", "model-2"}
    assert client.get("/v1/models/model-bob", headers=alice).status_code == 404
    assert client.get("/v1/models/model-2", headers=alice).json()["lineage"] is None
    assert client.get("/v1/models/model-bob", headers=api.bearer("bob")).status_code == 200


def test_refusals_do_not_tell_who_exists(api: Rig) -> None:
    bob = api.bearer("bob")
    known = api.client.get("/v1/users/alice/sessions", headers=bob).json()
    unknown = api.client.get("/v1/users/nobody/sessions", headers=bob).json()
    assert known["detail"].replace("alice", "nobody") == unknown["detail"]
    assert known["status"] == unknown["status"] == 403


def test_with_tokens_any_host_name_is_served(api: Rig) -> None:
    assert api.client.get("/health", headers={"host": "muvr.example"}).status_code == 200


@pytest.mark.parametrize("scope", SCOPES)
def test_who_may_say_hello(offers: Offers, scope: Scope) -> None:
    output = Connection(make_tokens(), offers).receive(hello(token("ann", scope)))
    is_welcome = isinstance(output.send[0], protocol.Welcome)
    assert is_welcome == (scope in MESSAGES["hello"])


@pytest.mark.parametrize("scope", sorted(MESSAGES["hello"]))
@pytest.mark.parametrize("tag", sorted(set(MESSAGES) - {"hello"}))
def test_the_walk_over_messages(offers: Offers, tag: str, scope: Scope) -> None:
    unsaid = Connection(make_tokens(), offers).receive(device_message(tag))
    assert error_of(unsaid).code == "not_authorised"
    rule, own_user = MESSAGES[tag].get(scope), {} if tag in ("hello", "get_model") else {"user": "ann"}
    own = welcomed(offers, token("ann", scope)).receive(device_message(tag, **own_user))
    assert (own.close_code is None) == (rule is not None)
    if tag == "get_model":
        return  # a model of another user's: tests/gateway/test_offers.py
    assert bool(own.forward) == (rule is Relation.OWN)
    assert bool(own.wishes) == (rule is Relation.GRANTED)
    assert {user for user, _ in own.forward} <= {"ann"}
    of_bob = welcomed(offers, token("ann", scope)).receive(device_message(tag, user="bob"))
    assert not of_bob.forward
    assert not of_bob.joined
    if rule is Relation.GRANTED:  # asked of bob's grants: tests/gateway/test_permits.py
        assert [(wish.user, wish.coach) for wish in of_bob.wishes] == [("bob", "ann")]
    else:
        assert error_of(of_bob).code == "not_authorised"


def device_message(tag: str, **changed: object) -> bytes:
    if tag == "get_model":
        packed: bytes = msgpack.packb({"type": tag, "digest": MODEL_DIGEST, "offset": 0})
        return packed
    return message(tag, **changed)
