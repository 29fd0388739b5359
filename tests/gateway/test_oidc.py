"""Signing in with an OpenID Connect provider that is not ours, end to end over the API."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from oidc_provider_mock import User, run_server_in_thread

from gateway.api.app import RATE_PER_ADDRESS
from gateway.api.oidc import Attempt, OidcSettings
from gateway.api.oidc_provider import client_secret
from gateway.api.resources.sign_in import ATTEMPT_SECONDS
from gateway.auth import SCOPES
from persistence.logins import LOST_ANSWER_MS, VOUCHED_MS
from tests.gateway.api_rig import HERE, Rig, problem_of, rig

PEOPLE = (
    User(sub="olga", claims={"groups": ["staff", "muvr-operators"]}),
    User(sub="carl", claims={"groups": "muvr-coaches"}),
    User(sub="dave", claims={"groups": ["staff", "muvr-operators-not"]}),
    User(sub="eve"),
)


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with run_server_in_thread(user_claims=PEOPLE, require_nonce=True) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def settings(issuer: str, tmp_path: Path) -> OidcSettings:
    secret = tmp_path / "client.secret"
    secret.write_text("s3cret\n")
    return OidcSettings(
        issuer=issuer,
        client_id="muvr",
        secret_file=secret,
        page=f"{HERE}/",
        operators="muvr-operators",
        coaches="muvr-coaches",
        name="Example",
    )


@pytest.fixture
def api(settings: OidcSettings, tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path / "store", oidc=settings) as made:
        made.now_ms = time.time_ns() // 1_000_000  # the provider's clock is the machine's
        yield made


def begun(api: Rig) -> str:
    answer = api.client.post("/v1/oidc/begin")
    assert answer.status_code == 200, answer.text
    url: str = answer.json()["authorization_url"]
    return url


def sent_back(url: str, subject: str) -> dict[str, str]:
    """What the provider has the browser bring back once `subject` has agreed."""
    answer = httpx.post(url, data={"sub": subject})
    assert answer.status_code == 302, answer.text
    where = urlsplit(answer.headers["location"])
    assert f"{where.scheme}://{where.netloc}{where.path}" == f"{HERE}/"
    return {name: values[0] for name, values in parse_qs(where.query).items()}


def finished(api: Rig, said: dict[str, str]) -> httpx.Response:
    body = {name: said[name] for name in ("code", "state")}
    answer: httpx.Response = api.client.post("/v1/oidc/exchange", json=body)
    return answer


def signed_in(api: Rig, subject: str) -> httpx.Response:
    return finished(api, sent_back(begun(api), subject))


def bearer(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def test_an_operator_signs_in_and_is_let_in_as_by_a_code(api: Rig) -> None:
    assert api.client.get("/v1/oidc").json() == {"provider": "Example"}
    answer = signed_in(api, "olga")
    tokens = answer.json()
    claims = api.tokens.verify(tokens["access_token"], SCOPES)
    assert (claims.scope, tokens["scope"], tokens["expires_s"]) == ("operator", "operator", 900)
    assert tokens["user"] == claims.user
    assert claims.user.startswith("oidc-")
    assert api.client.get("/v1/nights", headers=bearer(answer)).status_code == 200
    again = api.client.post("/v1/tokens/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert api.client.get("/v1/nights", headers=bearer(again)).status_code == 200
    devices = api.client.get(f"/v1/users/{claims.user}/devices", headers=bearer(again)).json()["items"]
    assert [(each["device"], each["scope"]) for each in devices] == [("page", "operator")]
    assert api.client.delete("/v1/tokens/current", headers=bearer(again)).status_code == 204
    problem_of(api.client.get("/v1/nights", headers=bearer(answer)), 401)


def test_the_same_person_has_the_same_name_and_another_another(api: Rig) -> None:
    names = [signed_in(api, subject).json()["user"] for subject in ("olga", "olga", "carl")]
    assert names[0] == names[1] != names[2]


def test_who_is_in_no_group_of_ours_is_nobody(api: Rig) -> None:
    assert signed_in(api, "carl").json()["scope"] == "coach"
    for stranger in ("dave", "eve", "somebody"):
        assert "muvr-operators" in problem_of(signed_in(api, stranger), 403)["expected"]


def test_without_a_group_of_coaches_there_are_none(settings: OidcSettings, tmp_path: Path) -> None:
    with rig(tmp_path / "store", oidc=replace(settings, coaches=None)) as api:
        api.now_ms = time.time_ns() // 1_000_000
        problem_of(signed_in(api, "carl"), 403)


def test_the_provider_has_to_say_it_again_after_half_a_day(api: Rig) -> None:
    tokens = signed_in(api, "olga").json()
    api.now_ms += VOUCHED_MS // 2
    tokens = api.client.post("/v1/tokens/refresh", json={"refresh_token": tokens["refresh_token"]}).json()
    api.now_ms += VOUCHED_MS // 2
    problem_of(api.client.post("/v1/tokens/refresh", json={"refresh_token": tokens["refresh_token"]}), 401)


def test_a_stolen_refresh_token_ends_the_login(api: Rig) -> None:
    tokens = signed_in(api, "olga").json()
    refresh = {"refresh_token": tokens["refresh_token"]}
    newer = api.client.post("/v1/tokens/refresh", json=refresh)
    api.now_ms += LOST_ANSWER_MS + 1
    problem_of(api.client.post("/v1/tokens/refresh", json=refresh), 401)
    problem_of(api.client.get("/v1/nights", headers=bearer(newer)), 401)


def test_what_the_provider_is_asked(api: Rig, settings: OidcSettings) -> None:
    url = begun(api)
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    attempt = Attempt(api.tokens.verify_attempt(api.client.cookies[settings.cookie]))
    assert url.startswith(f"{settings.issuer}/oauth2/authorize?")
    assert query == {
        "response_type": "code",
        "client_id": "muvr",
        "redirect_uri": f"{HERE}/",
        "scope": "openid profile",
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": create_s256_code_challenge(attempt.verifier),
        "code_challenge_method": "S256",
    }
    assert len({attempt.state, attempt.nonce, attempt.verifier, attempt.seed}) == 4
    assert 43 <= len(attempt.verifier) <= 128


def test_only_the_browser_that_began_comes_back(api: Rig, tmp_path: Path, settings: OidcSettings) -> None:
    said = sent_back(begun(api), "olga")
    kept = dict(api.client.cookies)
    api.client.cookies.clear()
    problem_of(finished(api, said), 401)  # no cookie: another's browser is sent there with the thief's code
    begun(api)
    problem_of(finished(api, said), 401)  # another attempt
    api.client.cookies.clear()
    api.client.cookies.set(settings.cookie, api.bearer("eve", "operator")["Authorization"][7:])
    problem_of(finished(api, said), 401)  # a token of ours that is no attempt
    api.client.cookies.clear()
    api.client.cookies.update(kept)
    taken = finished(api, said)
    assert taken.status_code == 200
    assert "max-age=0" in taken.headers["set-cookie"].lower()
    problem_of(finished(api, said), 401)  # the provider takes a code once


def test_an_attempt_is_good_for_minutes_and_no_token(api: Rig, settings: OidcSettings) -> None:
    said = sent_back(begun(api), "olga")
    cookie = api.client.cookies[settings.cookie]
    problem_of(api.client.get("/v1/nights", headers={"Authorization": f"Bearer {cookie}"}), 401)
    problem_of(api.client.post("/v1/tokens/refresh", json={"refresh_token": cookie}), 401)
    api.now_ms += ATTEMPT_SECONDS * 1000
    problem_of(finished(api, said), 401)


def test_the_flags_of_the_cookie(api: Rig, settings: OidcSettings, tmp_path: Path) -> None:
    plain = api.client.post("/v1/oidc/begin").headers["set-cookie"]
    flags = {each.strip().partition("=")[0].lower() for each in plain.split(";")}
    assert flags == {"muvr-oidc", "httponly", "max-age", "path", "samesite"}
    assert "samesite=strict" in plain.lower()
    with rig(tmp_path / "secure", oidc=replace(settings, page="https://muvr.example/")) as secure:
        cookie = secure.client.post("/v1/oidc/begin").headers["set-cookie"]
        assert cookie.startswith("__Host-muvr-oidc=")
        assert all(flag in cookie.lower() for flag in ("secure", "path=/;", "httponly", "samesite=strict"))
        assert "domain" not in cookie.lower()


def test_who_asks_too_often_waits(api: Rig) -> None:
    for _ in range(RATE_PER_ADDRESS.burst):
        begun(api)
    problem_of(api.client.post("/v1/oidc/begin"), 429)


def test_where_the_page_is_open_nobody_signs_in(settings: OidcSettings, tmp_path: Path) -> None:
    with rig(tmp_path / "store", with_tokens=False, oidc=settings) as api:
        assert api.client.get("/v1/oidc").json() == {"provider": None}
        problem_of(api.client.post("/v1/oidc/begin"), 404)


def test_the_secret_is_read_again_each_time(settings: OidcSettings) -> None:
    assert client_secret(settings) == "s3cret"
    settings.secret_file.write_text("another")
    assert client_secret(settings) == "another"
