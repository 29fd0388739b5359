"""Signing in with a provider of ours that says what a test wants: the steps, over the API."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.gateway.api_example import START_MS
from tests.gateway.api_rig import Rig
from tests.gateway.own_provider import CODE, OwnProvider

NOW_S = START_MS // 1000


def begun(api: Rig) -> str:
    answer = api.client.post("/v1/oidc/begin")
    assert answer.status_code == 200, answer.text
    url: str = answer.json()["authorization_url"]
    return url


def finished(api: Rig, url: str, **said: str) -> httpx.Response:
    state = parse_qs(urlsplit(url).query)["state"][0]
    answer: httpx.Response = api.client.post("/v1/oidc/exchange", json={"code": CODE, "state": state, **said})
    return answer


def with_claims(api: Rig, theirs: OwnProvider, **changed: Any) -> httpx.Response:
    url = begun(api)
    theirs.token = theirs.signed(theirs.claims(url, NOW_S, **changed))
    return finished(api, url)
