"""How devices are let in by a code, stay in by refresh tokens, and are shut out."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import NotAuthorised
from domain.identifiers import UserId
from gateway.api.app import RATE_PER_ADDRESS
from gateway.api.problems import TooManyRequests
from gateway.api.rates import ADDRESSES_MAX, Rate, Rates
from gateway.auth import SCOPES, Tokens
from gateway.devices import protocol
from gateway.devices.connection import Connection
from gateway.devices.offers import Offers
from gateway.revocations import Revocations
from persistence.logins import LOGINS_MAX, LOST_ANSWER_MS, REFRESH_MS
from persistence.pairings import CODE_MS, SYMBOLS, TRIES_MAX, PairingStore
from persistence.secret_files import drop_old_keys, make_next_key, numbered_keys
from persistence.sqlite import SqliteStore
from tests.gateway.api_rig import Rig, problem_of, rig
from tests.gateway.device_example import hello

ALICE = UserId("alice")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path) as made:
        yield made


def offered(api: Rig, scope: str = "device", by: dict[str, str] | None = None) -> str:
    answer = api.client.post(
        "/v1/users/alice/pairings", json={"scope": scope}, headers=by or api.bearer("alice")
    )
    assert answer.status_code == 201, answer.text
    code: str = answer.json()["code"]
    return code


def exchanged(api: Rig, code: str, device: str = "watch-1") -> httpx.Response:
    answer: httpx.Response = api.client.post("/v1/pairings/exchange", json={"code": code, "device": device})
    return answer


def paired(api: Rig, scope: str = "device") -> dict[str, Any]:
    answer = exchanged(api, offered(api, scope))
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    return tokens


def refreshed(api: Rig, refresh_token: str) -> httpx.Response:
    answer: httpx.Response = api.client.post("/v1/tokens/refresh", json={"refresh_token": refresh_token})
    return answer


def is_good(api: Rig, access_token: str) -> bool:
    headers = {"Authorization": f"Bearer {access_token}"}
    return api.client.get("/v1/users", headers=headers).status_code != 401


def test_a_device_is_let_in_by_a_code_once(api: Rig, offers: Offers) -> None:
    code = offered(api)
    tokens = exchanged(api, code.lower().replace("-", " ")).json()
    claims = api.tokens.verify(tokens["access_token"], SCOPES)
    assert (claims.user, claims.scope, tokens["expires_s"]) == ("alice", "device", 3600)
    welcome = Connection(api.tokens, offers).receive(hello(tokens["access_token"]))
    assert isinstance(welcome.send[0], protocol.Welcome)
    problem_of(exchanged(api, code), 401)
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    problem_of(api.client.get("/v1/users/alice/profile", headers=headers), 403)
    (device,) = api.client.get("/v1/users/alice/devices", headers=api.bearer("alice")).json()["items"]
    assert (device["device"], device["scope"]) == ("watch-1", "device")


def test_what_looks_alike_is_alike(api: Rig) -> None:
    code = offered(api)
    typed = code.replace("0", "O").replace("1", "l")
    assert exchanged(api, typed).status_code == 200


def test_a_code_is_good_for_minutes(api: Rig) -> None:
    code = offered(api)
    api.now_ms += CODE_MS
    problem_of(exchanged(api, code), 401)


def test_the_tries_of_a_code_are_bounded_and_all_refusals_are_alike(api: Rig) -> None:
    code = offered(api)
    wrong = code[:-1] + SYMBOLS[(SYMBOLS.index(code[-1]) + 1) % len(SYMBOLS)]
    unknown = exchanged(api, "ZZZZ-ZZZZ")
    for _ in range(TRIES_MAX):
        assert exchanged(api, wrong).content == unknown.content
    assert exchanged(api, code).content == unknown.content
    assert unknown.status_code == 401


@pytest.fixture(scope="module")
def pairings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PairingStore]:
    store = SqliteStore(tmp_path_factory.mktemp("codes"))
    yield PairingStore(store)
    store.close()


@given(code=st.text(max_size=20))
def test_whatever_is_typed_is_no_code(pairings: PairingStore, code: str) -> None:
    with pytest.raises(NotAuthorised):
        pairings.take(code, 0)


def test_only_an_operator_lets_a_coach_in(api: Rig) -> None:
    own = api.client.post("/v1/users/alice/pairings", json={"scope": "coach"}, headers=api.bearer("alice"))
    problem_of(own, 403)
    tokens = exchanged(api, offered(api, "coach", api.bearer("olga", "operator"))).json()
    assert api.tokens.verify(tokens["access_token"], SCOPES).scope == "coach"
    none = api.client.post(
        "/v1/users/alice/pairings", json={"scope": "operator"}, headers=api.bearer("olga", "operator")
    )
    problem_of(none, 422)


def test_a_refresh_token_is_exchanged_for_the_next(api: Rig) -> None:
    tokens = paired(api, "user")
    for _ in range(3):
        api.now_ms += LOST_ANSWER_MS + 1000
        before = tokens
        tokens = refreshed(api, before["refresh_token"]).json()
        assert is_good(api, tokens["access_token"])
        assert tokens["refresh_token"] != before["refresh_token"]


def test_the_answer_that_was_lost_is_given_again_for_a_moment(api: Rig) -> None:
    tokens = paired(api, "user")
    first = refreshed(api, tokens["refresh_token"]).json()
    again = refreshed(api, tokens["refresh_token"])
    assert again.status_code == 200
    api.now_ms += LOST_ANSWER_MS
    assert refreshed(api, first["refresh_token"]).status_code == 200


def test_a_refresh_token_that_is_used_again_ends_the_login(api: Rig) -> None:
    stolen = paired(api, "user")
    tokens = refreshed(api, stolen["refresh_token"]).json()
    api.now_ms += LOST_ANSWER_MS + 1
    assert is_good(api, tokens["access_token"])
    problem_of(refreshed(api, stolen["refresh_token"]), 401)
    problem_of(refreshed(api, tokens["refresh_token"]), 401)
    assert not is_good(api, tokens["access_token"])
    assert api.client.get("/v1/users/alice/devices", headers=api.bearer("alice")).json()["items"] == []


def test_a_login_that_is_not_used_ends(api: Rig) -> None:
    tokens = paired(api, "user")
    api.now_ms += REFRESH_MS
    problem_of(refreshed(api, tokens["refresh_token"]), 401)


def test_one_kind_of_token_is_not_the_other(api: Rig) -> None:
    tokens = paired(api, "user")
    assert not is_good(api, tokens["refresh_token"])
    problem_of(refreshed(api, tokens["access_token"]), 401)
    problem_of(refreshed(api, "nonsense"), 401)


def test_a_device_is_shut_out_also_where_another_process_looks(api: Rig) -> None:
    tokens, other = paired(api, "user"), paired(api, "user")
    alice = api.bearer("alice")
    first, _ = api.client.get("/v1/users/alice/devices", headers=alice).json()["items"]
    claims = {
        each["access_token"]: api.tokens.verify(each["access_token"], SCOPES) for each in (tokens, other)
    }
    gone = next(each for each in (tokens, other) if claims[each["access_token"]].login == first["login"])
    assert api.client.delete(f"/v1/users/alice/devices/{first['login']}", headers=alice).status_code == 204
    assert not is_good(api, gone["access_token"])
    problem_of(refreshed(api, gone["refresh_token"]), 401)
    elsewhere = Revocations(api.store)
    assert elsewhere.refresh()
    assert not elsewhere.refresh()
    assert [elsewhere.include(each) for each in claims.values()].count(True) == 1
    problem_of(api.client.delete(f"/v1/users/alice/devices/{first['login'][::-1]}", headers=alice), 404)
    bob = api.client.delete(f"/v1/users/bob/devices/{first['login']}", headers=api.bearer("bob"))
    problem_of(bob, 404)


def test_signing_out_ends_this_token_alone(api: Rig) -> None:
    made, other = api.bearer("alice"), api.bearer("alice")
    tokens = paired(api, "user")
    let_in = {"Authorization": f"Bearer {tokens['access_token']}"}
    for mine in (made, let_in):
        assert api.client.delete("/v1/tokens/current", headers=mine).status_code == 204
        problem_of(api.client.get("/v1/users", headers=mine), 401)
    assert api.client.get("/v1/users", headers=other).status_code == 200
    problem_of(refreshed(api, tokens["refresh_token"]), 401)


def test_signing_out_everywhere_ends_all_that_was_issued(api: Rig) -> None:
    tokens, made = paired(api, "user"), api.bearer("alice")
    assert api.client.delete("/v1/users/alice/tokens", headers=made).status_code == 204
    assert not is_good(api, tokens["access_token"])
    problem_of(api.client.get("/v1/users", headers=made), 401)
    problem_of(refreshed(api, tokens["refresh_token"]), 401)
    assert api.client.get("/v1/users", headers=api.bearer("bob")).status_code == 200
    api.now_ms += 1
    assert api.client.get("/v1/users", headers=api.bearer("alice")).status_code == 200


def test_the_logins_of_a_user_are_bounded(api: Rig) -> None:
    pairings = PairingStore(api.store)
    first = paired(api, "user")
    for number in range(LOGINS_MAX):
        api.now_ms += 60_000
        code, _ = pairings.offer(ALICE, "user", api.now_ms)
        assert exchanged(api, code, f"app-{number}").status_code == 200
    items = api.client.get("/v1/users/alice/devices", headers=api.bearer("alice")).json()["items"]
    assert len(items) == LOGINS_MAX
    problem_of(refreshed(api, first["refresh_token"]), 401)


def test_guessing_is_slow(api: Rig) -> None:
    for _ in range(RATE_PER_ADDRESS.burst):
        problem_of(exchanged(api, "ZZZZ-ZZZZ"), 401)
    refused = exchanged(api, "ZZZZ-ZZZZ")
    assert problem_of(refused, 429)["code"] == "too_many_requests"
    assert refused.headers["retry-after"]
    assert refreshed(api, "nonsense").status_code == 401, "that is counted apart"
    api.now_ms += 60_000
    problem_of(exchanged(api, "ZZZZ-ZZZZ"), 401)


def test_all_addresses_together_are_bounded_and_few_are_remembered() -> None:
    now_s = 0.0
    rates = Rates(Rate(burst=1, per_minute=1), Rate(burst=ADDRESSES_MAX + 10, per_minute=1), lambda: now_s)
    for number in range(ADDRESSES_MAX + 10):
        rates.check(str(number))
    with pytest.raises(TooManyRequests):
        rates.check("another")
    assert len(rates._buckets) <= ADDRESSES_MAX


def test_keys_are_changed_without_a_restart(tmp_path: Path) -> None:
    now_s = 1_700_000_000.0
    first = tmp_path / "tokens.key"
    here, there = (Tokens(partial(numbered_keys, first), lambda: now_s) for _ in range(2))
    old = here.issue(ALICE, "user", 1_000_000)
    assert make_next_key(first) == 2
    there.read_keys()
    new = there.issue(ALICE, "user", 1_000_000)
    assert here.verify(new, SCOPES) == here.verify(old, SCOPES), "it reads the keys again for a new one"
    assert drop_old_keys(first) == [1]
    here.read_keys()
    assert here.verify(new, SCOPES).user == ALICE
    with pytest.raises(NotAuthorised):
        here.verify(old, SCOPES)
    assert [make_next_key(first), drop_old_keys(first)] == [3, [1, 2]]


def test_where_the_page_is_open_devices_are_let_in_all_the_same(tmp_path: Path) -> None:
    with rig(tmp_path, with_tokens=False) as api:
        assert paired(api)["scope"] == "device"
        problem_of(api.client.delete("/v1/tokens/current"), 404)
