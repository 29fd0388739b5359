"""A provider that is away, broken, or describes itself as it should not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.api.oidc_provider import DESCRIPTION_SECONDS, FAILED_SECONDS
from tests.gateway.api_rig import Rig, problem_of, rig
from tests.gateway.oidc_steps import begun, finished, with_claims
from tests.gateway.own_provider import OwnProvider

NOWHERE = "http://127.0.0.1:1"  # nothing listens there
DESCRIBED = "/tenant/.well-known/openid-configuration"


@pytest.fixture
def api(oidc_api: Rig) -> Rig:
    return oidc_api


def test_a_provider_that_is_away_is_a_problem_and_no_failure(tmp_path: Path, theirs: OwnProvider) -> None:
    settings = theirs.settings(tmp_path, issuer=NOWHERE)
    with rig(tmp_path / "store", oidc=settings) as api:
        assert api.client.get("/v1/oidc").json() == {"provider": "Example"}
        answer = api.client.post("/v1/oidc/begin")
        assert problem_of(answer, 503)["code"] == "provider_unavailable"
        assert answer.headers["retry-after"]


WRONG_DESCRIPTIONS: dict[str, tuple[int, Any]] = {
    "an error": (500, {}),
    "elsewhere": (302, {}),
    "no JSON": (200, b"<html>"),
    "a list": (200, []),
    "nothing": (200, b""),
    "another issuer": (200, {"issuer": "https://elsewhere.example"}),
    "deep": (200, b"[" * 100_000),
    "too long": (200, b'{"a": "' + b"a" * (1 << 20) + b'"}'),
}


@pytest.mark.parametrize("what", WRONG_DESCRIPTIONS)
def test_a_provider_that_describes_itself_wrongly(api: Rig, theirs: OwnProvider, what: str) -> None:
    theirs.answers[DESCRIBED] = WRONG_DESCRIPTIONS[what]
    problem_of(api.client.post("/v1/oidc/begin"), 503)
    assert "/tenant/elsewhere" not in theirs.paths


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize(
    "address", [None, "http://elsewhere.example/", "file:///etc/passwd", "javascript:alert(1)"]
)
def test_a_secret_goes_only_where_it_is_safe(
    api: Rig, theirs: OwnProvider, name: str, address: str | None
) -> None:
    theirs.described(**{name: address})
    problem_of(api.client.post("/v1/oidc/begin"), 503)


WRONG_TOKENS: dict[str, tuple[tuple[int, Any], int]] = {
    "the code is not taken": ((400, {"error": "invalid_grant"}), 401),
    "we are not known": ((401, {"error": "invalid_client"}), 503),
    "refused without words": ((400, b"no"), 503),
    "an error": ((500, {}), 503),
    "elsewhere": ((302, {}), 503),
    "no ID token": ((200, {"access_token": "a"}), 503),
    "no text": ((200, {"id_token": ["a"]}), 503),
}


@pytest.mark.parametrize("what", WRONG_TOKENS)
def test_what_is_answered_to_a_code(api: Rig, theirs: OwnProvider, what: str) -> None:
    url = begun(api)
    theirs.answers["/tenant/token"], status = WRONG_TOKENS[what]
    problem_of(finished(api, url), status)
    assert "/tenant/elsewhere" not in theirs.paths


@pytest.mark.parametrize("answer", [(500, {}), (200, b"<html>"), (200, {"keys": []}), (302, {})])
def test_keys_that_are_not_told(api: Rig, theirs: OwnProvider, answer: tuple[int, Any]) -> None:
    theirs.answers["/tenant/keys"] = answer
    problem_of(with_claims(api, theirs), 503)


def test_the_description_is_kept_and_outlives_an_outage(
    api: Rig, theirs: OwnProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    steady_s = 0.0
    provider = api.client.app.state.services.provider  # type: ignore[attr-defined]
    monkeypatch.setattr(provider, "_steady_s", lambda: steady_s)
    theirs.answers[DESCRIBED] = (500, {})
    problem_of(api.client.post("/v1/oidc/begin"), 503)
    del theirs.answers[DESCRIBED]
    problem_of(api.client.post("/v1/oidc/begin"), 503)  # it is not asked again at once
    assert theirs.paths.count(DESCRIBED) == 1
    steady_s += FAILED_SECONDS
    begun(api)
    begun(api)
    assert theirs.paths.count(DESCRIBED) == 2
    steady_s += DESCRIPTION_SECONDS
    theirs.answers[DESCRIBED] = (500, {})
    begun(api)
    assert theirs.paths.count(DESCRIBED) == 3


@pytest.mark.parametrize("said", [{"code": "\ud800"}, {"code": ""}, {"code": "c\n"}, {"code": "c" * 5000}])
def test_what_is_no_code_is_not_handed_on(api: Rig, theirs: OwnProvider, said: dict[str, str]) -> None:
    content = json.dumps({"state": "s", **said})
    answer = api.client.post(
        "/v1/oidc/exchange", content=content, headers={"Content-Type": "application/json"}
    )
    problem_of(answer, 422)
    assert theirs.asked == []


@pytest.mark.parametrize("word", ["state", "iss"])
def test_half_of_a_pair_is_no_failure(api: Rig, theirs: OwnProvider, word: str) -> None:
    state = parse_qs(urlsplit(begun(api)).query)["state"][0]
    content = json.dumps({"code": "c", "state": state, word: "\ud800"})
    answer = api.client.post(
        "/v1/oidc/exchange", content=content, headers={"Content-Type": "application/json"}
    )
    problem_of(answer, 422)


def test_a_secret_that_is_gone_is_a_problem(api: Rig, theirs: OwnProvider, tmp_path: Path) -> None:
    url = begun(api)
    (tmp_path / "client.secret").unlink()
    problem_of(finished(api, url), 503)
