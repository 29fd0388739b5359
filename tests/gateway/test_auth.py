"""Tokens: what was issued is accepted until it expires, and nothing else ever is."""

from __future__ import annotations

import base64
import json

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput, NotAuthorised
from domain.identifiers import UserId
from gateway.auth import ANY_USER, SCOPES, Claims, Scope, Tokens

KEY = b"k" * 32
NOW_S = 1_700_000_000.0
ANN, BEN = UserId("ann"), UserId("ben")


def tokens(now_s: float = NOW_S) -> Tokens:
    return Tokens(KEY, lambda: now_s)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed(claims: dict[str, object], key: bytes = KEY) -> str:
    return jwt.encode(claims, key, algorithm="HS256")


@pytest.mark.parametrize("scope", SCOPES)
def test_an_issued_token_names_its_user_and_scope(scope: Scope) -> None:
    assert tokens().verify(tokens().issue(ANN, scope, 60), SCOPES) == Claims(ANN, scope)


def test_a_token_acts_for_its_user_and_a_gateways_for_everyone() -> None:
    assert Claims(ANN, "device").allows(ANN)
    assert not Claims(ANN, "device").allows(BEN)
    assert tokens().verify(tokens().issue(ANY_USER, "device", 60), SCOPES).allows(BEN)


@pytest.mark.parametrize(("late_s", "is_valid"), [(59, True), (60, False), (1e9, False)])
def test_a_token_expires_by_the_injected_clock(late_s: float, is_valid: bool) -> None:
    token = tokens().issue(ANN, "device", 60)
    if is_valid:
        assert tokens(NOW_S + late_s).verify(token, SCOPES).user == ANN
    else:
        with pytest.raises(NotAuthorised, match="expired"):
            tokens(NOW_S + late_s).verify(token, SCOPES)


def test_a_token_of_another_scope_is_refused_and_the_right_ones_are_named() -> None:
    with pytest.raises(NotAuthorised, match="scope is 'operator'; expected one of device, user"):
        tokens().verify(tokens().issue(ANN, "operator", 60), ("device", "user"))


def test_no_token_is_issued_for_what_is_no_user() -> None:
    with pytest.raises(InvalidInput):
        tokens().issue(UserId("no user"), "device", 60)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(f"{part({'alg': 'none'})}.{part({'sub': 'ann', 'exp': 2e9})}.", id="alg-none"),
        pytest.param(signed({"sub": "ann", "scope": "device", "exp": int(2e9)}, b"w" * 32), id="other-key"),
        pytest.param(signed({"sub": "ann", "scope": "device"}), id="never-expires"),
        pytest.param(signed({"scope": "device", "exp": int(2e9)}), id="no-user"),
        pytest.param(signed({"sub": "ann", "scope": "device", "exp": "soon"}), id="expires-in-words"),
        pytest.param(signed({"sub": "ann", "scope": ["device"], "exp": int(2e9)}), id="list-of-scopes"),
        pytest.param(signed({"sub": "ann", "exp": int(2e9)}), id="no-scope"),
        pytest.param(signed({"sub": "a b", "scope": "device", "exp": int(2e9)}), id="no-such-name"),
        pytest.param("", id="empty"),
        pytest.param("a.b.c", id="not-json"),
        pytest.param(f"{'W1tb' * 3000}.e30.e30", id="deep-nesting"),
    ],
)
def test_a_token_that_was_not_issued_is_refused(token: str) -> None:
    with pytest.raises(NotAuthorised):
        tokens().verify(token, ("device", "user"))


@given(st.integers(0, 10_000), st.sampled_from("ABab01._-"))
def test_an_altered_token_is_refused(place: int, character: str) -> None:
    token = tokens().issue(ANN, "user", 60)
    payload = token.rindex(".")  # the signature's last character carries bits that base64 ignores
    place %= payload
    altered = token[:place] + character + token[place + 1 :]
    if altered != token:
        with pytest.raises(NotAuthorised):
            tokens().verify(altered, SCOPES)


@given(st.text(max_size=200))
def test_any_text_is_refused_in_words(text: str) -> None:
    with pytest.raises(NotAuthorised):
        tokens().verify(text, SCOPES)
