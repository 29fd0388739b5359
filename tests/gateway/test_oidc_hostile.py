"""What a provider may say that lets nobody in, and when it changes its keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from gateway.access import ROUTES
from gateway.api.oidc import LEEWAY_SECONDS, OidcSettings, is_safe_address
from gateway.api.oidc_provider import NEW_KEYS_SECONDS
from tests.gateway.api_rig import Rig, problem_of, rig
from tests.gateway.oidc_steps import NOW_S, begun, finished, with_claims
from tests.gateway.own_provider import (
    CLIENT,
    CODE,
    PAGE,
    SECRET,
    OwnProvider,
    challenge_of,
    made_key,
)
from tests.gateway.test_api_fuzz import fuzz


@pytest.fixture
def api(oidc_api: Rig) -> Rig:
    return oidc_api


def test_a_right_token_lets_in_and_the_code_is_proven(api: Rig, theirs: OwnProvider) -> None:
    url = begun(api)
    assert url.startswith(f"{theirs.issuer}/authorize?tenant=1&response_type=code&")
    theirs.token = theirs.signed(theirs.claims(url, NOW_S))
    assert finished(api, url, iss=theirs.issuer).json()["scope"] == "operator"
    ((header, form),) = theirs.asked
    assert header is not None
    user, _, password = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
    assert (user, password) == ("muvr%3A+here", "s3cret%2F%2B+%25")
    assert challenge_of(form.pop("code_verifier")) == parse_qs(urlsplit(url).query)["code_challenge"][0]
    assert form == {"grant_type": "authorization_code", "code": CODE, "redirect_uri": PAGE}


def test_a_provider_that_wants_the_secret_in_the_body_gets_it_there(api: Rig, theirs: OwnProvider) -> None:
    theirs.described(token_endpoint_auth_methods_supported=["client_secret_post"])
    assert with_claims(api, theirs).status_code == 200
    ((header, form),) = theirs.asked
    assert (header, form["client_id"], form["client_secret"]) == (None, CLIENT, SECRET)


REFUSED: dict[str, dict[str, Any]] = {
    "another audience": {"aud": "another"},
    "no audience": {"aud": None},
    "several audiences": {"aud": [CLIENT, "another"]},
    "another party": {"aud": [CLIENT, "another"], "azp": "another"},
    "another party of ours": {"azp": "another"},
    "another issuer": {"iss": "https://elsewhere.example"},
    "an issuer with a slash more": {"iss": "/"},
    "no issuer": {"iss": None},
    "another nonce": {"nonce": "n" * 43},
    "no nonce": {"nonce": None},
    "a nonce that is none": {"nonce": 7},
    "half of a nonce": {"nonce": "\ud800"},
    "expired": {"exp": NOW_S - LEEWAY_SECONDS},
    "never expires": {"exp": None},
    "expires as a text": {"exp": "9999999999"},
    "issued tomorrow": {"iat": NOW_S + 86_400},
    "valid tomorrow": {"nbf": NOW_S + 86_400},
    "no time of issue": {"iat": None},
    "nobody": {"sub": None},
    "a number for a name": {"sub": 7},
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_token_that_is_wrong_in_one_thing_lets_nobody_in(api: Rig, theirs: OwnProvider, what: str) -> None:
    changed = REFUSED[what]
    if changed.get("iss") == "/":
        changed = {"iss": f"{theirs.issuer}/"}
    problem_of(with_claims(api, theirs, **changed), 401)


@pytest.mark.parametrize(
    "groups", [None, [], "staff", ["muvr-operators "], {"muvr-operators": 1}, [["muvr-operators"]], 1]
)
def test_who_is_not_named_has_no_part(api: Rig, theirs: OwnProvider, groups: Any) -> None:
    problem_of(with_claims(api, theirs, groups=groups), 403)


def test_what_is_right_at_the_limit_is_taken(api: Rig, theirs: OwnProvider) -> None:
    for changed in (
        {"exp": NOW_S - LEEWAY_SECONDS + 1},
        {"iat": NOW_S + LEEWAY_SECONDS},
        {"aud": [CLIENT]},
        {"aud": [CLIENT, "another"], "azp": CLIENT},
        {"groups": "muvr-operators"},
    ):
        assert with_claims(api, theirs, **changed).status_code == 200, changed


def unsigned(theirs: OwnProvider, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, None, "none", headers={"kid": "first"})


def by_public_key(theirs: OwnProvider, claims: dict[str, Any]) -> str:
    """HS256 with the provider's public key for a secret; by hand, as the library refuses to make it."""
    public = theirs.keys["first"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    parts = [json.dumps(each).encode() for each in ({"alg": "HS256", "kid": "first"}, claims)]
    text = b".".join(base64.urlsafe_b64encode(each).rstrip(b"=") for each in parts)
    mac = base64.urlsafe_b64encode(hmac.digest(public, text, hashlib.sha256)).rstrip(b"=")
    return (text + b"." + mac).decode()


def by_client_secret(theirs: OwnProvider, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, SECRET * 4, "HS256", headers={"kid": "first"})


def by_another_key(theirs: OwnProvider, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, made_key("another"), "RS256", headers={"kid": "first"})


def by_an_unknown_key(theirs: OwnProvider, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, made_key("another"), "RS256", headers={"kid": "unknown"})


def by_its_own_key(theirs: OwnProvider, claims: dict[str, Any]) -> str:
    """With the key that fits in the header, which must not be looked at."""
    key = made_key("another")
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return jwt.encode(claims, key, "RS256", headers={"kid": "first", "jwk": jwk})


def by_another_algorithm(theirs: OwnProvider, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, theirs.keys["first"], "PS256", headers={"kid": "first"})


def changed_afterwards(theirs: OwnProvider, claims: dict[str, Any]) -> str:
    head, _, mac = theirs.signed(claims | {"groups": []}).split(".")
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{head}.{body}.{mac}"


FORGERIES = (
    unsigned,
    by_public_key,
    by_client_secret,
    by_another_key,
    by_an_unknown_key,
    by_its_own_key,
    by_another_algorithm,
    changed_afterwards,
)


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_a_token_that_is_not_signed_by_the_provider_lets_nobody_in(
    api: Rig, theirs: OwnProvider, forge: Callable[[OwnProvider, dict[str, Any]], str]
) -> None:
    url = begun(api)
    theirs.token = forge(theirs, theirs.claims(url, NOW_S))
    problem_of(finished(api, url), 401)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "..", "é.é.é", "e30.e30.", "x" * 70_000])
def test_what_is_no_token_lets_nobody_in(api: Rig, theirs: OwnProvider, token: str) -> None:
    url = begun(api)
    theirs.token = token
    assert finished(api, url).status_code in (401, 503)


def test_keys_are_changed(api: Rig, theirs: OwnProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    assert with_claims(api, theirs).status_code == 200
    theirs.keys["second"] = made_key("second")
    url = begun(api)
    theirs.token = theirs.signed(theirs.claims(url, NOW_S), "second")
    fetched = theirs.paths.count("/tenant/keys")
    problem_of(finished(api, url), 401)  # too soon after they were fetched
    assert theirs.paths.count("/tenant/keys") == fetched
    later_s = time.monotonic() + NEW_KEYS_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: later_s)
    assert finished(api, url).status_code == 200


def test_a_key_without_a_name_is_taken_if_it_is_the_only_one(api: Rig, theirs: OwnProvider) -> None:
    url = begun(api)
    theirs.token = jwt.encode(theirs.claims(url, NOW_S), theirs.keys["first"], "RS256")
    assert finished(api, url).status_code == 200
    theirs.keys["second"] = made_key("second")
    problem_of(finished(api, url), 401)


def test_another_providers_answer_is_not_taken(api: Rig, theirs: OwnProvider) -> None:
    url = begun(api)
    theirs.token = theirs.signed(theirs.claims(url, NOW_S))
    problem_of(finished(api, url, iss="https://elsewhere.example"), 401)
    assert theirs.asked == [], "the code goes nowhere"


def test_who_says_iss_must_always_say_it(api: Rig, theirs: OwnProvider) -> None:
    theirs.described(authorization_response_iss_parameter_supported=True)
    url = begun(api)
    theirs.token = theirs.signed(theirs.claims(url, NOW_S))
    problem_of(finished(api, url), 401)
    assert finished(api, url, iss=theirs.issuer).status_code == 200


@pytest.mark.parametrize("name", sorted(name for name in ROUTES if "/v1/oidc" in name))
def test_whatever_is_asked_is_answered_as_described(tmp_path: Path, theirs: OwnProvider, name: str) -> None:
    with rig(tmp_path / "store", oidc=theirs.settings(tmp_path)) as api:
        fuzz(api, name, 8)


@given(st.text(max_size=40))
def test_any_text_is_judged_as_an_address(text: str) -> None:
    for url in (text, f"https://{text}", f"http://127.0.0.1{text}", f"http://localhost:{text}"):
        if is_safe_address(url):
            host = str(urlsplit(url).hostname)
            assert urlsplit(url).scheme == "https" or host == "localhost" or host.startswith("127.")


def test_addresses() -> None:
    safe = ("https://id.example/realms/a", "http://127.0.0.1:9/", "http://localhost", "http://[::1]:8080/")
    unsafe = (
        "http://id.example",
        "https://",
        "https://u:p@id.example",
        "https://a/#b",
        "ftp://127.0.0.1",
        "https://a:x",
    )
    assert [is_safe_address(url) for url in (*safe, *unsafe)] == [True] * len(safe) + [False] * len(unsafe)


def test_settings_say_which_cookie() -> None:
    rest = {"issuer": "i", "client_id": "c", "secret_file": Path(), "operators": "o", "name": "n"}
    assert OidcSettings(page="https://a/", **rest).cookie == "__Host-muvr-oidc"  # type: ignore[arg-type]
    assert OidcSettings(page="http://127.0.0.1/", **rest).cookie == "muvr-oidc"  # type: ignore[arg-type]
